// Read back by the reader that imports foreign streams.
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <nanoarrow/nanoarrow.hpp>
#include <nanoarrow/nanoarrow_ipc.hpp>

#include "molt/codec/encoder_testing.h"
#include "molt/types/arrow_import.h"

namespace molt::codec {
namespace {

using types::Null;
using types::TypeId;
using types::Value;

Value Int(std::int64_t value) { return value; }

struct Table {
  std::vector<std::pair<std::string, TypeId>> columns;
  std::vector<std::vector<Value>> rows;
};

Table Decoded(const std::string& bytes) {
  Table table;
  nanoarrow::UniqueBuffer buffer;
  EXPECT_EQ(ArrowBufferAppend(buffer.get(), bytes.data(), static_cast<std::int64_t>(bytes.size())),
            NANOARROW_OK);
  nanoarrow::ipc::UniqueInputStream input;
  EXPECT_EQ(ArrowIpcInputStreamInitBuffer(input.get(), buffer.get()), NANOARROW_OK);
  nanoarrow::UniqueArrayStream stream;
  EXPECT_EQ(ArrowIpcArrayStreamReaderInit(stream.get(), input.get(), nullptr), NANOARROW_OK);
  auto importer = types::ArrowImporter::Open(stream.get());
  EXPECT_TRUE(importer) << importer.error().message;
  if (!importer) return table;
  for (const types::Field& field : (*importer)->schema()) {
    table.columns.emplace_back(field.name, field.type.id);
  }
  while (true) {
    auto batch = (*importer)->Next();
    EXPECT_TRUE(batch) << batch.error().message;
    if (!batch || *batch == nullptr) return table;
    for (std::int64_t row = 0; row < (*batch)->num_rows; ++row) {
      std::vector<Value>& cells = table.rows.emplace_back();
      for (const types::Column& column : (*batch)->columns) cells.push_back(column.ValueAt(row));
    }
  }
}

Table Encoded(const std::vector<types::RecordBatchPtr>& batches) {
  const auto encoded = Encode(ResultFormat::kArrowIpc, batches);
  EXPECT_TRUE(encoded) << encoded.error().message;
  return encoded ? Decoded(*encoded) : Table();
}

using Columns = std::vector<std::pair<std::string, TypeId>>;
using Rows = std::vector<std::vector<Value>>;

TEST(ArrowIpcEncoderTest, RowsComeBackAsTheyWere) {
  const Table table =
      Encoded({BatchOf({{"n", TypeId::kInt64, {Int(1), Null{}}},
                        {"s", TypeId::kUtf8, {Value("Zoë"), Value("")}}}),
               BatchOf({{"n", TypeId::kInt64, {Int(3)}}, {"s", TypeId::kUtf8, {Null{}}}})});
  EXPECT_EQ(table.columns, (Columns{{"n", TypeId::kInt64}, {"s", TypeId::kUtf8}}));
  EXPECT_EQ(table.rows, (Rows{{Int(1), Value("Zoë")}, {Null{}, Value("")}, {Int(3), Null{}}}));
}

TEST(ArrowIpcEncoderTest, AnEmptyResultKeepsItsColumnsAndTheirTypes) {
  const Table table = Encoded({BatchOf({{"n", TypeId::kInt64, {}},
                                        {"f", TypeId::kFloat64, {}},
                                        {"b", TypeId::kBinary, {}},
                                        {"n", TypeId::kUtf8, {}}})});
  EXPECT_EQ(table.columns, (Columns{{"n", TypeId::kInt64},
                                    {"f", TypeId::kFloat64},
                                    {"b", TypeId::kBinary},
                                    {"n", TypeId::kUtf8}}));
  EXPECT_TRUE(table.rows.empty());
}

TEST(ArrowIpcEncoderTest, IntegersAmongFloatsAreFloatsInAllBatches) {
  const Table table = Encoded({BatchOf({{"v", TypeId::kInt64, {Int(1)}}}),
                               BatchOf({{"v", TypeId::kInt64, {Int(2), 2.5}}}),
                               BatchOf({{"v", TypeId::kFloat64, {3.5}}})});
  EXPECT_EQ(table.columns, (Columns{{"v", TypeId::kFloat64}}));
  EXPECT_EQ(table.rows, (Rows{{1.0}, {2.0}, {2.5}, {3.5}}));
}

TEST(ArrowIpcEncoderTest, ATypeIsLearnedFromALaterBatch) {
  const Table table = Encoded({BatchOf({{"v", TypeId::kUnknown, {Null{}}}}),
                               BatchOf({{"v", TypeId::kUnknown, {Value("a")}}})});
  EXPECT_EQ(table.columns, (Columns{{"v", TypeId::kUtf8}}));
  EXPECT_EQ(table.rows, (Rows{{Null{}}, {Value("a")}}));
}

TEST(ArrowIpcEncoderTest, KindsThatDoNotWidenAreRefusedByTheColumnsName) {
  for (const bool is_streamed : {false, true}) {
    EncodeOptions options;
    options.is_streamed = is_streamed;
    const auto encoded = Encode(ResultFormat::kArrowIpc,
                                {BatchOf({{"fine", TypeId::kInt64, {Int(1), Int(2)}},
                                          {"mixed_one", TypeId::kInt64, {Int(1), Value("a")}}})},
                                options);
    ASSERT_FALSE(encoded);
    EXPECT_EQ(encoded.error().code, ErrorCode::kInvalidQuery);
    EXPECT_NE(encoded.error().message.find("mixed_one"), std::string::npos)
        << encoded.error().message;
  }
}

TEST(ArrowIpcEncoderTest, AStreamIsReadyAfterEachBatchAndCutBetweenMessages) {
  EncodeOptions options;
  options.is_streamed = true;
  const auto encoder = MakeEncoder(ResultFormat::kArrowIpc, options);
  std::string whole;
  for (const std::int64_t n : {1, 2}) {
    ASSERT_TRUE(encoder->Add(BatchOf({{"n", TypeId::kInt64, {n}}})));
    const std::string piece = encoder->Take();
    // Each message begins with a marker of continuation, and is padded to eight bytes.
    EXPECT_EQ(piece.substr(0, 4), "\xff\xff\xff\xff");
    EXPECT_EQ(piece.size() % 8, 0U);
    whole += piece;
  }
  ASSERT_TRUE(encoder->Finish());
  EXPECT_EQ(Decoded(whole + encoder->Take()).rows, (Rows{{Int(1)}, {Int(2)}}));
}

TEST(ArrowIpcEncoderTest, AStreamKeepsTheTypesOfItsFirstBatch) {
  EncodeOptions options;
  options.is_streamed = true;
  const auto encoder = MakeEncoder(ResultFormat::kArrowIpc, options);
  ASSERT_TRUE(encoder->Add(BatchOf({{"v", TypeId::kInt64, {Int(1)}}})));
  const Status later = encoder->Add(BatchOf({{"v", TypeId::kFloat64, {2.5}}}));
  ASSERT_FALSE(later);
  EXPECT_EQ(later.error().code, ErrorCode::kInvalidQuery);
}

TEST(ArrowIpcEncoderTest, WhatIsHeldCountsAsItsSize) {
  const auto encoder = MakeEncoder(ResultFormat::kArrowIpc);
  const std::string text(1000, 'x');
  ASSERT_TRUE(encoder->Add(BatchOf({{"s", TypeId::kUtf8, {text, text}}})));
  EXPECT_GE(encoder->size(), 2000U);
  EXPECT_EQ(encoder->Take(), "");
}

}  // namespace
}  // namespace molt::codec
