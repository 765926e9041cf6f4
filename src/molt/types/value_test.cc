#include "molt/types/value.h"

#include <gtest/gtest.h>

namespace molt::types {
namespace {

List ListOf(std::vector<Value> items) { return List(ListItems{std::move(items)}); }

TEST(Value, ListsAreComparedByTheirItems) {
  EXPECT_EQ(List(), List());
  EXPECT_EQ(List(), ListOf({}));
  EXPECT_EQ(ListOf({std::int64_t{1}, ListOf({Null{}})}),
            ListOf({std::int64_t{1}, ListOf({Null{}})}));
  EXPECT_NE(ListOf({std::int64_t{1}}), ListOf({1.0}));
  EXPECT_NE(ListOf({Null{}}), List());
}

TEST(Value, RangesAreComparedByTheirBounds) {
  const auto range = [](Value lower, bool inclusive) {
    return Range(RangeBounds{false, std::move(lower), Null{}, inclusive, false});
  };
  EXPECT_EQ(Range(), Range(RangeBounds{true, std::int64_t{1}, Null{}, true, false}));
  EXPECT_EQ(range(Date{1}, true), range(Date{1}, true));
  EXPECT_NE(range(Date{1}, true), range(Date{2}, true));
  EXPECT_NE(range(Date{1}, true), range(Date{1}, false));
  EXPECT_NE(range(Null{}, false), Range());
}

TEST(Value, ListsAndRangesHaveTheTypeOfTheirFirstValue) {
  EXPECT_EQ(TypeOf(ListOf({Null{}, 1.5, std::int64_t{1}})), LogicalType::ListOf(TypeId::kFloat64));
  EXPECT_EQ(TypeOf(List()), LogicalType::ListOf(TypeId::kUnknown));
  EXPECT_EQ(TypeOf(ListOf({ListOf({Date{1}})})),
            LogicalType::ListOf(LogicalType::ListOf(TypeId::kDate)));
  EXPECT_EQ(TypeOf(Range(RangeBounds{false, Null{}, Date{1}, false, false})),
            LogicalType::RangeOf(TypeId::kDate));
}

TEST(LogicalType, IsComparedWithItsDetails) {
  EXPECT_EQ(LogicalType::ListOf(TypeId::kInt32), LogicalType::ListOf(TypeId::kInt32));
  EXPECT_NE(LogicalType::ListOf(TypeId::kInt32), LogicalType::ListOf(TypeId::kInt64));
  EXPECT_NE(LogicalType::ListOf(TypeId::kInt32), LogicalType::RangeOf(TypeId::kInt32));
  EXPECT_NE(LogicalType::Decimal128(12, 2), LogicalType::Decimal128(12, 3));
  EXPECT_NE(LogicalType::Other("a"), LogicalType::Other("b"));
  EXPECT_NE(LogicalType::Network(), LogicalType(TypeId::kInet));
  EXPECT_EQ(LogicalType::Other(""), LogicalType(TypeId::kOther));
  EXPECT_EQ(LogicalType::ListOf(LogicalType::Other("a")).element().name(), "a");
  EXPECT_EQ(LogicalType(TypeId::kList).element(), TypeId::kUnknown);
}

TEST(LogicalType, EveryTypeHasANameOfItsOwn) {
  for (int i = 0; i <= static_cast<int>(TypeId::kRange); ++i) {
    const LogicalType type = static_cast<TypeId>(i);
    EXPECT_EQ(TypeFromName(TypeName(type)), type);
  }
}

TEST(LogicalType, QueriesKnowTheCoarseTypesAlone) {
  EXPECT_EQ(Coarse(TypeId::kInt16), TypeId::kInt64);
  EXPECT_EQ(Coarse(TypeId::kFloat32), TypeId::kFloat64);
  EXPECT_EQ(Coarse(LogicalType::Decimal128(5, 2)), TypeId::kDecimal);
  EXPECT_EQ(Coarse(LogicalType::ListOf(TypeId::kInt64)), TypeId::kUnknown);
  EXPECT_EQ(Coarse(LogicalType::Network()), TypeId::kUnknown);
  EXPECT_EQ(Coarse(TypeId::kUuid), TypeId::kUuid);
}

}  // namespace
}  // namespace molt::types
