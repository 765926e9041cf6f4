#include "molt/types/column_builder.h"

#include <cmath>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace molt::types {
namespace {

std::vector<Value> Cells(const Column& column) {
  std::vector<Value> cells;
  for (std::int64_t row = 0; row < column.length; ++row) cells.push_back(column.ValueAt(row));
  return cells;
}

Column Build(LogicalType type, const std::vector<Value>& values) {
  ColumnBuilder builder(type);
  for (const Value& value : values) builder.AppendValue(value);
  return builder.Finish();
}

// One value of each type that has typed buffers.
std::vector<Value> TypedValues() {
  return {true,
          std::int64_t{-7},
          2.5,
          std::string("text"),
          Bytes{std::string("\0\xFF", 2)},
          Date{19'000},
          Time{1},
          Timestamp{-1, false},
          Timestamp{1, true},
          Decimal{"-1.50E-7"},
          Uuid{{1, 2, 255}},
          Interval{-1, 2, -3},
          TimeTz{86'400'000'000, -16'201},
          Json{"{\"a\": 1}"},
          Inet{"10.0.0.1/24", false},
          Inet{"10.0.0.0/8", true},
          Other{"(1,2)"},
          List(ListItems{{std::int64_t{1}, Null{}, std::int64_t{-2}}}),
          List(ListItems{{List(ListItems{{std::string("a")}}), List(), Null{}}})};
}

TEST(ColumnBuilder, GivesBackWhatWasAppendedWithNullsAnywhere) {
  for (const Value& value : TypedValues()) {
    // Every position of the first NULL within and across the bytes of a bitmap.
    for (int first_null = 0; first_null < 20; ++first_null) {
      std::vector<Value> values(20, value);
      values[static_cast<std::size_t>(first_null)] = Null{};
      values[19] = Null{};
      const Column column = Build(TypeOf(value), values);
      EXPECT_FALSE(column.IsMixed());
      EXPECT_EQ(column.null_count, first_null == 19 ? 1 : 2);
      EXPECT_EQ(column.validity.size(), 3U);
      EXPECT_EQ(Cells(column), values) << TypeName(column.type) << ", NULL at " << first_null;
    }
  }
}

TEST(ColumnBuilder, HasNoValidityWithoutNulls) {
  const Column column = Build(TypeId::kInt64, {std::int64_t{1}, std::int64_t{2}});
  EXPECT_TRUE(column.validity.empty());
  EXPECT_EQ(column.null_count, 0);
}

TEST(ColumnBuilder, AnUntypedColumnTakesTheTypeOfItsFirstValue) {
  for (const Value& value : TypedValues()) {
    const std::vector<Value> values = {Null{}, Null{}, value, Null{}, value};
    const Column column = Build(TypeId::kUnknown, values);
    EXPECT_EQ(column.type, TypeOf(value));
    EXPECT_FALSE(column.IsMixed());
    EXPECT_EQ(Cells(column), values);
  }
}

TEST(ColumnBuilder, OnlyNullsStayUntypedAndHaveNoBuffers) {
  const Column column = Build(TypeId::kUnknown, {Null{}, Null{}});
  EXPECT_EQ(column.type, TypeId::kUnknown);
  EXPECT_EQ(column.null_count, 2);
  EXPECT_TRUE(column.validity.empty());
  EXPECT_TRUE(column.data.empty());
  EXPECT_TRUE(column.IsNull(1));
}

TEST(ColumnBuilder, AValueOfAnotherTypeMakesItMixed) {
  for (const Value& value : TypedValues()) {
    const Value other = Range();
    const std::vector<Value> values = {value, Null{}, other, Null{}, value};
    const Column column = Build(TypeOf(value), values);
    EXPECT_TRUE(column.IsMixed());
    EXPECT_EQ(column.type, TypeOf(value));
    EXPECT_EQ(column.null_count, 2);
    EXPECT_TRUE(column.data.empty());
    EXPECT_EQ(Cells(column), values);
  }
}

TEST(ColumnBuilder, TimestampsWithAndWithoutZoneDoNotShareAColumn) {
  const std::vector<Value> values = {Timestamp{1, false}, Timestamp{1, true}};
  const Column column = Build(TypeId::kTimestamp, values);
  EXPECT_TRUE(column.IsMixed());
  EXPECT_EQ(Cells(column), values);
}

TEST(ColumnBuilder, RangesAreMixedFromTheStart) {
  const Range range(RangeBounds{false, std::int64_t{1}, Null{}, true, false});
  const std::vector<Value> values = {Null{}, range, Range(), Null{}};
  for (const LogicalType& type : {LogicalType(), LogicalType::RangeOf(TypeId::kInt64)}) {
    const Column column = Build(type, values);
    EXPECT_TRUE(column.IsMixed());
    EXPECT_EQ(column.null_count, 2);
    EXPECT_EQ(Cells(column), values);
  }
  EXPECT_EQ(Cells(Build(LogicalType::RangeOf(TypeId::kInt64), {Null{}})),
            std::vector<Value>{Null{}});
}

// Builds a column of `value` among NULLs and tells whether it stayed typed; its cells must be
// `expected`.
bool Fits(const LogicalType& type, const Value& value, const Value& expected) {
  const Column column = Build(type, {Null{}, value, Null{}});
  EXPECT_EQ(Cells(column), (std::vector<Value>{Null{}, expected, Null{}})) << TypeName(type);
  EXPECT_EQ(column.null_count, 2);
  return !column.IsMixed();
}

TEST(ColumnBuilder, NarrowNumbersTakeWhatTheyHoldExactly) {
  for (const std::int64_t fits : {-32'768, 0, 32'767}) {
    EXPECT_TRUE(Fits(TypeId::kInt16, fits, fits));
    EXPECT_TRUE(Fits(TypeId::kInt32, fits, fits));
  }
  EXPECT_FALSE(Fits(TypeId::kInt16, std::int64_t{32'768}, std::int64_t{32'768}));
  EXPECT_TRUE(Fits(TypeId::kInt32, std::int64_t{-2'147'483'648}, std::int64_t{-2'147'483'648}));
  EXPECT_FALSE(Fits(TypeId::kInt32, std::int64_t{2'147'483'648}, std::int64_t{2'147'483'648}));
  EXPECT_TRUE(Fits(TypeId::kFloat32, 0.5, 0.5));
  EXPECT_TRUE(Fits(TypeId::kFloat32, HUGE_VAL, HUGE_VAL));
  EXPECT_FALSE(Fits(TypeId::kFloat32, 0.1, 0.1));
  EXPECT_FALSE(Fits(TypeId::kFloat32, 1e300, 1e300));
  EXPECT_FALSE(Fits(TypeId::kFloat32, std::int64_t{1}, std::int64_t{1}));
}

TEST(ColumnBuilder, AFixedDecimalHasItsScaleOrIsMixed) {
  const LogicalType money = LogicalType::Decimal128(5, 2);
  EXPECT_TRUE(Fits(money, Decimal{"1.5"}, Decimal{"1.50"}));
  EXPECT_TRUE(Fits(money, Decimal{"-999.99"}, Decimal{"-999.99"}));
  EXPECT_TRUE(Fits(money, Decimal{"0"}, Decimal{"0.00"}));
  EXPECT_TRUE(Fits(money, Decimal{"1E+2"}, Decimal{"100.00"}));
  for (const char* text : {"1000", "0.001", "NaN", "Infinity", "1E+3", ""}) {
    EXPECT_FALSE(Fits(money, Decimal{text}, Decimal{text})) << text;
  }
  EXPECT_FALSE(Fits(money, std::int64_t{1}, std::int64_t{1}));
}

TEST(ColumnBuilder, AnIntervalTooLongForNanosecondsIsMixed) {
  const std::int64_t max = 9'223'372'036'854'775;
  EXPECT_TRUE(Fits(TypeId::kInterval, Interval{1, 2, max}, Interval{1, 2, max}));
  EXPECT_TRUE(Fits(TypeId::kInterval, Interval{1, 2, -max}, Interval{1, 2, -max}));
  EXPECT_FALSE(Fits(TypeId::kInterval, Interval{1, 2, max + 1}, Interval{1, 2, max + 1}));
}

TEST(ColumnBuilder, NetworksAndAddressesDoNotShareAColumn) {
  EXPECT_FALSE(Fits(TypeId::kInet, Inet{"10.0.0.0/8", true}, Inet{"10.0.0.0/8", true}));
  EXPECT_FALSE(Fits(LogicalType::Network(), Inet{"10.0.0.0/8"}, Inet{"10.0.0.0/8"}));
}

List Ints(std::vector<Value> items) { return List(ListItems{std::move(items)}); }

TEST(ColumnBuilder, ListsAreBuiltItemByItem) {
  ColumnBuilder builder(LogicalType::ListOf(TypeId::kInt32));
  builder.items().AppendInt32(1);
  builder.items().AppendNull();
  builder.EndList();
  builder.AppendNull();
  builder.EndList();
  builder.items().AppendInt32(2);
  builder.EndList();
  EXPECT_GE(builder.ByteSize(), 3 * sizeof(std::int32_t) + 5 * sizeof(std::int32_t));
  const Column column = builder.Finish();
  EXPECT_FALSE(column.IsMixed());
  ASSERT_EQ(column.children.size(), 1U);
  EXPECT_EQ(column.children[0].length, 3);
  EXPECT_EQ(Cells(column), (std::vector<Value>{Ints({std::int64_t{1}, Null{}}), Null{}, List(),
                                               Ints({std::int64_t{2}})}));
  EXPECT_EQ(builder.ByteSize(), 0U);
  builder.ReserveAsLast();
  builder.items().AppendInt32(3);
  builder.EndList();
  EXPECT_EQ(Cells(builder.Finish()), std::vector<Value>{Ints({std::int64_t{3}})});
}

TEST(ColumnBuilder, AListWhoseItemsDoNotFitMakesItMixed) {
  ColumnBuilder builder(LogicalType::ListOf(TypeId::kDate));
  builder.items().AppendInt32(1);
  builder.EndList();
  builder.AppendNull();
  builder.items().AppendInt32(2);
  builder.items().AppendValue(Other{"infinity"});
  builder.EndList();
  EXPECT_TRUE(builder.IsMixed());
  // It goes on as it began.
  builder.items().AppendInt32(3);
  builder.EndList();
  builder.AppendValue(Ints({Date{4}}));
  builder.EndList();
  EXPECT_GE(builder.ByteSize(), 6 * sizeof(Value));
  EXPECT_EQ(Cells(builder.Finish()),
            (std::vector<Value>{Ints({Date{1}}), Null{}, Ints({Date{2}, Other{"infinity"}}),
                                Ints({Date{3}}), Ints({Date{4}}), List()}));
  builder.items().AppendInt32(5);
  builder.EndList();
  const Column next = builder.Finish();
  EXPECT_FALSE(next.IsMixed());
  EXPECT_EQ(Cells(next), std::vector<Value>{Ints({Date{5}})});
}

TEST(ColumnBuilder, AFirstListWhoseItemsDoNotFitIsKept) {
  const Value nested = Ints({Ints({std::int64_t{1}}), Ints({std::int64_t{2}})});
  const Column column = Build(LogicalType::ListOf(TypeId::kInt64), {nested, Null{}});
  EXPECT_TRUE(column.IsMixed());
  EXPECT_EQ(Cells(column), (std::vector<Value>{nested, Null{}}));
}

TEST(ColumnBuilder, AListOfUnknownItemsTakesTheTypeOfTheFirst) {
  const std::vector<Value> values = {List(), Ints({Null{}}), Ints({Null{}, 2.5})};
  const Column column = Build(TypeId::kUnknown, values);
  EXPECT_EQ(column.type, LogicalType::ListOf(TypeId::kFloat64));
  EXPECT_FALSE(column.IsMixed());
  EXPECT_EQ(Cells(column), values);
  const Column empty = Build(TypeId::kUnknown, {List()});
  EXPECT_EQ(empty.type, LogicalType::ListOf(TypeId::kUnknown));
}

TEST(ColumnBuilder, WidensIntegersThatAreExactAsDoubles) {
  ColumnBuilder builder(TypeId::kInt64);
  builder.AppendInt64(kMaxExactDouble);
  builder.AppendNull();
  builder.AppendInt64(-kMaxExactDouble);
  ASSERT_TRUE(builder.WidenToFloat64());
  builder.AppendDouble(0.5);
  const Column column = builder.Finish();
  EXPECT_EQ(column.type, TypeId::kFloat64);
  EXPECT_EQ(Cells(column),
            (std::vector<Value>{9007199254740992.0, Null{}, -9007199254740992.0, 0.5}));
}

TEST(ColumnBuilder, KeepsIntegersThatADoubleWouldRound) {
  ColumnBuilder builder(TypeId::kInt64);
  builder.AppendInt64(kMaxExactDouble + 1);
  EXPECT_FALSE(builder.WidenToFloat64());
  EXPECT_EQ(builder.Finish().ValueAt(0), Value(kMaxExactDouble + 1));
}

TEST(ColumnBuilder, DoesNotWidenAMixedColumn) {
  ColumnBuilder builder(TypeId::kInt64);
  builder.AppendInt64(1);
  builder.AppendValue(std::string("x"));
  EXPECT_FALSE(builder.WidenToFloat64());
  EXPECT_EQ(Cells(builder.Finish()), (std::vector<Value>{std::int64_t{1}, std::string("x")}));
}

TEST(ColumnBuilder, AnEmptyTextColumnHasItsOneOffset) {
  for (const TypeId id : {TypeId::kUtf8, TypeId::kBinary, TypeId::kDecimal, TypeId::kTimeTz,
                          TypeId::kJson, TypeId::kInet, TypeId::kOther, TypeId::kList}) {
    const Column column = ColumnBuilder(id).Finish();
    ASSERT_EQ(column.offsets.size(), sizeof(std::int32_t));
    EXPECT_EQ(*column.offsets.As<std::int32_t>(), 0);
  }
}

TEST(ColumnBuilder, EmptyTextIsNotNull) {
  const std::vector<Value> values = {std::string(), Null{}, std::string()};
  EXPECT_EQ(Cells(Build(TypeId::kUtf8, values)), values);
}

TEST(ColumnBuilder, BeginsTheNextBatchAfterFinish) {
  ColumnBuilder builder(TypeId::kUtf8);
  builder.AppendBytes("a");
  builder.AppendValue(std::int64_t{1});
  EXPECT_TRUE(builder.Finish().IsMixed());
  EXPECT_EQ(builder.length(), 0);
  EXPECT_EQ(builder.ByteSize(), 0U);
  builder.AppendBytes("b");
  const Column second = builder.Finish();
  EXPECT_FALSE(second.IsMixed());
  EXPECT_EQ(Cells(second), (std::vector<Value>{std::string("b")}));
}

TEST(ColumnBuilder, CountsTheBytesOfMixedValues) {
  ColumnBuilder builder(TypeId::kInt64);
  builder.AppendValue(std::string(1000, 'x'));
  EXPECT_GE(builder.ByteSize(), 1000U);
}

}  // namespace
}  // namespace molt::types
