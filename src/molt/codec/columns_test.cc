#include "molt/codec/columns_decoder.h"

#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "molt/codec/columns_format.h"
#include "molt/codec/encoder_testing.h"

namespace molt::codec {
namespace {

using types::LogicalType;
using types::TypeId;
using types::Value;

types::RecordBatchPtr BatchOf(const LogicalType& type, const std::vector<Value>& values) {
  return codec::BatchOf({{"cölumn", type, values}});
}

std::string Encoded(const std::vector<types::RecordBatchPtr>& batches) {
  auto encoded = Encode(ResultFormat::kColumns, batches);
  EXPECT_TRUE(encoded) << encoded.error().message;
  return encoded ? std::move(*encoded) : std::string();
}

std::vector<types::RecordBatchPtr> Decoded(const std::string& bytes) {
  ColumnsDecoder decoder;
  std::vector<types::RecordBatchPtr> batches;
  const Status status = decoder.Add(bytes, batches);
  EXPECT_TRUE(status) << status.error().message;
  return batches;
}

std::vector<Value> ValuesOf(const types::RecordBatch& batch) {
  std::vector<Value> values;
  for (std::int64_t row = 0; row < batch.num_rows; ++row) {
    values.push_back(batch.columns[0].ValueAt(row));
  }
  return values;
}

Value ListOf(std::vector<Value> values, std::vector<std::int32_t> bounds = {}) {
  return types::List(types::ListItems{std::move(values), std::move(bounds)});
}

struct Example {
  LogicalType type;
  std::vector<Value> values;
};

std::vector<Example> Examples() {
  const std::string text("\0é日🚚", 10);
  return {
      {TypeId::kBool, {true, types::Null{}, false}},
      {TypeId::kInt64, {std::numeric_limits<std::int64_t>::min(), types::Null{}, std::int64_t{7}}},
      {TypeId::kFloat64, {-0.0, std::numeric_limits<double>::infinity(), types::Null{}}},
      {TypeId::kUtf8, {text, std::string(), types::Null{}}},
      {TypeId::kBinary, {types::Bytes{text}, types::Bytes{""}}},
      {TypeId::kDate, {types::Date{-719162}, types::Null{}}},
      {TypeId::kTime, {types::Time{86'399'999'999}}},
      {TypeId::kTimestamp, {types::Timestamp{-1, false}}},
      {TypeId::kTimestampTz, {types::Timestamp{1, true}, types::Null{}}},
      {TypeId::kDecimal, {types::Decimal{"1e400"}, types::Decimal{"NaN"}}},
      {TypeId::kUuid, {types::Uuid{{1, 2, 3}}, types::Null{}}},
      {TypeId::kInterval, {types::Interval{-1, 2, 3'000}}},
      {TypeId::kTimeTz, {types::TimeTz{1, -3600}}},
      {TypeId::kJson, {types::Json{R"({"a": null})"}}},
      {TypeId::kInet, {types::Inet{"10.0.0.1/8", false}}},
      {LogicalType::Network(), {types::Inet{"10.0.0.0/8", true}}},
      {LogicalType::Other("tsvector"), {types::Other{"'a':1"}, types::Null{}}},
      {LogicalType::Decimal128(12, 2), {types::Decimal{"12.50"}, types::Null{}}},
      {LogicalType::ListOf(TypeId::kInt64),
       {ListOf({std::int64_t{1}, types::Null{}}), ListOf({}), types::Null{}}},
      {LogicalType::RangeOf(TypeId::kInt64),
       {types::Range(types::RangeBounds{false, std::int64_t{1}, types::Null{}, true, false}),
        types::Range(), types::Null{}}},
      {TypeId::kNull, {types::Null{}, types::Null{}}},
      {TypeId::kInt64, {}},
      {LogicalType::ListOf(TypeId::kUtf8), {}},
  };
}

TEST(ColumnsTest, EveryTypeComesBackAsItWas) {
  for (const Example& example : Examples()) {
    SCOPED_TRACE(types::TypeName(example.type));
    const auto batch = BatchOf(example.type, example.values);
    const auto back = Decoded(Encoded({batch}));
    ASSERT_EQ(back.size(), 1U);
    EXPECT_EQ(*back[0]->schema, *batch->schema);
    EXPECT_EQ(back[0]->columns[0].type, batch->columns[0].type);
    EXPECT_EQ(ValuesOf(*back[0]), ValuesOf(*batch));
    EXPECT_EQ(Encoded(back), Encoded({batch}));
  }
}

TEST(ColumnsTest, ValuesOfEveryKindStandInOneColumn) {
  types::ColumnBuilder builder(TypeId::kInt64);
  std::vector<Value> values;
  for (const Example& example : Examples()) {
    for (const Value& value : example.values) values.push_back(value);
  }
  values.push_back(ListOf({ListOf({std::int64_t{1}}, {})}, {2, 3}));
  auto batch = std::make_shared<types::RecordBatch>();
  types::Column column;
  column.type = TypeId::kInt64;
  column.length = static_cast<std::int64_t>(values.size());
  column.mixed = values;
  batch->columns.push_back(std::move(column));
  batch->schema = std::make_shared<const types::Schema>(types::Schema{{"m", TypeId::kInt64, true}});
  batch->num_rows = static_cast<std::int64_t>(values.size());
  const auto back = Decoded(Encoded({batch}));
  ASSERT_EQ(back.size(), 1U);
  EXPECT_EQ(back[0]->columns[0].mixed, values);
}

TEST(ColumnsTest, PartsAreReadAsTheyCome) {
  const auto encoder = MakeEncoder(ResultFormat::kColumns);
  ColumnsDecoder decoder;
  std::vector<types::RecordBatchPtr> batches;
  for (std::int64_t number = 0; number < 3; ++number) {
    ASSERT_TRUE(encoder->Add(BatchOf(TypeId::kInt64, {number})));
    ASSERT_TRUE(decoder.Add(encoder->Take(), batches));
  }
  ASSERT_EQ(batches.size(), 3U);
  EXPECT_EQ(ValuesOf(*batches[2]), std::vector<Value>{std::int64_t{2}});
}

TEST(ColumnsTest, WhatIsCutAnywhereIsRefusedOrShorter) {
  const std::string whole =
      Encoded({BatchOf(LogicalType::ListOf(TypeId::kUtf8), {ListOf({std::string("ab")})})});
  for (std::size_t size = 0; size < whole.size(); ++size) {
    ColumnsDecoder decoder;
    std::vector<types::RecordBatchPtr> batches;
    const Status status = decoder.Add(whole.substr(0, size), batches);
    if (!status) {
      EXPECT_EQ(status.error().code, ErrorCode::kProtocol);
    }
    EXPECT_TRUE(batches.empty());
  }
}

TEST(ColumnsTest, OffsetsThatLeadOutOfTheDataAreRefused) {
  const auto batch = BatchOf(TypeId::kUtf8, {std::string("abc")});
  std::string bytes = Encoded({batch});
  const std::string offset("\x03\0\0\0", 4);  // where "abc" ends
  const std::size_t at = bytes.rfind(offset, bytes.size() - 12);
  ASSERT_NE(at, std::string::npos);
  bytes[at] = '\x04';
  ColumnsDecoder decoder;
  std::vector<types::RecordBatchPtr> batches;
  EXPECT_FALSE(decoder.Add(bytes, batches));
}

TEST(ColumnsTest, AsManyValuesAsPromisedMustBeThere) {
  std::string bytes;
  ColumnsWriter writer(bytes);
  writer.Number<std::uint8_t>(16);
  writer.Number<std::uint32_t>(0);
  writer.Number<std::uint32_t>(0xFFFFFFFF);
  ColumnsReader reader(bytes);
  static_cast<void>(reader.Value());
  EXPECT_TRUE(reader.is_spoiled());
}

TEST(ColumnsTest, ListsNestNoDeeperThanTheyMay) {
  std::string bytes;
  ColumnsWriter writer(bytes);
  for (int depth = 0; depth < 100'000; ++depth) {
    writer.Number<std::uint8_t>(16);
    writer.Number<std::uint32_t>(0);
    writer.Number<std::uint32_t>(1);
  }
  ColumnsReader reader(bytes);
  static_cast<void>(reader.Value());
  EXPECT_TRUE(reader.is_spoiled());
}

}  // namespace
}  // namespace molt::codec
