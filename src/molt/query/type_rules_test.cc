// Types that only engines' columns and parameters have, within expressions.
#include "molt/query/type_rules.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "molt/query/binder.h"

namespace molt::query {
namespace {

using ::testing::HasSubstr;
using types::LogicalType;
using types::TypeId;

const Table kItems("items", types::Schema{{"small", TypeId::kInt16},
                                          {"id", TypeId::kInt32},
                                          {"ratio", TypeId::kFloat32},
                                          {"price", LogicalType::Decimal128(12, 2)},
                                          {"tags", LogicalType::ListOf(TypeId::kUtf8)},
                                          {"span", LogicalType::RangeOf(TypeId::kDate)},
                                          {"data", TypeId::kJson},
                                          {"age", TypeId::kInterval},
                                          {"made", TypeId::kTimestamp},
                                          {"sold", TypeId::kTimestampTz},
                                          {"name", TypeId::kUtf8}});

TypeId TypeOfExpr(const Expr& e) {
  const auto bound = Bind(From(kItems).Select({e}), {});
  EXPECT_TRUE(bound) << bound.error().message;
  return bound ? bound->select[0].expr.type.id : TypeId::kNull;
}

std::string Mistake(const Expr& condition) {
  const auto bound = Bind(From(kItems).Where(condition), {});
  return bound ? "no error" : bound.error().message;
}

Expr List() {
  return Expr(types::Value(types::List(types::ListItems{{types::Value(std::int64_t{1})}})));
}

TEST(TypeRules, NarrowColumnsCountAsTheirWideTypes) {
  EXPECT_EQ(TypeOfExpr(kItems["small"] + 1), TypeId::kInt64);
  EXPECT_EQ(TypeOfExpr(kItems["small"] % kItems["id"]), TypeId::kInt64);
  EXPECT_EQ(TypeOfExpr(kItems["ratio"] * 2), TypeId::kFloat64);
  EXPECT_EQ(TypeOfExpr(kItems["price"] * kItems["small"]), TypeId::kDecimal);
  EXPECT_EQ(TypeOfExpr(kItems["id"].Sum()), TypeId::kInt64);
  EXPECT_EQ(TypeOfExpr(kItems["ratio"].Max()), TypeId::kFloat64);
  EXPECT_THAT(Mistake(kItems["id"] == "x"), HasSubstr("cannot be compared"));
  EXPECT_THAT(Mistake(kItems["ratio"] % 2 == 0), HasSubstr("mod needs whole numbers"));
}

TEST(TypeRules, TypesThatQueriesKnowNothingOfAreLeftToTheEngine) {
  for (const char* name : {"tags", "span", "data", "age"}) {
    EXPECT_EQ(Mistake(kItems[name] == "x"), "no error") << name;
    EXPECT_EQ(Mistake(kItems[name] == 1), "no error") << name;
    EXPECT_EQ(Mistake(kItems[name] == List()), "no error") << name;
  }
  EXPECT_EQ(Mistake(kItems["name"] == Expr(types::Value(types::Interval{}))), "no error");
}

TEST(TypeRules, AListBesideAPlainColumnPointsToIn) {
  EXPECT_EQ(Mistake(kItems["id"] == List()),
            "column \"items\".\"id\" (int32) cannot be compared with a list by eq; to compare with "
            "any of its items use in_()");
  EXPECT_THAT(Mistake(List() < kItems["name"]), HasSubstr("use in_()"));
}

TEST(TypeRules, ADatetimeBesideAColumnOfTheOtherKindIsToldWhatToDo) {
  const Expr aware(types::Value(types::Timestamp{0, true}));
  const Expr naive(types::Value(types::Timestamp{0, false}));
  EXPECT_EQ(
      Mistake(kItems["made"] == aware),
      "column \"items\".\"made\" (timestamp) cannot be compared with a value (timestamptz) by "
      "eq; give a datetime without a zone, or declare the column as Any if it has one");
  EXPECT_EQ(
      Mistake(naive < kItems["sold"]),
      "a value (timestamp) cannot be compared with column \"items\".\"sold\" (timestamptz) by "
      "lt; give a datetime with a zone");
  EXPECT_THAT(Mistake(kItems["sold"] > Expr(types::Value(types::Date{0}))),
              HasSubstr("; give a datetime with a zone"));
  EXPECT_THAT(Mistake(kItems["made"] == kItems["sold"]), ::testing::EndsWith(" by eq"));
  EXPECT_THAT(Mistake(kItems["sold"] == 1), ::testing::EndsWith(" by eq"));
  EXPECT_EQ(Mistake(kItems["made"] == naive), "no error");
  EXPECT_EQ(Mistake(kItems["sold"] == aware), "no error");
}

}  // namespace
}  // namespace molt::query
