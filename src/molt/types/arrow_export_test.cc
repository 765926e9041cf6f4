#include "molt/types/arrow_export.h"

#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "molt/types/column_builder.h"
#include "nanoarrow/nanoarrow.hpp"

namespace molt::types {
namespace {

using Values = std::vector<Value>;

Column Build(LogicalType type, const Values& values) {
  ColumnBuilder builder(type);
  for (const Value& value : values) builder.AppendValue(value);
  return builder.Finish();
}

RecordBatchPtr Batch(std::vector<Column> columns) {
  auto batch = std::make_shared<RecordBatch>();
  auto schema = std::make_shared<Schema>();
  for (const Column& column : columns) schema->push_back({"c", column.type});
  batch->num_rows = columns.empty() ? 0 : columns[0].length;
  batch->schema = std::move(schema);
  batch->columns = std::move(columns);
  return batch;
}

template <class... Columns>
RecordBatchPtr BatchOf(Columns&&... columns) {
  std::vector<Column> all;
  (all.push_back(std::forward<Columns>(columns)), ...);
  return Batch(std::move(all));
}

nanoarrow::UniqueArrayStream Export(const Schema& schema, std::vector<RecordBatchPtr> batches) {
  nanoarrow::UniqueArrayStream stream;
  EXPECT_TRUE(CheckExportable(schema, batches));
  EXPECT_TRUE(ExportStream(schema, std::move(batches), stream.get()));
  return stream;
}

// Reads a cell the way a consumer does, by the exported format alone.
Value Read(const ArrowSchemaView& schema, const ArrowArrayView& view, std::int64_t row) {
  if (ArrowArrayViewIsNull(&view, row) != 0) return Null{};
  const std::int64_t integer = ArrowArrayViewGetIntUnsafe(&view, row);
  switch (schema.type) {
    case NANOARROW_TYPE_BOOL:
      return integer != 0;
    case NANOARROW_TYPE_INT64:
      return integer;
    case NANOARROW_TYPE_DOUBLE:
      return ArrowArrayViewGetDoubleUnsafe(&view, row);
    case NANOARROW_TYPE_DATE32:
      return Date{static_cast<std::int32_t>(integer)};
    case NANOARROW_TYPE_TIME64:
      return Time{integer};
    case NANOARROW_TYPE_TIMESTAMP:
      return Timestamp{integer, std::string_view(schema.timezone) == "UTC"};
    default:
      break;
  }
  const ArrowStringView text = ArrowArrayViewGetStringUnsafe(&view, row);
  std::string bytes(text.data, static_cast<std::size_t>(text.size_bytes));
  if (schema.type == NANOARROW_TYPE_STRING) return bytes;
  return Bytes{bytes};
}

struct Table {
  std::vector<std::string> formats;
  std::vector<std::string> names;
  std::vector<bool> nullable;
  std::vector<Values> columns;
  std::int64_t batches = 0;
};

Table ReadAll(ArrowArrayStream* stream) {
  Table table;
  nanoarrow::UniqueSchema schema;
  EXPECT_EQ(stream->get_schema(stream, schema.get()), 0);
  EXPECT_STREQ(schema->format, "+s");
  for (std::int64_t i = 0; i < schema->n_children; ++i) {
    const ArrowSchema& child = *schema->children[i];
    table.formats.emplace_back(child.format);
    table.names.emplace_back(child.name);
    table.nullable.push_back((child.flags & ARROW_FLAG_NULLABLE) != 0);
  }
  table.columns.resize(table.formats.size());
  nanoarrow::UniqueArrayView view;
  ArrowError error;
  EXPECT_EQ(ArrowArrayViewInitFromSchema(view.get(), schema.get(), &error), 0);
  for (;; ++table.batches) {
    nanoarrow::UniqueArray array;
    EXPECT_EQ(stream->get_next(stream, array.get()), 0);
    if (array->release == nullptr) return table;
    EXPECT_EQ(ArrowArrayViewSetArray(view.get(), array.get(), &error), 0) << error.message;
    EXPECT_EQ(ArrowArrayViewValidate(view.get(), NANOARROW_VALIDATION_LEVEL_FULL, &error), 0)
        << error.message;
    for (std::size_t i = 0; i < table.columns.size(); ++i) {
      ArrowSchemaView column;
      EXPECT_EQ(ArrowSchemaViewInit(&column, schema->children[i], &error), 0);
      const ArrowArrayView& cells = *view->children[i];
      EXPECT_EQ(cells.null_count, ArrowArrayViewComputeNullCount(&cells));
      for (std::int64_t row = 0; row < cells.length; ++row) {
        table.columns[i].push_back(Read(column, cells, row));
      }
    }
  }
}

std::string RefusalOf(const Schema& schema, const std::vector<RecordBatchPtr>& batches) {
  const Status status = CheckExportable(schema, batches);
  EXPECT_FALSE(status);
  if (status) return "";
  EXPECT_EQ(status.error().code, ErrorCode::kInvalidQuery);
  return status.error().message;
}

TEST(ArrowExport, EveryTypeGoesRoundTripThroughNanoarrow) {
  const Values values = {true,
                         std::int64_t{-7},
                         2.5,
                         std::string("čaj"),
                         Bytes{std::string("\0\xFF", 2)},
                         Date{-1},
                         Time{86'399'999'999},
                         Timestamp{-1, false},
                         Timestamp{1, true}};
  const std::vector<std::string> formats = {"b",   "l",   "g",    "u",      "z",
                                            "tdD", "ttu", "tsu:", "tsu:UTC"};
  Schema schema;
  std::vector<Column> columns;
  std::vector<Values> expected;
  for (const Value& value : values) {
    schema.push_back({std::string(TypeName(TypeOf(value))), TypeOf(value)});
    expected.push_back({value, Null{}, value});
    columns.push_back(Build(TypeOf(value), expected.back()));
  }
  auto stream = Export(schema, {Batch(std::move(columns))});
  const Table table = ReadAll(stream.get());
  EXPECT_EQ(table.formats, formats);
  EXPECT_EQ(table.columns, expected);
  for (std::size_t i = 0; i < schema.size(); ++i) EXPECT_EQ(table.names[i], schema[i].name);
}

TEST(ArrowExport, SharesTheBuffers) {
  const RecordBatchPtr batch =
      BatchOf(Build(TypeId::kInt64, {std::int64_t{1}}), Build(TypeId::kUtf8, {std::string("abc")}));
  auto stream = Export({{"i", TypeId::kInt64}, {"t", TypeId::kUtf8}}, {batch});
  nanoarrow::UniqueArray array;
  ASSERT_EQ(stream->get_next(stream.get(), array.get()), 0);
  EXPECT_EQ(array->children[0]->buffers[0], nullptr);
  EXPECT_EQ(array->children[0]->buffers[1], batch->columns[0].data.data());
  EXPECT_EQ(array->children[1]->buffers[1], batch->columns[1].offsets.data());
  EXPECT_EQ(array->children[1]->buffers[2], batch->columns[1].data.data());
}

TEST(ArrowExport, TheStreamAndItsArraysKeepTheBatchAlive) {
  RecordBatchPtr batch = BatchOf(Build(TypeId::kInt64, {std::int64_t{42}}));
  const std::weak_ptr<const RecordBatch> watch = batch;
  nanoarrow::UniqueArray child;
  {
    auto stream = Export({{"i", TypeId::kInt64}}, {std::move(batch)});
    EXPECT_FALSE(watch.expired());
    nanoarrow::UniqueArray array;
    ASSERT_EQ(stream->get_next(stream.get(), array.get()), 0);
    stream.reset();
    EXPECT_FALSE(watch.expired());
    // A consumer may move a child out and drop the rest.
    ArrowArrayMove(array->children[0], child.get());
  }
  ASSERT_FALSE(watch.expired());
  EXPECT_EQ(static_cast<const std::int64_t*>(child->buffers[1])[0], 42);
  child.reset();
  EXPECT_TRUE(watch.expired());
}

TEST(ArrowExport, AReadBatchIsFreedWhileTheStreamGoesOn) {
  RecordBatchPtr first = BatchOf(Build(TypeId::kInt64, {std::int64_t{1}}));
  const std::weak_ptr<const RecordBatch> watch = first;
  auto stream = Export({{"i", TypeId::kInt64}},
                       {std::move(first), BatchOf(Build(TypeId::kInt64, {std::int64_t{2}}))});
  nanoarrow::UniqueArray array;
  ASSERT_EQ(stream->get_next(stream.get(), array.get()), 0);
  array.reset();
  EXPECT_TRUE(watch.expired());
}

TEST(ArrowExport, EmptyColumnsHaveNoNullPointers) {
  const Schema schema = {{"t", TypeId::kUtf8}, {"i", TypeId::kInt64}, {"b", TypeId::kBool}};
  std::vector<Column> bare(3);  // as no builder leaves them, without even the one offset
  for (std::size_t i = 0; i < 3; ++i) bare[i].type = schema[i].type;
  auto stream =
      Export(schema, {Batch(std::move(bare)), BatchOf(Build(TypeId::kUtf8, {std::string()}),
                                                      Build(TypeId::kInt64, {std::int64_t{1}}),
                                                      Build(TypeId::kBool, {true}))});
  nanoarrow::UniqueArray empty;
  ASSERT_EQ(stream->get_next(stream.get(), empty.get()), 0);
  for (std::int64_t i = 0; i < 3; ++i) {
    for (std::int64_t k = 1; k < empty->children[i]->n_buffers; ++k) {
      EXPECT_NE(empty->children[i]->buffers[k], nullptr);
    }
  }
  EXPECT_EQ(*static_cast<const std::int32_t*>(empty->children[0]->buffers[1]), 0);
  nanoarrow::UniqueArray of_empty_text;
  ASSERT_EQ(stream->get_next(stream.get(), of_empty_text.get()), 0);
  EXPECT_NE(of_empty_text->children[0]->buffers[2], nullptr);
}

TEST(ArrowExport, WorksWithoutBatchesRowsOrColumns) {
  auto none = Export({{"i", TypeId::kInt64}}, {});
  EXPECT_EQ(ReadAll(none.get()).formats, std::vector<std::string>{"l"});
  auto no_columns = Export({}, {Batch({})});
  EXPECT_EQ(ReadAll(no_columns.get()).batches, 1);
}

TEST(ArrowExport, AColumnOfOnlyNullsNeedsNoType) {
  auto stream = Export({{"n", TypeId::kUnknown}, {"d", TypeId::kDecimal}},
                       {BatchOf(Build(TypeId::kUnknown, {Null{}, Null{}}),
                                Build(TypeId::kDecimal, {Null{}, Null{}}))});
  const Table table = ReadAll(stream.get());
  EXPECT_EQ(table.formats, (std::vector<std::string>{"n", "u"}));
  EXPECT_EQ(table.columns, (std::vector<Values>{{Null{}, Null{}}, {Null{}, Null{}}}));
}

TEST(ArrowExport, ABatchThatDoesNotKnowItsTypeTakesThatOfTheOthers) {
  for (const LogicalType& declared : {LogicalType(TypeId::kUnknown), LogicalType(TypeId::kUtf8)}) {
    auto stream =
        Export({{"t", declared}}, {BatchOf(Build(TypeId::kUnknown, {Null{}})),
                                   BatchOf(Build(TypeId::kUnknown, {Null{}, std::string("x")})),
                                   BatchOf(Build(TypeId::kUnknown, {}))});
    const Table table = ReadAll(stream.get());
    EXPECT_EQ(table.formats, std::vector<std::string>{"u"});
    EXPECT_EQ(table.columns, (std::vector<Values>{{Null{}, Null{}, std::string("x")}}));
    EXPECT_EQ(table.batches, 3);
  }
}

TEST(ArrowExport, IntegersWidenWhenAnyBatchHoldsDoubles) {
  const std::int64_t one = 1;
  // The third: a double came after the type was settled.
  auto stream =
      Export({{"x", TypeId::kInt64}}, {BatchOf(Build(TypeId::kInt64, {one, Null{}})),
                                       BatchOf(Build(TypeId::kFloat64, {0.5})),
                                       BatchOf(Build(TypeId::kInt64, {one, Null{}, 2.5}))});
  const Table table = ReadAll(stream.get());
  EXPECT_EQ(table.formats, std::vector<std::string>{"g"});
  EXPECT_EQ(table.columns, (std::vector<Values>{{1.0, Null{}, 0.5, 1.0, Null{}, 2.5}}));
}

TEST(ArrowExport, RefusesToRoundAnIntegerWhenWidening) {
  EXPECT_EQ(RefusalOf({{"x", TypeId::kFloat64}},
                      {BatchOf(Build(TypeId::kInt64, {std::int64_t{1}, kMaxExactDouble + 1}))}),
            "column \"x\" holds an int64 too large for float64 to hold exactly in row 1 (counting "
            "from 0), but the column's type is float64; Arrow columns have one type: cast the "
            "column in the query, or read it as rows");
}

TEST(ArrowExport, RefusalNamesTheColumnAndTheRowOfTheWholeResult) {
  const std::int64_t one = 1;
  EXPECT_EQ(
      RefusalOf({{"id", TypeId::kInt64}, {"price", TypeId::kInt64}},
                {BatchOf(Build(TypeId::kInt64, {one, one}), Build(TypeId::kInt64, {one, one})),
                 BatchOf(Build(TypeId::kInt64, {one, one}),
                         Build(TypeId::kInt64, {Null{}, std::string("free")}))}),
      "column \"price\" holds text in row 3 (counting from 0), but the column's type is "
      "int64; Arrow columns have one type: cast the column in the query, or read it as rows");
}

TEST(ArrowExport, RefusesTextThatIsNotUtf8) {
  const Schema schema = {{"t", TypeId::kUtf8}};
  const std::string message =
      RefusalOf(schema, {BatchOf(Build(TypeId::kUtf8, {std::string("ok"), std::string("\xFF")}))});
  EXPECT_TRUE(message.starts_with("column \"t\" holds text that is not valid UTF-8 in row 1"))
      << message;
  // Two halves of one character: valid together only.
  RefusalOf(schema, {BatchOf(Build(TypeId::kUtf8, {std::string("\xC3"), std::string("\xA9")}))});
}

TEST(ArrowExport, AMixedColumnWhoseValuesAllFitIsCopied) {
  Column column = Build(TypeId::kUtf8, {});
  column.mixed = {std::string("a"), Null{}};
  column.length = 2;
  column.null_count = 1;
  auto stream = Export({{"t", TypeId::kUtf8}}, {BatchOf(std::move(column))});
  EXPECT_EQ(ReadAll(stream.get()).columns, (std::vector<Values>{{std::string("a"), Null{}}}));
}

TEST(ArrowExport, AFieldIsNullableIfItHoldsNull) {
  const std::int64_t one = 1;
  auto stream = Export({{"a", TypeId::kInt64, false}, {"b", TypeId::kInt64, false}},
                       {BatchOf(Build(TypeId::kInt64, {one}), Build(TypeId::kInt64, {Null{}}))});
  EXPECT_EQ(ReadAll(stream.get()).nullable, (std::vector<bool>{false, true}));
}

TEST(ArrowExport, ABatchThatIsNotOfTheSchemaIsABug) {
  const Schema schema = {{"a", TypeId::kInt64}, {"b", TypeId::kInt64}};
  const Status status =
      CheckExportable(schema, {BatchOf(Build(TypeId::kInt64, {std::int64_t{1}}))});
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::kInternal);
}

}  // namespace
}  // namespace molt::types
