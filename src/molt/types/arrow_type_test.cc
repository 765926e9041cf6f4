// The types that Arrow has no plain counterpart of, exported and read back by nanoarrow.
#include "molt/types/arrow_type.h"

#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "molt/types/arrow_export.h"
#include "molt/types/column_builder.h"
#include "nanoarrow/nanoarrow.hpp"

namespace molt::types {
namespace {

using Values = std::vector<Value>;

Column Build(const LogicalType& type, const Values& values) {
  ColumnBuilder builder(type);
  for (const Value& value : values) builder.AppendValue(value);
  return builder.Finish();
}

RecordBatchPtr BatchOf(Column column) {
  auto batch = std::make_shared<RecordBatch>();
  batch->schema = std::make_shared<Schema>(Schema{{"c", column.type}});
  batch->num_rows = column.length;
  batch->columns.push_back(std::move(column));
  return batch;
}

List ListOf(Values items) { return List(ListItems{std::move(items)}); }
Range Bounds(Value lower, Value upper) {
  return Range(RangeBounds{false, std::move(lower), std::move(upper), true, false});
}

// One exported column: its schema, and its batches as validated views.
struct Exported {
  nanoarrow::UniqueSchema schema;
  std::vector<nanoarrow::UniqueArray> arrays;
  std::vector<nanoarrow::UniqueArrayView> views;

