// The three forms of JSON.
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "molt/codec/encoder_testing.h"

namespace molt::codec {
namespace {

using types::LogicalType;
using types::Null;
using types::TypeId;
using types::Value;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

Value Int(std::int64_t value) { return value; }

// The cells of one column, as `json` has them.
std::string Cells(const LogicalType& type, const std::vector<Value>& values) {
  std::string text = Text(ResultFormat::kJson, {{"v", type, values}});
  const std::string begin = R"({"columns":["v"],"rows":[)";
  const std::string end = R"(],"row_count":)" + std::to_string(values.size()) + "}";
  EXPECT_TRUE(text.starts_with(begin) && text.ends_with(end)) << text;
  return text.substr(begin.size(), text.size() - begin.size() - end.size());
}

TEST(JsonEncoderTest, AResultHasItsNamesItsRowsAndTheirNumber) {
  EXPECT_EQ(Text(ResultFormat::kJson, {{"n", TypeId::kInt64, {Int(1), Null{}}},
                                       {"s", TypeId::kUtf8, {Value("a"), Value("b")}}}),
            R"({"columns":["n","s"],"rows":[[1,"a"],[null,"b"]],"row_count":2})");
}

TEST(JsonEncoderTest, AnEmptyResultKeepsItsColumns) {
  const std::vector<TestColumn> columns = {{"n", TypeId::kInt64, {}}, {"s", TypeId::kUtf8, {}}};
  EXPECT_EQ(Text(ResultFormat::kJson, columns), R"({"columns":["n","s"],"rows":[],"row_count":0})");
  EXPECT_EQ(Text(ResultFormat::kJsonRows, columns), "[]");
  EXPECT_EQ(Text(ResultFormat::kJsonLines, columns), "");
}

TEST(JsonEncoderTest, RowsOfSeveralBatchesFollowEachOtherAndAreCountedTogether) {
  const std::vector<types::RecordBatchPtr> batches = {BatchOf({{"n", TypeId::kInt64, {Int(1)}}}),
                                                      BatchOf({{"n", TypeId::kInt64, {}}}),
                                                      BatchOf({{"n", TypeId::kInt64, {Int(2)}}})};
  EXPECT_EQ(Encode(ResultFormat::kJson, batches),
            R"({"columns":["n"],"rows":[[1],[2]],"row_count":2})");
  EXPECT_EQ(Encode(ResultFormat::kJsonRows, batches), R"([{"n":1},{"n":2}])");
  EXPECT_EQ(Encode(ResultFormat::kJsonLines, batches), "{\"n\":1}\n{\"n\":2}\n");
}

TEST(JsonEncoderTest, WhatIsTakenInPiecesIsTheWholeCutBetweenRows) {
  const auto encoder = MakeEncoder(ResultFormat::kJson);
  ASSERT_TRUE(encoder->Add(BatchOf({{"n", TypeId::kInt64, {Int(1)}}})));
  EXPECT_EQ(encoder->Take(), R"({"columns":["n"],"rows":[[1])");
  ASSERT_TRUE(encoder->Add(BatchOf({{"n", TypeId::kInt64, {Int(2)}}})));
  EXPECT_EQ(encoder->Take(), ",[2]");
  ASSERT_TRUE(encoder->Finish());
  EXPECT_EQ(encoder->Take(), R"(],"row_count":2})");
}

TEST(JsonEncoderTest, NumbersThatAreNoneAreNull) {
  EXPECT_EQ(Cells(TypeId::kFloat64, {std::nan(""), kInfinity, -kInfinity, 1.0, 1e300}),
            "[null],[null],[null],[1.0],[1e+300]");
  EXPECT_EQ(Cells(TypeId::kFloat32, {std::nan(""), kInfinity, 0.5}), "[null],[null],[0.5]");
  // Also where a column holds values of any kind.
  EXPECT_EQ(Cells(TypeId::kUtf8, {Value("x"), -kInfinity}), R"(["x"],[null])");
}

TEST(JsonEncoderTest, IntegersAreExactInAll64Bits) {
  EXPECT_EQ(Cells(TypeId::kInt64, {std::numeric_limits<std::int64_t>::min(),
                                   std::numeric_limits<std::int64_t>::max()}),
            "[-9223372036854775808],[9223372036854775807]");
}

TEST(JsonEncoderTest, IntegersAmongFloatsAreFloats) {
  EXPECT_EQ(Cells(TypeId::kInt64, {Int(1), 2.5, Null{}, Int(3)}), "[1.0],[2.5],[null],[3.0]");
  EXPECT_EQ(Text(ResultFormat::kJsonRows, {{"v", TypeId::kInt64, {Int(1), 2.5}}}),
            R"([{"v":1.0},{"v":2.5}])");
}

TEST(JsonEncoderTest, KindsThatDoNotWidenStayWhatTheyAre) {
  EXPECT_EQ(Cells(TypeId::kInt64, {Int(1), Value("a"), 2.5, types::Bytes{std::string("\0", 1)}}),
            R"([1],["a"],[2.5],[[0]])");
}

TEST(JsonEncoderTest, BytesAreAListOfNumbers) {
  EXPECT_EQ(Cells(TypeId::kBinary, {types::Bytes{std::string("\0\x7f\xff", 3)}, types::Bytes{}}),
            "[[0,127,255]],[[]]");
}

TEST(JsonEncoderTest, TextIsEscapedOnlyWhereJsonNeedsIt) {
  EXPECT_EQ(Cells(TypeId::kUtf8, {Value("Zoë \"猫\" \\ /"), Value("\n\t\x01\x7f")}),
            R"(["Zoë \"猫\" \\ /"],["\n\t\u0001)"
            "\x7f\"]");
}

TEST(JsonEncoderTest, ADocumentStandsAsItIsWithoutLineFeeds) {
  EXPECT_EQ(Text(ResultFormat::kJsonLines, {{"v", TypeId::kJson, {types::Json{"{\"a\":\r\n 1}"}}}}),
            "{\"v\":{\"a\":   1}}\n");
}

TEST(JsonEncoderTest, RepeatedNamesAreKeptInJsonAndRefusedInObjects) {
  const std::vector<TestColumn> columns = {{"n", TypeId::kInt64, {Int(1)}},
                                           {"m", TypeId::kInt64, {Int(2)}},
                                           {"n", TypeId::kInt64, {Int(3)}}};
  EXPECT_EQ(Text(ResultFormat::kJson, columns),
            R"({"columns":["n","m","n"],"rows":[[1,2,3]],"row_count":1})");
  for (const ResultFormat format : {ResultFormat::kJsonRows, ResultFormat::kJsonLines}) {
    const auto encoded = Encode(format, {BatchOf(columns)});
    ASSERT_FALSE(encoded);
    EXPECT_EQ(encoded.error().code, ErrorCode::kInvalidQuery);
    EXPECT_NE(encoded.error().message.find("\"n\""), std::string::npos) << encoded.error().message;
  }
}

TEST(JsonEncoderTest, RepeatedNamesAreRefusedWithoutRowsToo) {
  EXPECT_FALSE(Encode(ResultFormat::kJsonRows,
                      {BatchOf({{"n", TypeId::kInt64, {}}, {"n", TypeId::kInt64, {}}})}));
}

TEST(JsonEncoderTest, TextThatIsNotUtf8IsRefusedByColumnAndRow) {
  for (const ResultFormat format :
       {ResultFormat::kJson, ResultFormat::kMsgPack, ResultFormat::kJsonRows,
        ResultFormat::kJsonLines, ResultFormat::kCsv}) {
    const auto encoded = Encode(format, {BatchOf({{"s", TypeId::kUtf8, {Value("a")}}}),
                                         BatchOf({{"s", TypeId::kUtf8, {Value("\xff")}}})});
    ASSERT_FALSE(encoded);
    EXPECT_EQ(encoded.error().code, ErrorCode::kInvalidQuery);
    EXPECT_NE(encoded.error().message.find("column \"s\", row 2"), std::string::npos)
        << encoded.error().message;
  }
}

TEST(JsonEncoderTest, ANameThatIsNotUtf8IsRefused) {
  EXPECT_FALSE(Encode(ResultFormat::kJson, {BatchOf({{"\xff", TypeId::kInt64, {Int(1)}}})}));
}

TEST(JsonEncoderTest, AnObjectOfNoColumnsIsEmpty) {
  auto batch = std::make_shared<types::RecordBatch>();
  batch->schema = std::make_shared<const types::Schema>();
  batch->num_rows = 2;
  EXPECT_EQ(Encode(ResultFormat::kJsonRows, {batch}), "[{},{}]");
}

}  // namespace
}  // namespace molt::codec
