#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "molt/codec/encoder_testing.h"
#include "molt/types/document.h"

namespace molt::codec {
namespace {

using types::Document;
using types::LogicalType;
using types::Null;
using types::TypeId;
using types::Value;

using Array = Document::Array;

Value Int(std::int64_t value) { return value; }

std::string MsgPack(const std::vector<types::RecordBatchPtr>& batches) {
  auto encoded = Encode(ResultFormat::kMsgPack, batches);
  EXPECT_TRUE(encoded) << encoded.error().message;
  return encoded ? std::move(*encoded) : std::string();
}

// Read by the reader of requests, which knows nothing of the encoder.
Document Decoded(const std::string& bytes) {
  auto document = types::ParseMsgPack(bytes);
  EXPECT_TRUE(document) << document.error().message;
  return document ? std::move(*document) : Document();
}

Document ResultOf(Array columns, Array rows) {
  const auto count = static_cast<std::int64_t>(rows.size());
  return Document::Map{
      {"columns", std::move(columns)}, {"rows", std::move(rows)}, {"row_count", count}};
}

// The cells of one column.
Array Cells(const LogicalType& type, const std::vector<Value>& values) {
  const Document result = Decoded(MsgPack({BatchOf({{"v", type, values}})}));
  Array cells;
  const Document* rows = result.Find("rows");
  if (rows == nullptr || rows->AsArray() == nullptr) return cells;
  for (const Document& row : *rows->AsArray()) cells.push_back(row.AsArray()->at(0));
  return cells;
}

TEST(MsgPackEncoderTest, AResultHasItsNamesItsRowsAndTheirNumber) {
  EXPECT_EQ(Decoded(MsgPack(
                {BatchOf({{"n", TypeId::kInt64, {Int(1), Null{}}},
                          {"s", TypeId::kUtf8, {Value("a"), Value("b")}}}),
                 BatchOf({{"n", TypeId::kInt64, {Int(3)}}, {"s", TypeId::kUtf8, {Value("c")}}})})),
            ResultOf({"n", "s"}, {Array{1, "a"}, Array{Document(), "b"}, Array{3, "c"}}));
}

TEST(MsgPackEncoderTest, AnEmptyResultKeepsItsColumns) {
  EXPECT_EQ(Decoded(MsgPack({BatchOf({{"n", TypeId::kInt64, {}}, {"n", TypeId::kUtf8, {}}})})),
            ResultOf({"n", "n"}, {}));
}

TEST(MsgPackEncoderTest, TheNumberOfRowsTakesFourBytesHoweverSmall) {
  const std::string head(
      "\x83\xa7"
      "columns\x91\xa1n\xa4rows\xdd",
      18);
  for (const std::int64_t rows : {0, 1, 300, 70'000}) {
    const std::string bytes = MsgPack({BatchOf(
        {{"n", TypeId::kInt64, std::vector<Value>(static_cast<std::size_t>(rows), Int(5))}})});
    ASSERT_EQ(bytes.substr(0, head.size()), head);
    const std::string count = {'\0', static_cast<char>(rows >> 16), static_cast<char>(rows >> 8),
                               static_cast<char>(rows)};
    EXPECT_EQ(bytes.substr(head.size(), 4), count);
    EXPECT_EQ(Decoded(bytes).Find("row_count")->AsInt64(), rows);
    EXPECT_EQ(Decoded(bytes).Find("rows")->AsArray()->size(), static_cast<std::size_t>(rows));
  }
}

TEST(MsgPackEncoderTest, NothingIsReadyBeforeTheNumberOfRowsIsKnown) {
  const auto encoder = MakeEncoder(ResultFormat::kMsgPack);
  ASSERT_TRUE(encoder->Add(BatchOf({{"n", TypeId::kInt64, {Int(1)}}})));
  EXPECT_EQ(encoder->Take(), "");
  EXPECT_GT(encoder->size(), 0U);
  ASSERT_TRUE(encoder->Finish());
  EXPECT_EQ(Decoded(encoder->Take()), ResultOf({"n"}, {Array{1}}));
}

TEST(MsgPackEncoderTest, NumbersThatAreNoneAreThemselves) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const Array cells = Cells(TypeId::kFloat64, {std::nan(""), kInfinity, -kInfinity, 1.0});
  ASSERT_EQ(cells.size(), 4U);
  EXPECT_TRUE(std::isnan(cells[0].AsDouble().value()));
  EXPECT_EQ((Array{cells[1], cells[2], cells[3]}), (Array{kInfinity, -kInfinity, 1.0}));
}

TEST(MsgPackEncoderTest, IntegersAmongFloatsAreFloats) {
  EXPECT_EQ(Cells(TypeId::kInt64, {Int(1), 2.5, Null{}}), (Array{1.0, 2.5, Document()}));
}

TEST(MsgPackEncoderTest, KindsThatDoNotWidenStayWhatTheyAre) {
  EXPECT_EQ(Cells(TypeId::kInt64, {Int(1), Value("a"), 2.5}), (Array{1, "a", 2.5}));
}

TEST(MsgPackEncoderTest, BytesAreBinaryAndADocumentIsItsText) {
  const std::string bytes("\0\xff", 2);
  EXPECT_EQ(Cells(TypeId::kBinary, {types::Bytes{bytes}, types::Bytes{}}),
            (Array{types::Bytes{bytes}, types::Bytes{}}));
  EXPECT_EQ(Cells(TypeId::kJson, {types::Json{"[1, null]"}}), (Array{"[1, null]"}));
}

TEST(MsgPackEncoderTest, IntegersAreExactInAll64Bits) {
  const Array ends{std::numeric_limits<std::int64_t>::min(),
                   std::numeric_limits<std::int64_t>::max()};
  EXPECT_EQ(Cells(TypeId::kInt64, {ends[0].AsInt64().value(), ends[1].AsInt64().value()}), ends);
}

}  // namespace
}  // namespace molt::codec