  [[nodiscard]] const ArrowSchema& field() const { return *schema->children[0]; }
  [[nodiscard]] const ArrowArrayView& column(std::size_t batch = 0) const {
    return *views[batch]->children[0];
  }
};

Exported Export(const LogicalType& type, std::vector<Column> columns) {
  const Schema schema = {{"c", type}};
  std::vector<RecordBatchPtr> batches;
  for (Column& column : columns) batches.push_back(BatchOf(std::move(column)));
  const Status status = CheckExportable(schema, batches);
  EXPECT_TRUE(status) << status.error().message;
  nanoarrow::UniqueArrayStream stream;
  EXPECT_TRUE(ExportStream(schema, std::move(batches), stream.get()));
  Exported exported;
  EXPECT_EQ(stream->get_schema(stream.get(), exported.schema.get()), 0);
  for (;;) {
    nanoarrow::UniqueArray array;
    EXPECT_EQ(stream->get_next(stream.get(), array.get()), 0);
    if (array->release == nullptr) return exported;
    nanoarrow::UniqueArrayView view;
    ArrowError error;
    EXPECT_EQ(ArrowArrayViewInitFromSchema(view.get(), exported.schema.get(), &error), 0);
    EXPECT_EQ(ArrowArrayViewSetArray(view.get(), array.get(), &error), 0) << error.message;
    EXPECT_EQ(ArrowArrayViewValidate(view.get(), NANOARROW_VALIDATION_LEVEL_FULL, &error), 0)
        << error.message;
    const ArrowArrayView& column = *view->children[0];
    EXPECT_EQ(column.null_count, ArrowArrayViewComputeNullCount(&column));
    exported.arrays.push_back(std::move(array));
    exported.views.push_back(std::move(view));
  }
}

Exported ExportValues(const LogicalType& type, const Values& values) {
  std::vector<Column> columns;
  columns.push_back(Build(type, values));
  return Export(type, std::move(columns));
}

std::string MetadataOf(const ArrowSchema& field, const char* key) {
  ArrowStringView value{nullptr, 0};
  EXPECT_EQ(ArrowMetadataGetValue(field.metadata, ArrowCharView(key), &value), 0);
  return value.data == nullptr
             ? "none"
             : std::string(value.data, static_cast<std::size_t>(value.size_bytes));
}

std::string TextAt(const ArrowArrayView& column, std::int64_t row) {
  const ArrowStringView text = ArrowArrayViewGetStringUnsafe(&column, row);
  return {text.data, static_cast<std::size_t>(text.size_bytes)};
}

std::string RefusalOf(const LogicalType& type, const Values& values) {
  const Status status = CheckExportable({{"c", type}}, {BatchOf(Build(type, values))});
  EXPECT_FALSE(status);
  if (status) return "";
  EXPECT_EQ(status.error().code, ErrorCode::kInvalidQuery);
  return status.error().message;
}

TEST(ArrowType, NarrowNumbersKeepTheirWidth) {
  const auto small = ExportValues(TypeId::kInt16, {std::int64_t{-7}, Null{}});
  EXPECT_STREQ(small.field().format, "s");
  EXPECT_EQ(ArrowArrayViewGetIntUnsafe(&small.column(), 0), -7);
  EXPECT_TRUE(ArrowArrayViewIsNull(&small.column(), 1));
  const auto medium = ExportValues(TypeId::kInt32, {Null{}, std::int64_t{1} << 30});
  EXPECT_STREQ(medium.field().format, "i");
  EXPECT_EQ(ArrowArrayViewGetIntUnsafe(&medium.column(), 1), 1 << 30);
  const auto real = ExportValues(TypeId::kFloat32, {Null{}, 0.5});
  EXPECT_STREQ(real.field().format, "f");
  EXPECT_EQ(ArrowArrayViewGetDoubleUnsafe(&real.column(), 1), 0.5);
}

TEST(ArrowType, FixedDecimals) {
  const auto exported =
      ExportValues(LogicalType::Decimal128(12, 2), {Null{}, Decimal{"-1.5"}, Decimal{"99"}});
  EXPECT_STREQ(exported.field().format, "d:12,2");
  ArrowDecimal decimal;
  ArrowDecimalInit(&decimal, 128, 12, 2);
  ArrowArrayViewGetDecimalUnsafe(&exported.column(), 1, &decimal);
  EXPECT_EQ(ArrowDecimalGetIntUnsafe(&decimal), -150);
  ArrowArrayViewGetDecimalUnsafe(&exported.column(), 2, &decimal);
  EXPECT_EQ(ArrowDecimalGetIntUnsafe(&decimal), 9900);
}

TEST(ArrowType, UuidsAreTheCanonicalExtension) {
  const auto exported = ExportValues(TypeId::kUuid, {Null{}, Uuid{{1, 2, 3}}});
  EXPECT_STREQ(exported.field().format, "w:16");
  EXPECT_EQ(MetadataOf(exported.field(), "ARROW:extension:name"), "arrow.uuid");
  EXPECT_EQ(MetadataOf(exported.field(), "ARROW:extension:metadata"), "");
  const ArrowBufferView cell = ArrowArrayViewGetBytesUnsafe(&exported.column(), 1);
  ASSERT_EQ(cell.size_bytes, 16);
  EXPECT_EQ(std::memcmp(cell.data.data, "\x01\x02\x03\x00", 4), 0);
}

TEST(ArrowType, Intervals) {
  const auto exported = ExportValues(TypeId::kInterval, {Null{}, Interval{14, -3, 1'500'000}});
  EXPECT_STREQ(exported.field().format, "tin");
  ArrowInterval interval;
  ArrowIntervalInit(&interval, NANOARROW_TYPE_INTERVAL_MONTH_DAY_NANO);
  ArrowArrayViewGetIntervalUnsafe(&exported.column(), 1, &interval);
  EXPECT_EQ(interval.months, 14);
  EXPECT_EQ(interval.days, -3);
  EXPECT_EQ(interval.ns, 1'500'000'000);
}

TEST(ArrowType, TypesKeptAsTextSayWhatTheyAre) {
  const struct {
    LogicalType type;
    Value value;
    std::string text;
    std::string own_name;
    std::string extension;
  } cases[] = {
      {TypeId::kUtf8, std::string("a"), "a", "none", "none"},
      {TypeId::kDecimal, Decimal{"NaN"}, "NaN", "decimal", "none"},
      {TypeId::kTimeTz, TimeTz{1'000'000, 7'200}, "00:00:01+02:00", "timetz", "none"},
      {TypeId::kJson, Json{"[1]"}, "[1]", "none", "arrow.json"},
      {TypeId::kInet, Inet{"10.0.0.1"}, "10.0.0.1", "inet", "none"},
      {LogicalType::Network(), Inet{"10.0.0.0/8", true}, "10.0.0.0/8", "inet", "none"},
      {LogicalType::Other("tsvector"), Other{"'a':1"}, "'a':1", "tsvector", "none"},
      {LogicalType::RangeOf(TypeId::kInt32), Bounds(std::int64_t{1}, std::int64_t{10}), "[1,10)",
       "range", "none"},
  };
  for (const auto& each : cases) {
    const auto exported = ExportValues(each.type, {Null{}, each.value});
    EXPECT_STREQ(exported.field().format, "u");
    EXPECT_EQ(MetadataOf(exported.field(), "molt.type"), each.own_name);
    EXPECT_EQ(MetadataOf(exported.field(), "ARROW:extension:name"), each.extension);
    EXPECT_TRUE(ArrowArrayViewIsNull(&exported.column(), 0));
    EXPECT_EQ(TextAt(exported.column(), 1), each.text);
  }
}

TEST(ArrowType, Lists) {
  const LogicalType type = LogicalType::ListOf(TypeId::kUtf8);
  const auto exported = ExportValues(
      type, {ListOf({std::string("a"), Null{}}), Null{}, List(), ListOf({std::string("čaj")})});
  EXPECT_STREQ(exported.field().format, "+l");
  ASSERT_EQ(exported.field().n_children, 1);
  EXPECT_STREQ(exported.field().children[0]->format, "u");
  EXPECT_STREQ(exported.field().children[0]->name, "item");
  const ArrowArrayView& column = exported.column();
  EXPECT_TRUE(ArrowArrayViewIsNull(&column, 1));
  EXPECT_EQ(ArrowArrayViewListChildOffset(&column, 3), 2);
  EXPECT_EQ(ArrowArrayViewListChildOffset(&column, 4), 3);
  const ArrowArrayView& items = *column.children[0];
  ASSERT_EQ(items.length, 3);
  EXPECT_TRUE(ArrowArrayViewIsNull(&items, 1));
  EXPECT_EQ(TextAt(items, 2), "čaj");
}

TEST(ArrowType, ListsOfListsAndOfTypesWithMetadata) {
  const Value nested = ListOf({ListOf({Uuid{{7}}}), Null{}, List()});
  const auto exported =
      ExportValues(LogicalType::ListOf(LogicalType::ListOf(TypeId::kUuid)), {nested, Null{}});
  const ArrowSchema& inner = *exported.field().children[0]->children[0];
  EXPECT_STREQ(inner.format, "w:16");
  EXPECT_EQ(MetadataOf(inner, "ARROW:extension:name"), "arrow.uuid");
  EXPECT_EQ(exported.column().children[0]->length, 3);
}

TEST(ArrowType, ListsOfRangesAreListsOfText) {
  const auto exported = ExportValues(LogicalType::ListOf(LogicalType::RangeOf(TypeId::kDate)),
                                     {ListOf({Bounds(Date{0}, Null{}), Range(), Null{}})});
  const ArrowArrayView& items = *exported.column().children[0];
  EXPECT_EQ(MetadataOf(*exported.field().children[0], "molt.type"), "range");
  EXPECT_EQ(TextAt(items, 0), "[1970-01-01,)");
  EXPECT_EQ(TextAt(items, 1), "empty");
  EXPECT_TRUE(ArrowArrayViewIsNull(&items, 2));
}

TEST(ArrowType, AListKeepsItsBatchAliveInEachChild) {
  RecordBatchPtr batch =
      BatchOf(Build(LogicalType::ListOf(TypeId::kInt64), {ListOf({std::int64_t{42}})}));
  const std::weak_ptr<const RecordBatch> watch = batch;
  nanoarrow::UniqueArray items;
  {
    nanoarrow::UniqueArrayStream stream;
    const Schema schema = *batch->schema;
    ASSERT_TRUE(ExportStream(schema, {std::move(batch)}, stream.get()));
    nanoarrow::UniqueArray array;
    ASSERT_EQ(stream->get_next(stream.get(), array.get()), 0);
    ArrowArrayMove(array->children[0]->children[0], items.get());
  }
  ASSERT_FALSE(watch.expired());
  EXPECT_EQ(static_cast<const std::int64_t*>(items->buffers[1])[0], 42);
  items.reset();
  EXPECT_TRUE(watch.expired());
}

TEST(ArrowType, BatchesAgreeOnAListsItems) {
  std::vector<Column> columns;
  columns.push_back(Build(TypeId::kUnknown, {Null{}}));
  columns.push_back(Build(TypeId::kUnknown, {List(), ListOf({Null{}})}));
  columns.push_back(Build(TypeId::kUnknown, {ListOf({std::int64_t{5}})}));
  const auto exported = Export(TypeId::kUnknown, std::move(columns));
  EXPECT_STREQ(exported.field().format, "+l");
  EXPECT_STREQ(exported.field().children[0]->format, "l");
  EXPECT_EQ(exported.column(1).children[0]->length, 1);
  EXPECT_EQ(ArrowArrayViewGetIntUnsafe(exported.column(2).children[0], 0), 5);
}

TEST(ArrowType, EmptyColumnsOfEveryTypeAreValid) {
  for (const LogicalType& type :
       {LogicalType(TypeId::kInt16), LogicalType::Decimal128(38, 10), LogicalType(TypeId::kUuid),
        LogicalType(TypeId::kInterval), LogicalType(TypeId::kJson), LogicalType::Other("x"),
        LogicalType::ListOf(TypeId::kUtf8), LogicalType::ListOf(LogicalType()),
        LogicalType::RangeOf(TypeId::kInt32)}) {
    Column bare;  // as no builder leaves it
    bare.type = type;
    std::vector<Column> columns;
    columns.push_back(std::move(bare));
    columns.push_back(Build(type, {}));
    columns.push_back(Build(type, {Null{}}));
    EXPECT_EQ(Export(type, std::move(columns)).views.size(), 3U) << TypeName(type);
  }
}

TEST(ArrowType, WhatArrowHasNoPlaceForIsRefusedWithItsCause) {
  EXPECT_EQ(RefusalOf(LogicalType::Decimal128(5, 2), {Null{}, Decimal{"NaN"}}),
            "column \"c\" holds NaN in row 1 (counting from 0), which an Arrow column of type "
            "decimal128 cannot carry: cast the column to text in the query, or read it as rows");
  EXPECT_EQ(RefusalOf(TypeId::kDate, {Other{"infinity"}}),
            "column \"c\" holds infinity in row 0 (counting from 0), which an Arrow column of "
            "type date cannot carry: cast the column to text in the query, or read it as rows");
  EXPECT_NE(RefusalOf(TypeId::kInterval, {Interval{0, 0, std::int64_t{1} << 62}})
                .find("an interval too long for nanoseconds"),
            std::string::npos);
  EXPECT_NE(RefusalOf(LogicalType::Decimal128(5, 2), {Decimal{"0.125"}})
                .find("a decimal that is not one of 5 digits, 2 of them after the point"),
            std::string::npos);
}

TEST(ArrowType, MixedListsAreRefused) {
  const LogicalType type = LogicalType::ListOf(TypeId::kInt32);
  EXPECT_NE(RefusalOf(type, {List(), ListOf({ListOf({std::int64_t{1}})})})
                .find("column \"c\" holds a list of lists in row 1 (counting from 0), but the "
                      "column's type is list"),
            std::string::npos);
  EXPECT_NE(RefusalOf(type, {ListOf({std::string("x")})}).find("holds a list with text in row 0"),
            std::string::npos);
  EXPECT_NE(RefusalOf(type, {ListOf({std::int64_t{1} << 40})})
                .find("holds a list with an int64 too large for int32 in row 0"),
            std::string::npos);
  EXPECT_NE(RefusalOf(type, {std::string("x")}).find("holds text in row 0"), std::string::npos);
  EXPECT_NE(RefusalOf(LogicalType::ListOf(TypeId::kUtf8), {ListOf({std::string("\xFF")})})
                .find("holds a list with text that is not valid UTF-8 in row 0"),
            std::string::npos);
}

TEST(ArrowType, OneMixedBatchAmongTypedOnesIsRefused) {
  const LogicalType type = LogicalType::ListOf(TypeId::kInt32);
  const Status status =
      CheckExportable({{"c", type}}, {BatchOf(Build(type, {ListOf({std::int64_t{1}})})),
                                      BatchOf(Build(type, {Null{}, ListOf({0.5})}))});
  ASSERT_FALSE(status);
  EXPECT_NE(status.error().message.find("holds a list with float64 in row 2"), std::string::npos);
}

}  // namespace
}  // namespace molt::types
