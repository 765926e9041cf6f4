#include "molt/types/column_builder.h"

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
          Timestamp{1, true}};
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
    const Value other = Decimal{"1.5"};
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

TEST(ColumnBuilder, DecimalsAndUuidsAreMixedFromTheStart) {
  for (const Value& value : {Value(Decimal{"1.50"}), Value(Uuid{{1, 2}})}) {
    const std::vector<Value> values = {Null{}, value, Null{}};
    const Column column = Build(TypeOf(value), values);
    EXPECT_TRUE(column.IsMixed());
    EXPECT_EQ(column.null_count, 2);
    EXPECT_EQ(Cells(column), values);
  }
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
  for (const TypeId id : {TypeId::kUtf8, TypeId::kBinary}) {
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
