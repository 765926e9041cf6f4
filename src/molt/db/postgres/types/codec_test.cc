// Cells as PostgreSQL 15 sends them -> columns.
#include "molt/db/postgres/types/codec.h"

#include <cmath>

#include <gtest/gtest.h>

#include "molt/db/postgres/types/codec_testing.h"

namespace molt::db::postgres {
namespace {

using types::Column;
using types::ColumnBuilder;
using types::Date;
using types::Decimal;
using types::LogicalType;
using types::Null;
using types::Timestamp;
using types::TypeId;
using types::Value;

// A column of the cell, a NULL, and the cell once more.
Column Decode(Oid type, const std::string& cell, std::int32_t typmod = -1) {
  const Decoder decoder = DecoderFor(type, typmod, "name_of_type");
  ColumnBuilder builder(decoder.type);
  EXPECT_TRUE(decoder.append(decoder, cell, builder));
  builder.AppendNull();
  EXPECT_TRUE(decoder.append(decoder, cell, builder));
  Column column = builder.Finish();
  EXPECT_EQ(column.length, 3);
  EXPECT_TRUE(column.IsNull(1));
  Value value;
  EXPECT_TRUE(decoder.read(decoder, cell, value));
  EXPECT_EQ(column.ValueAt(0), value);
  EXPECT_EQ(column.ValueAt(2), value);
  return column;
}

Value Cell(Oid type, const std::string& cell, std::int32_t typmod = -1) {
  return Decode(type, cell, typmod).ValueAt(0);
}

Value DecimalOf(const std::string& hex, std::int32_t typmod = -1) {
  return Cell(kNumeric, Hex(hex), typmod);
}

bool Accepts(Oid type, const std::string& cell, std::int32_t typmod = -1) {
  const Decoder decoder = DecoderFor(type, typmod, "name_of_type");
  ColumnBuilder builder(decoder.type);
  Value value;
  const bool appended = decoder.append(decoder, cell, builder);
  EXPECT_EQ(appended, decoder.read(decoder, cell, value));
  EXPECT_EQ(builder.length(), appended ? 1 : 0);
  return appended;
}

TEST(Decode, Scalars) {
  EXPECT_EQ(Cell(kBool, Hex("01")), Value(true));
  EXPECT_EQ(Cell(kBool, Hex("00")), Value(false));
  EXPECT_EQ(Cell(kInt2, Hex("8000")), Int(-32'768));
  EXPECT_EQ(Cell(kInt4, Hex("fffffffe")), Int(-2));
  EXPECT_EQ(Cell(kInt8, Hex("8000000000000000")), Int(INT64_MIN));
  EXPECT_EQ(Cell(kOid, Hex("ffffffff")), Int(4'294'967'295));
  EXPECT_EQ(Cell(kFloat4, Hex("3fc00000")), Value(1.5));
  EXPECT_EQ(Cell(kFloat8, Hex("3fb999999999999a")), Value(0.1));
  EXPECT_EQ(Cell(kText, "a\xC3\xA9"), Text("a\xC3\xA9"));
  EXPECT_EQ(Cell(kBytea, Hex("00ff")), Value(types::Bytes{Hex("00ff")}));
  EXPECT_EQ(Cell(kJson, "{}"), Value(types::Json{"{}"}));
  EXPECT_EQ(Cell(kJsonb, Hex("01 7b2261223a20317d")), Value(types::Json{"{\"a\": 1}"}));
  EXPECT_EQ(Cell(kUuid, std::string(16, '\x11')),
            Value(types::Uuid{{17, 17, 17, 17, 17, 17, 17, 17, 17, 17, 17, 17, 17, 17, 17, 17}}));
}

TEST(Decode, TheColumnHasTheTypeItselfNotAWiderOne) {
  EXPECT_EQ(Decode(kInt2, Hex("0001")).type, LogicalType(TypeId::kInt16));
  EXPECT_EQ(Decode(kInt4, Hex("00000001")).type, LogicalType(TypeId::kInt32));
  EXPECT_EQ(Decode(kFloat4, Hex("3fc00000")).type, LogicalType(TypeId::kFloat32));
  EXPECT_EQ(Decode(kCidr, Hex("0208 0104 0a000000")).type, LogicalType::Network());
  EXPECT_EQ(Decode(kInt4Array, Hex("00000000 00000000 00000017")).type,
            LogicalType::ListOf(TypeId::kInt32));
  EXPECT_EQ(DecoderFor(kInt4multirange, -1, {}).type,
            LogicalType::ListOf(LogicalType::RangeOf(TypeId::kInt32)));
}

TEST(Decode, TheOneByteOfACharIsText) {
  EXPECT_EQ(Cell(kChar, "r"), Text("r"));
  EXPECT_EQ(Cell(kChar, Hex("00")), Text(""));
  EXPECT_EQ(Cell(kChar, Hex("e9")), Text("\\351"));
}

TEST(Decode, NumericAsTextKeepsEveryPlace) {
  EXPECT_EQ(DecimalOf("0003 0001 0000 0004 0001 0929 1a85"), Value(Decimal{"12345.6789"}));
  EXPECT_EQ(DecimalOf("0001 ffff 4000 0004 0001"), Value(Decimal{"-0.0001"}));
  EXPECT_EQ(DecimalOf("0001 0005 0000 0000 0001"), Value(Decimal{"100000000000000000000"}));
  EXPECT_EQ(DecimalOf("0002 0000 0000 0002 0001 1388"), Value(Decimal{"1.50"}));
  EXPECT_EQ(DecimalOf("0000 0000 0000 0003"), Value(Decimal{"0.000"}));
  EXPECT_EQ(DecimalOf("0000 0000 c000 0000"), Value(Decimal{"NaN"}));
  EXPECT_EQ(DecimalOf("0000 0000 d000 0020"), Value(Decimal{"Infinity"}));
  EXPECT_EQ(DecimalOf("0000 0000 f000 0020"), Value(Decimal{"-Infinity"}));
}

TEST(Decode, NumericOfAPrecisionIsADecimal128) {
  const std::int32_t money = NumericTypmod(12, 2);
  const Column column = Decode(kNumeric, Hex("0002 0000 0000 0002 0001 1388"), money);
  EXPECT_EQ(column.type, LogicalType::Decimal128(12, 2));
  EXPECT_FALSE(column.IsMixed());
  EXPECT_EQ(column.ValueAt(0), Value(Decimal{"1.50"}));
  EXPECT_EQ(DecimalOf("0001 0001 0000 0002 0001", money), Value(Decimal{"10000.00"}));
  EXPECT_EQ(DecimalOf("0000 0000 0000 0002", money), Value(Decimal{"0.00"}));
  EXPECT_EQ(DecimalOf("0001 ffff 4000 0002 0064", money), Value(Decimal{"-0.01"}));
  EXPECT_EQ(DecimalOf("000a 0009 0000 0000 0063 270f 270f 270f 270f 270f 270f 270f 270f 270f",
                      NumericTypmod(38, 0)),
            Value(Decimal{std::string(38, '9')}));
  // 35 digits and 3 places: the last group is used in part.
  EXPECT_EQ(DecimalOf("000a 0008 4000 0003 03e7 270f 270f 270f 270f 270f 270f 270f 270f 2706",
                      NumericTypmod(38, 3)),
            Value(Decimal{"-" + std::string(35, '9') + ".999"}));
}

TEST(Decode, WhatADecimal128CannotHoldStaysExactInAMixedColumn) {
  for (const char* hex : {
           "0000 0000 c000 0000",                      // NaN
           "0002 0000 0000 0003 0001 0924",            // 1.234: a place too many
           "0001 0003 0000 0000 0001",                 // 10^12
           "0004 0003 0000 0002 0001 0000 0000 0001",  // 10^12 + 1
           "0001 7fff 0000 0000 0001",
       }) {
    const Column column = Decode(kNumeric, Hex(hex), NumericTypmod(12, 2));
    EXPECT_TRUE(column.IsMixed()) << hex;
    EXPECT_EQ(column.ValueAt(0), DecimalOf(hex)) << hex;
  }
}

TEST(Decode, NumericWithAScaleThatNoDecimal128HasIsText) {
  for (const auto& [precision, scale] : {std::pair{39, 0}, {5, -2}, {3, 5}, {1000, 1000}}) {
    EXPECT_EQ(DecoderFor(kNumeric, NumericTypmod(precision, scale), {}).type,
              LogicalType(TypeId::kDecimal));
  }
}

TEST(Decode, DatesAndTimes) {
  EXPECT_EQ(Cell(kDate, Hex("00002279")), Value(Date{19'782}));
  EXPECT_EQ(Cell(kDate, Hex("ffffd533")), Value(Date{0}));
  EXPECT_EQ(Cell(kTime, Hex("0000000a8be1bd20")), Value(types::Time{45'296'500'000}));
  EXPECT_EQ(Cell(kTimetz, Hex("0000000a8be1bd20 00003147")),
            Value(types::TimeTz{45'296'500'000, -12'615}));
  EXPECT_EQ(Cell(kTimestamp, Hex("0002b583416e1d20")),
            Value(Timestamp{1'709'210'096'500'000, false}));
  EXPECT_EQ(Cell(kTimestamptz, Hex("0002b583416e1d20")),
            Value(Timestamp{1'709'210'096'500'000, true}));
  EXPECT_EQ(Cell(kInterval, Hex("00000000000f4240 00000003 0000000c")),
            Value(types::Interval{12, 3, 1'000'000}));
}

TEST(Decode, WhatNoDateOrTimeIsBecomesText) {
  EXPECT_EQ(Cell(kDate, Hex("7fffffff")), Text("infinity"));
  EXPECT_EQ(Cell(kDate, Hex("80000000")), Text("-infinity"));
  EXPECT_EQ(Cell(kTimestamp, Hex("7fffffffffffffff")), Text("infinity"));
  EXPECT_EQ(Cell(kTimestamptz, Hex("8000000000000000")), Text("-infinity"));
  EXPECT_EQ(Cell(kTimestamp, Hex("7fffff5bb3b29fff")), Text("294276-12-31 23:59:59.999999"));
  EXPECT_EQ(Cell(kTimestamptz, Hex("7fffff5bb3b29fff")),
            Text("294276-12-31 23:59:59.999999+00:00"));
  EXPECT_EQ(Cell(kTime, Hex("000000141dd76000")), Text("24:00:00"));
}

TEST(Decode, AnIntervalBeyondNanosecondsIsMixed) {
  const Column column = Decode(kInterval, Hex("0020c49ba5e353f7 00000000 00000000"));
  EXPECT_FALSE(column.IsMixed());  // the most microseconds that a thousand times are an int64
  const Column far = Decode(kInterval, Hex("0020c49ba5e353f8 00000000 00000000"));
  EXPECT_TRUE(far.IsMixed());
  EXPECT_EQ(far.ValueAt(0), Value(types::Interval{0, 0, 0x0020c49ba5e353f8}));
}

TEST(Decode, NetworkAddressesAsTheServerPrintsThem) {
  const auto inet = [](const std::string& hex) {
    return std::get<types::Inet>(Cell(kInet, Hex(hex))).text;
  };
  EXPECT_EQ(inet("0220 0004 c0a80001"), "192.168.0.1");
  EXPECT_EQ(inet("0218 0004 c0a80001"), "192.168.0.1/24");
  EXPECT_EQ(inet("0380 0010 20010db8 00000000 00000000 00000001"), "2001:db8::1");
  EXPECT_EQ(inet("0380 0010 00000000 00000000 00000000 00000001"), "::1");
  EXPECT_EQ(inet("0300 0010 00000000 00000000 00000000 00000000"), "::/0");
  EXPECT_EQ(inet("0380 0010 00000000 00000000 0000ffff 01020304"), "::ffff:1.2.3.4");
  EXPECT_EQ(inet("0380 0010 00010000 00000002 00000000 00000003"), "1:0:0:2::3");
  EXPECT_EQ(inet("0380 0010 00010002 00030004 00050006 00070000"), "1:2:3:4:5:6:7:0");
  EXPECT_EQ(Cell(kCidr, Hex("0220 0104 0a000001")), Value(types::Inet{"10.0.0.1/32", true}));
}

TEST(Decode, Arrays) {
  EXPECT_EQ(Cell(kInt4Array, Hex("00000001 00000001 00000017 00000002 00000001"
                                 "00000004 00000001 ffffffff")),
            List({Int(1), Null{}}));
  EXPECT_EQ(Cell(kInt4Array, Hex("00000000 00000000 00000017")), List({}));
  // [0:1]={a,b}
  EXPECT_EQ(Cell(kTextArray, Hex("00000001 00000000 00000019 00000002 00000000"
                                 "00000001 61 00000001 62")),
            Value(types::List(types::ListItems{{Text("a"), Text("b")}, {0}})));
}

TEST(Decode, AnArrayOfMoreDimensionsIsAListOfListsInAMixedColumn) {
  const Column column =
      Decode(kInt2Array, Hex("00000002 00000000 00000015 00000002 00000001 00000002 00000001"
                             "00000002 0001 00000002 0002 00000002 0003 00000002 0004"));
  EXPECT_TRUE(column.IsMixed());
  EXPECT_EQ(column.ValueAt(0), List({List({Int(1), Int(2)}), List({Int(3), Int(4)})}));
}

TEST(Decode, TheItemsOfAnArrayHaveThePrecisionOfItsColumn) {
  const Column column =
      Decode(kNumericArray,
             Hex("00000001 00000000 000006a4 00000001 00000001 0000000c 0002000000000002 00011388"),
             NumericTypmod(5, 2));
  EXPECT_EQ(column.type, LogicalType::ListOf(LogicalType::Decimal128(5, 2)));
  EXPECT_EQ(column.ValueAt(0), List({Decimal{"1.50"}}));
}

TEST(Decode, ArraysOfTypesReadAsTextComeAsText) {
  const Decoder decoder = DecoderFor(kMoneyArray, -1, {});
  EXPECT_EQ(decoder.format, Format::kText);
  EXPECT_EQ(decoder.type, LogicalType::ListOf(LogicalType::Other("money")));
  const auto item = [](const char* text) { return Value(types::Other{text}); };
  EXPECT_EQ(Cell(kMoneyArray, "{}"), List({}));
  EXPECT_EQ(Cell(kMoneyArray, R"({$1.00,NULL,"NULL","$1,000.00","a\"\\b"})"),
            List({item("$1.00"), Null{}, item("NULL"), item("$1,000.00"), item("a\"\\b")}));
  EXPECT_EQ(Cell(kMoneyArray, "[2:3]={a,b}"), List({item("a"), item("b")}));
  EXPECT_EQ(Cell(kMoneyArray, "{{a},{b}}"), List({List({item("a")}), List({item("b")})}));
  for (const char* text : {"", "{", "{a", "{a}b", "{,}", "{a,}", "{\"a}", "{\"a\\", "[0:1]",
                           "{{{{{{{a}}}}}}}", "{\"a\"b}"}) {
    EXPECT_FALSE(Accepts(kMoneyArray, text)) << text;
  }
}

TEST(Decode, ArraysOfBoxesHaveSemicolons) {
  const auto item = [](const char* text) { return Value(types::Other{text}); };
  EXPECT_EQ(DecoderFor(kBoxArray, -1, {}).type, LogicalType::ListOf(LogicalType::Other("box")));
  EXPECT_EQ(Cell(kBoxArray, "{(1,1),(0,0);NULL;(2,2),(1,1)}"),
            List({item("(1,1),(0,0)"), Null{}, item("(2,2),(1,1)")}));
  EXPECT_EQ(Cell(kBoxArray, "{{(1,1),(0,0)};{(2,2),(1,1)}}"),
            List({List({item("(1,1),(0,0)")}), List({item("(2,2),(1,1)")})}));
  EXPECT_FALSE(Accepts(kBoxArray, "{{(1,1),(0,0)},{(2,2),(1,1)}}"));
  EXPECT_FALSE(Accepts(kBoxArray, "{;}"));
}

TEST(Decode, Ranges) {
  EXPECT_EQ(Cell(kInt4range, Hex("02 00000004 00000001 00000004 0000000a")),
            Range(Int(1), Int(10), "[)"));
  EXPECT_EQ(Cell(kInt4range, Hex("01")), Value(types::Range()));
  EXPECT_EQ(Cell(kInt4range, Hex("18")), Range(Null{}, Null{}, "()"));
  EXPECT_EQ(Cell(kDaterange, Hex("08 00000004 00002279")), Range(Null{}, Date{19'782}, "()"));
  EXPECT_EQ(Cell(kDaterange, Hex("02 00000004 00002279 00000004 7fffffff")),
            Range(Date{19'782}, Text("infinity"), "[)"));
}

TEST(Decode, MultirangesAreListsOfRanges) {
  EXPECT_EQ(Cell(kInt4multirange, Hex("00000002 00000011 02 00000004 00000001 00000004 00000003"
                                      "00000009 12 00000004 00000005")),
            List({Range(Int(1), Int(3), "[)"), Range(Int(5), Null{}, "[)")}));
  EXPECT_EQ(Cell(kInt4multirange, Hex("00000000")), List({}));
}

TEST(Decode, ATypeThatIsNotInTheTableIsItsTextAndItsName) {
  const Decoder decoder = DecoderFor(kUserType, -1, "mood");
  EXPECT_EQ(decoder.format, Format::kText);
  EXPECT_EQ(decoder.type, LogicalType::Other("mood"));
  EXPECT_EQ(Cell(kUserType, "happy"), Value(types::Other{"happy"}));
  EXPECT_FALSE(IsKnownType(kUserType));
  EXPECT_FALSE(IsKnownType(0));
  EXPECT_FALSE(IsKnownType(0xFFFFFFFF));
  EXPECT_TRUE(IsKnownType(kMoneyArray));
  EXPECT_EQ(DecoderFor(kMoney, -1, {}).type, LogicalType::Other("money"));
  EXPECT_EQ(Cell(kVoid, ""), Text(""));
}

TEST(Decode, AnyOtherLengthOfAFixedOneIsRefused) {
  const std::vector<std::pair<Oid, std::size_t>> sizes = {
      {kBool, 1},    {kChar, 1},   {kInt2, 2},      {kInt4, 4},        {kInt8, 8},
      {kOid, 4},     {kFloat4, 4}, {kFloat8, 8},    {kDate, 4},        {kTime, 8},
      {kTimetz, 12}, {kUuid, 16},  {kTimestamp, 8}, {kTimestamptz, 8}, {kInterval, 16}};
  for (const auto& [type, size] : sizes) {
    for (std::size_t given = 0; given < 20; ++given) {
      EXPECT_EQ(Accepts(type, std::string(given, '\0')), given == size) << type << ' ' << given;
    }
  }
}

TEST(Decode, MalformedCellsAreRefused) {
  const std::vector<std::pair<Oid, const char*>> cells = {
      {kBool, "02"},
      {kJsonb, ""},
      {kJsonb, "02 7b7d"},
      {kTime, "ffffffffffffffff"},
      {kTime, "000000141dd76001"},
      {kTimetz, "0000000a8be1bd20 80000000"},
      {kTimetz, "0000000a8be1bd20 0000e100"},
      {kNumeric, ""},
      {kNumeric, "0001 0000 0000 0000"},
      {kNumeric, "0000 0000 0000 0000 0001"},
      {kNumeric, "0001 0000 0000 0000 2710"},  // a digit of 10,000
      {kNumeric, "0000 0000 0001 0000"},       // no such sign
      {kNumeric, "0000 0000 0000 4000"},       // too many places
      {kInet, ""},
      {kInet, "0221 0004 c0a80001"},  // a mask of 33 bits
      {kInet, "0420 0004 c0a80001"},
      {kInet, "0220 0005 c0a80001"},
      {kInet, "0320 0004 c0a80001"},
      {kInet, "0220 0004 c0a800"},
      {kInt4range, ""},
      {kInt4range, "0200"},
      {kInt4range, "02 00000004 00000001"},
      {kInt4range, "02 ffffffff 00000004 0000000a"},
      {kInt4range, "01 00"},
      {kInt4multirange, "00000001"},
      {kInt4multirange, "ffffffff"},
      {kInt4multirange, "00000001 00000001 01 00"},
      {kInt4multirange, "00000001 00000002 01"},
      {kInt4Array, ""},
      {kInt4Array, "00000000 00000000 00000015"},  // of int2
      {kInt4Array, "00000000 00000000 00000017 00"},
      {kInt4Array, "00000000 00000002 00000017"},
      {kInt4Array, "00000007 00000000 00000017"},
      {kInt4Array, "00000001 00000000 00000017 00000001 00000001"},
      {kInt4Array, "00000001 00000000 00000017 7fffffff 00000001 ffffffff"},
      {kInt4Array, "00000001 00000000 00000017 ffffffff 00000001 ffffffff"},
      {kInt4Array, "00000001 00000000 00000017 00000001 00000001 fffffffe"},
      {kInt4Array, "00000001 00000000 00000017 00000001 00000001 00000004 000000"},
      {kInt4Array, "00000001 00000000 00000017 00000001 00000001 00000002 0000"},
      // Few bytes that would be many empty lists.
      {kInt4Array, "00000002 00000000 00000017 7fffffff 00000001 00000000 00000001"},
      {kInt4Array, "00000002 00000000 00000017 00010000 00000001 00010000 00000001 ffffffff"},
  };
  for (const auto& [type, hex] : cells) EXPECT_FALSE(Accepts(type, Hex(hex))) << type << ' ' << hex;
}

TEST(Decode, AMixedColumnTakesTypedCellsToo) {
  const Decoder decoder = DecoderFor(kDate, -1, {});
  ColumnBuilder builder(decoder.type);
  for (const char* hex : {"00002279", "7fffffff", "00002279"}) {
    ASSERT_TRUE(decoder.append(decoder, Hex(hex), builder));
  }
  const Column column = builder.Finish();
  EXPECT_TRUE(column.IsMixed());
  EXPECT_EQ(column.ValueAt(0), Value(Date{19'782}));
  EXPECT_EQ(column.ValueAt(1), Text("infinity"));
  EXPECT_EQ(column.ValueAt(2), Value(Date{19'782}));
}

}  // namespace
}  // namespace molt::db::postgres
