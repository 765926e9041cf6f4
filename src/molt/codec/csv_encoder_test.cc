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

std::string Csv(const std::vector<TestColumn>& columns) {
  return Text(ResultFormat::kCsv, columns);
}

TEST(CsvEncoderTest, AHeaderAndEachRowEndWithCrlf) {
  EXPECT_EQ(Csv({{"n", TypeId::kInt64, {std::int64_t{1}, std::int64_t{-2}}},
                 {"b", TypeId::kBool, {true, false}}}),
            "n,b\r\n1,true\r\n-2,false\r\n");
}

TEST(CsvEncoderTest, AnEmptyResultIsItsHeader) {
  EXPECT_EQ(Csv({{"n", TypeId::kInt64, {}}, {"s", TypeId::kUtf8, {}}}), "n,s\r\n");
}

TEST(CsvEncoderTest, TheHeaderStandsOnceBeforeAllBatches) {
  const auto batch = BatchOf({{"n", TypeId::kInt64, {std::int64_t{7}}}});
  EXPECT_EQ(Encode(ResultFormat::kCsv, {batch, batch}), "n\r\n7\r\n7\r\n");
}

TEST(CsvEncoderTest, NullIsNothingAndEmptyTextIsQuoted) {
  EXPECT_EQ(Csv({{"a", TypeId::kUtf8, {Value(""), Null{}}},
                 {"b", TypeId::kInt64, {Null{}, std::int64_t{1}}}}),
            "a,b\r\n\"\",\r\n,1\r\n");
}

TEST(CsvEncoderTest, QuotesStandWhereTheyAreNeeded) {
  EXPECT_EQ(Csv({{"v",
                  TypeId::kUtf8,
                  {Value("plain 'text'"), Value("a,b"), Value("\"x\""), Value("1\n2"),
                   Value("1\r2"), Value("Zoë")}}}),
            "v\r\nplain 'text'\r\n\"a,b\"\r\n\"\"\"x\"\"\"\r\n\"1\n2\"\r\n\"1\r2\"\r\nZoë\r\n");
}

TEST(CsvEncoderTest, NamesAreQuotedAsCellsAreAndMayRepeat) {
  EXPECT_EQ(Csv({{"a,b", TypeId::kInt64, {}},
                 {"\"", TypeId::kInt64, {}},
                 {"", TypeId::kInt64, {}},
                 {"x", TypeId::kInt64, {}},
                 {"x", TypeId::kInt64, {}}}),
            "\"a,b\",\"\"\"\",\"\",x,x\r\n");
}

TEST(CsvEncoderTest, NumbersThatAreNoneAreNothing) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  EXPECT_EQ(Csv({{"v", TypeId::kFloat64, {std::nan(""), kInfinity, -kInfinity, 0.5}}}),
            "v\r\n\r\n\r\n\r\n0.5\r\n");
  // Also where a column holds values of any kind.
  EXPECT_EQ(Csv({{"v", TypeId::kUtf8, {Value("x"), kInfinity}}}), "v\r\nx\r\n\r\n");
}

TEST(CsvEncoderTest, IntegersAmongFloatsAreFloats) {
  EXPECT_EQ(Csv({{"v", TypeId::kInt64, {std::int64_t{1}, 2.5}}}), "v\r\n1.0\r\n2.5\r\n");
}

TEST(CsvEncoderTest, BytesAreHexadecimal) {
  EXPECT_EQ(Csv({{"v", TypeId::kBinary, {types::Bytes{std::string("\0\xff", 2)}, types::Bytes{}}}}),
            "v\r\n\\x00ff\r\n\\x\r\n");
}

TEST(CsvEncoderTest, WhatIsTextInJsonIsTheSameTextHere) {
  EXPECT_EQ(Csv({{"t", TypeId::kTimestampTz, {types::Timestamp{0, true}}},
                 {"d", LogicalType::Decimal128(5, 2), {types::Decimal{"12.50"}}},
                 {"j", TypeId::kJson, {types::Json{"{\"a\":1}"}}}}),
            "t,d,j\r\n1970-01-01T00:00:00+00:00,12.50,\"{\"\"a\"\":1}\"\r\n");
}

}  // namespace
}  // namespace molt::codec
