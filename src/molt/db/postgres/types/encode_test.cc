// Values -> parameters as PostgreSQL 15 takes them.
#include <cmath>
#include <limits>
#include <ostream>

#include <gtest/gtest.h>

#include "molt/db/postgres/types/codec.h"
#include "molt/db/postgres/types/codec_testing.h"

namespace molt::db::postgres {

namespace {

using types::Date;
using types::Decimal;
using types::Inet;
using types::Json;
using types::Null;
using types::Other;
using types::Timestamp;
using types::Uuid;
using types::Value;

struct Encoded {
  EncodeOutcome outcome = EncodeOutcome::kMismatch;
  std::string bytes;
  friend bool operator==(const Encoded&, const Encoded&) = default;
  friend std::ostream& operator<<(std::ostream& out, const Encoded& encoded) {
    return out << static_cast<int>(encoded.outcome) << ' ' << testing::PrintToString(encoded.bytes);
  }
};

// Appended to something, which must stay.
Encoded Encode(Oid target, const Value& value) {
  std::string out = "before";
  Encoded encoded{EncodeParam(target, value, out), {}};
  EXPECT_EQ(out.substr(0, 6), "before");
  encoded.bytes = out.substr(6);
  return encoded;
}

Encoded Binary(std::string_view hex) { return {EncodeOutcome::kBinary, Hex(hex)}; }
Encoded AsText(std::string text) { return {EncodeOutcome::kText, std::move(text)}; }
const Encoded kMismatch{};

TEST(Encode, Integers) {
  EXPECT_EQ(Encode(kInt2, Int(-2)), Binary("fffe"));
  EXPECT_EQ(Encode(kInt4, Int(-2)), Binary("fffffffe"));
  EXPECT_EQ(Encode(kInt8, Int(INT64_MIN)), Binary("8000000000000000"));
  EXPECT_EQ(Encode(kOid, Int(4'294'967'295)), Binary("ffffffff"));
  EXPECT_EQ(Encode(kInt2, Int(32'768)), kMismatch);
  EXPECT_EQ(Encode(kInt4, Int(-2'147'483'649)), kMismatch);
  EXPECT_EQ(Encode(kOid, Int(-1)), kMismatch);
  EXPECT_EQ(Encode(kInt4, 1.0), kMismatch);
  EXPECT_EQ(Encode(kInt4, true), kMismatch);
  EXPECT_EQ(Encode(kInt4, Decimal{"1"}), kMismatch);
  EXPECT_EQ(Encode(kText, Int(1)), kMismatch);
}

TEST(Encode, FloatsOnlyIfExact) {
  EXPECT_EQ(Encode(kFloat8, 0.1), Binary("3fb999999999999a"));
  EXPECT_EQ(Encode(kFloat8, Int(3)), Binary("4008000000000000"));
  EXPECT_EQ(Encode(kFloat8, Int((std::int64_t{1} << 53) + 1)), kMismatch);
  EXPECT_EQ(Encode(kFloat8, Int(INT64_MAX)), kMismatch);
  EXPECT_EQ(Encode(kFloat8, Int(INT64_MIN)), Binary("c3e0000000000000"));
  EXPECT_EQ(Encode(kFloat4, 1.5), Binary("3fc00000"));
  EXPECT_EQ(Encode(kFloat4, 0.1), kMismatch);
  EXPECT_EQ(Encode(kFloat4, 1e300), kMismatch);
  EXPECT_EQ(Encode(kFloat4, Int(16'777'217)), kMismatch);
  EXPECT_EQ(Encode(kFloat4, -std::numeric_limits<double>::infinity()), Binary("ff800000"));
  EXPECT_EQ(Encode(kFloat4, std::nan("")), Binary("7fc00000"));
}

TEST(Encode, Numerics) {
  EXPECT_EQ(Encode(kNumeric, Decimal{"12345.6789"}), Binary("0003000100000004 0001 0929 1a85"));
  EXPECT_EQ(Encode(kNumeric, Decimal{"-0.0001"}), Binary("0001ffff40000004 0001"));
  EXPECT_EQ(Encode(kNumeric, Decimal{"1E+20"}), Binary("0001000500000000 0001"));
  EXPECT_EQ(Encode(kNumeric, Decimal{"1.50"}), Binary("0002000000000002 0001 1388"));
  EXPECT_EQ(Encode(kNumeric, Decimal{"00150E-2"}), Binary("0002000000000002 0001 1388"));
  EXPECT_EQ(Encode(kNumeric, Decimal{"0.000"}), Binary("0000000000000003"));
  EXPECT_EQ(Encode(kNumeric, Decimal{"1E-8"}), Binary("0001fffe00000008 0001"));
  EXPECT_EQ(Encode(kNumeric, Decimal{"0.00012"}), Binary("0002ffff00000005 0001 07d0"));
  EXPECT_EQ(Encode(kNumeric, Decimal{"NaN"}), Binary("00000000c0000000"));
  EXPECT_EQ(Encode(kNumeric, Decimal{"-Infinity"}), Binary("00000000f0000000"));
  EXPECT_EQ(Encode(kNumeric, Int(-10'000)), Binary("0001000140000000 0001"));
  EXPECT_EQ(Encode(kNumeric, 0.1), Binary("0001ffff00000001 03e8"));
  EXPECT_EQ(Encode(kNumeric, 1e22), Binary("0001000500000000 0064"));
  EXPECT_EQ(Encode(kNumeric, std::nan("")), Binary("00000000c0000000"));
}

TEST(Encode, WhatNoNumericCanBeIsAMismatch) {
  for (const char* text : {"", "-", ".", "1x", "1E", "1E+-5", "sNaN", "--1", "1.2.3", "1E+131072",
                           "1E-16384", "1E99999999999999999999", " 1"}) {
    EXPECT_EQ(Encode(kNumeric, Decimal{text}), kMismatch) << text;
  }
  EXPECT_EQ(Encode(kNumeric, Decimal{"1E+131071"}), Binary("00017fff00000000 03e8"));
  EXPECT_EQ(Encode(kNumeric, Text("1")), kMismatch);
  // More groups than the binary form may have.
  const std::string digits(12'001, '7');
  EXPECT_EQ(Encode(kNumeric, Decimal{digits}), AsText(digits));
}

TEST(Encode, Text) {
  EXPECT_EQ(Encode(kText, Text("a\xC3\xA9")), Binary("61c3a9"));
  EXPECT_EQ(Encode(kVarchar, Text("")), Binary(""));
  EXPECT_EQ(Encode(kText, Text(std::string("a\0b", 3))), Binary("610062"));
  EXPECT_EQ(Encode(kName, Json{"{}"}), Binary("7b7d"));
  EXPECT_EQ(Encode(kText, types::Bytes{"a"}), kMismatch);
  EXPECT_EQ(Encode(kText, Date{0}), kMismatch);
  EXPECT_EQ(Encode(kText, Uuid{}),
            (Encoded{EncodeOutcome::kBinary, "00000000-0000-0000-0000-000000000000"}));
}

TEST(Encode, TextForOtherTypesIsLeftToTheServerToParse) {
  for (const Oid target :
       {kDate, kTime, kTimetz, kTimestamp, kTimestamptz, kInterval, kUuid, kJson, kJsonb, kInet,
        kCidr, kMoney, kChar, kInt4Array, kInt4range, kInt4multirange, kUserType}) {
    EXPECT_EQ(Encode(target, Text("text")), AsText("text")) << target;
  }
  for (const Oid target : {kBool, kBytea, kInt2, kInt4, kInt8, kOid, kFloat4, kFloat8, kNumeric}) {
    EXPECT_EQ(Encode(target, Text("1")), kMismatch) << target;
    EXPECT_EQ(Encode(target, Other{"1"}), AsText("1")) << target;
  }
}

TEST(Encode, DatesAndTimes) {
  EXPECT_EQ(Encode(kDate, Date{19'782}), Binary("00002279"));
  EXPECT_EQ(Encode(kTimestamp, Date{19'782}), Binary("0002b578b58c6000"));
  EXPECT_EQ(Encode(kTimestamptz, Date{0}), kMismatch);
  EXPECT_EQ(Encode(kTime, types::Time{45'296'500'000}), Binary("0000000a8be1bd20"));
  EXPECT_EQ(Encode(kTimetz, types::TimeTz{45'296'500'000, -12'615}),
            Binary("0000000a8be1bd20 00003147"));
  EXPECT_EQ(Encode(kTimestamp, Timestamp{1'709'210'096'500'000, false}),
            Binary("0002b583416e1d20"));
  EXPECT_EQ(Encode(kTimestamptz, Timestamp{1'709'210'096'500'000, true}),
            Binary("0002b583416e1d20"));
  EXPECT_EQ(Encode(kTimestamp, Timestamp{0, true}), kMismatch);
  EXPECT_EQ(Encode(kTimestamptz, Timestamp{0, false}), kMismatch);
  EXPECT_EQ(Encode(kDate, Timestamp{0, false}), kMismatch);
  EXPECT_EQ(Encode(kInterval, types::Interval{12, 3, 1'000'000}),
            Binary("00000000000f4240 00000003 0000000c"));
}

TEST(Encode, ADateThatWouldReadAsInfinityIsAMismatch) {
  EXPECT_EQ(Encode(kDate, Date{INT32_MIN}), kMismatch);
  EXPECT_EQ(Encode(kDate, Date{INT32_MIN + 10'957}), kMismatch);
  EXPECT_EQ(Encode(kDate, Date{INT32_MIN + 10'958}), Binary("80000001"));
  EXPECT_EQ(Encode(kTimestamp, Timestamp{INT64_MIN, false}), kMismatch);
  EXPECT_EQ(Encode(kTimestamp, Date{INT32_MAX}), kMismatch);
}

TEST(Encode, TheOtherScalars) {
  EXPECT_EQ(Encode(kBool, true), Binary("01"));
  EXPECT_EQ(Encode(kBool, Int(1)), kMismatch);
  EXPECT_EQ(Encode(kBytea, types::Bytes{Hex("00ff")}), Binary("00ff"));
  EXPECT_EQ(Encode(kUuid, Uuid{}), Binary("00000000000000000000000000000000"));
  EXPECT_EQ(Encode(kJson, Json{"1"}), Binary("31"));
  EXPECT_EQ(Encode(kJsonb, Json{"1"}), Binary("0131"));
  EXPECT_EQ(Encode(kInet, Inet{"192.168.0.1/24", false}), Binary("02180004 c0a80001"));
  EXPECT_EQ(Encode(kInet, Inet{"::1", false}), Binary("03800010 00000000000000000000000000000001"));
  EXPECT_EQ(Encode(kCidr, Inet{"10.0.0.0/8", true}), Binary("02080104 0a000000"));
  for (const char* text : {"10/8", "fe80::1%eth0", "1.2.3.4/33", "1.2.3.4/", "1.2.3.4/8x", "x"}) {
    EXPECT_EQ(Encode(kInet, Inet{text, false}), AsText(text));
  }
}

TEST(Encode, UnknownTypesTakeText) {
  EXPECT_EQ(Encode(kUserType, Json{"{}"}), AsText("{}"));
  EXPECT_EQ(Encode(kUserType, Inet{"::1", false}), AsText("::1"));
  EXPECT_EQ(Encode(kUserType, Int(1)), kMismatch);
  EXPECT_EQ(Encode(0, Text("a")), AsText("a"));
  EXPECT_EQ(Encode(kUserType, List({Text("a"), Null{}})), AsText("{\"a\",NULL}"));
}

TEST(Encode, Arrays) {
  EXPECT_EQ(Encode(kInt4Array, List({Int(1), Null{}})),
            Binary("00000001 00000001 00000017 00000002 00000001 00000004 00000001 ffffffff"));
  EXPECT_EQ(Encode(kInt4Array, List({})), Binary("00000000 00000000 00000017"));
  EXPECT_EQ(Encode(kInt4Array, List({List({}), List({})})), Binary("00000000 00000000 00000017"));
  EXPECT_EQ(Encode(kInt2Array, List({List({Int(1), Int(2)}), List({Int(3), Int(4)})})),
            Binary("00000002 00000000 00000015 00000002 00000001 00000002 00000001"
                   "00000002 0001 00000002 0002 00000002 0003 00000002 0004"));
  EXPECT_EQ(Encode(kInt4multirangeArray, List({List({Range(Int(1), Null{}, "[)")}), List({})})),
            Binary("00000001 00000000 00001163 00000002 00000001"
                   "00000011 00000001 00000009 12 00000004 00000001 00000004 00000000"));
}

TEST(Encode, AListThatIsNoSuchArrayIsAMismatch) {
  EXPECT_EQ(Encode(kInt4Array, List({Int(1), 2.5})), kMismatch);
  EXPECT_EQ(Encode(kInt4Array, List({Int(1), Int(INT64_MAX)})), kMismatch);
  EXPECT_EQ(Encode(kInt4Array, List({List({Int(1)}), List({Int(1), Int(2)})})), kMismatch);
  EXPECT_EQ(Encode(kInt4Array, List({List({Int(1)}), Int(1)})), kMismatch);
  EXPECT_EQ(Encode(kInt4Array, List({List({Int(1)}), Null{}})), kMismatch);
  EXPECT_EQ(Encode(kInt4Array, List({List({}), List({Int(1)})})), kMismatch);
  EXPECT_EQ(Encode(kInt4Array, Int(1)), kMismatch);
  EXPECT_EQ(Encode(kInt4, List({Int(1)})), kMismatch);
  Value deep = Int(1);
  for (int i = 0; i < 6; ++i) deep = List({deep});
  EXPECT_EQ(Encode(kInt4Array, deep).outcome, EncodeOutcome::kBinary);
  EXPECT_EQ(Encode(kInt4Array, List({deep})), kMismatch);
}

TEST(Encode, OneItemInTextFormatMakesTheWholeArrayText) {
  EXPECT_EQ(Encode(kDateArray, List({Date{19'782}, Null{}, Text("infinity")})),
            AsText(R"({"2024-02-29",NULL,"infinity"})"));
  EXPECT_EQ(Encode(kMoneyArray, List({List({Text("a\"\\b")}), List({Text("NULL")})})),
            AsText(R"({{"a\"\\b"},{"NULL"}})"));
  EXPECT_EQ(Encode(kBoxArray, List({Text("(1,1),(0,0)"), Null{}})),
            AsText("{\"(1,1),(0,0)\";NULL}"));
  EXPECT_EQ(Encode(kBoxArray, List({List({Text("a")}), List({Text("b")})})),
            AsText(R"({{"a"};{"b"}})"));
  EXPECT_EQ(Encode(kDateArray, List({Date{-800'000}, Text("infinity")})), kMismatch);
}

TEST(Encode, AListForJsonIsAJsonArray) {
  const Value list = List({Null{}, true, Int(-1), 1.5, Text("a\"\\\n\xC3\xA9"), Decimal{"1.50"},
                           Json{R"({"a": 1})"}, List({Int(2)}), List({})});
  const std::string json = "[null,true,-1,1.5,\"a\\\"\\\\\\u000a\xC3\xA9\",1.50,{\"a\": 1},[2],[]]";
  EXPECT_EQ(Encode(kJson, list), (Encoded{EncodeOutcome::kBinary, json}));
  EXPECT_EQ(Encode(kJsonb, list), (Encoded{EncodeOutcome::kBinary, "\1" + json}));
  for (const Value& item : {Value(std::nan("")), Value(Date{0}), Value(Decimal{"NaN"}),
                            Value(Decimal{"007"}), Value(Decimal{".5"}), Value(Uuid{})}) {
    EXPECT_EQ(Encode(kJsonb, List({item})), kMismatch);
  }
}

TEST(Encode, Ranges) {
  EXPECT_EQ(Encode(kInt4range, Range(Int(1), Int(10), "[)")),
            Binary("02 00000004 00000001 00000004 0000000a"));
  EXPECT_EQ(Encode(kInt4range, types::Range()), Binary("01"));
  EXPECT_EQ(Encode(kInt4range, Range(Null{}, Null{}, "[]")), Binary("18"));
  EXPECT_EQ(Encode(kNumrange, Range(Int(1), Null{}, "()")),
            Binary("10 0000000a 00010000000000000001"));
  EXPECT_EQ(Encode(kDaterange, Range(Date{19'782}, Text("infinity"), "[)")),
            AsText("[2024-02-29,infinity)"));
  EXPECT_EQ(Encode(kInt4range, Range(Int(1), 2.5, "[)")), kMismatch);
  EXPECT_EQ(Encode(kInt4range, Range(Int(INT64_MAX), Null{}, "[)")), kMismatch);
  EXPECT_EQ(Encode(kInt4range, Int(1)), kMismatch);
}

TEST(Encode, MultirangesFromListsOfRanges) {
  EXPECT_EQ(Encode(kInt4multirange, List({Range(Int(1), Int(3), "[)"), types::Range()})),
            Binary("00000002 00000011 02 00000004 00000001 00000004 00000003 00000001 01"));
  EXPECT_EQ(Encode(kInt4multirange, List({})), Binary("00000000"));
  EXPECT_EQ(Encode(kDatemultirange, List({Range(Date{19'782}, Text("infinity"), "[)")})),
            AsText("{[2024-02-29,infinity)}"));
  EXPECT_EQ(Encode(kInt4multirange, List({Null{}})), kMismatch);
  EXPECT_EQ(Encode(kInt4multirange, List({Int(1)})), kMismatch);
}

TEST(NaturalType, OfScalars) {
  EXPECT_EQ(NaturalType(Null{}), 0U);
  EXPECT_EQ(NaturalType(true), kBool);
  EXPECT_EQ(NaturalType(Int(1)), kInt4);
  EXPECT_EQ(NaturalType(Int(2'147'483'648)), kInt8);
  EXPECT_EQ(NaturalType(1.5), kFloat8);
  EXPECT_EQ(NaturalType(Text("a")), 0U);
  EXPECT_EQ(NaturalType(types::Bytes{}), kBytea);
  EXPECT_EQ(NaturalType(Timestamp{0, false}), kTimestamp);
  EXPECT_EQ(NaturalType(Timestamp{0, true}), kTimestamptz);
  EXPECT_EQ(NaturalType(Decimal{"1"}), kNumeric);
  EXPECT_EQ(NaturalType(Json{"1"}), kJsonb);
  EXPECT_EQ(NaturalType(Inet{"10.0.0.0/8", true}), kInet);
  EXPECT_EQ(NaturalType(Other{"a"}), 0U);
}

TEST(NaturalType, OfListsIsAnArrayOfWhatTheItemsHaveInCommon) {
  EXPECT_EQ(NaturalType(List({})), 0U);
  EXPECT_EQ(NaturalType(List({Null{}})), 0U);
  EXPECT_EQ(NaturalType(List({Int(1), Null{}})), kInt8Array);
  EXPECT_EQ(NaturalType(List({Int(1), 2.5})), kFloat8Array);
  EXPECT_EQ(NaturalType(List({2.5, Decimal{"1"}, Int(1)})), kNumericArray);
  EXPECT_EQ(NaturalType(List({Int(1), Int(std::int64_t{1} << 40)})), kInt8Array);
  // More than a double tells apart.
  EXPECT_EQ(NaturalType(List({2.5, Int((std::int64_t{1} << 53) + 1)})), kNumericArray);
  EXPECT_EQ(NaturalType(List({List({2.5}), List({Int(INT64_MIN)})})), kNumericArray);
  EXPECT_EQ(NaturalType(List({Text("a")})), kTextArray);
  EXPECT_EQ(NaturalType(List({true})), kBoolArray);
  EXPECT_EQ(NaturalType(List({Date{0}})), kDateArray);
  EXPECT_EQ(NaturalType(List({Json{"{}"}})), kJsonbArray);
  EXPECT_EQ(NaturalType(List({List({Int(1)}), List({Int(2)})})), kInt8Array);
  EXPECT_EQ(NaturalType(List({Int(1), Text("a")})), 0U);
  EXPECT_EQ(NaturalType(List({Int(1), true})), 0U);
  EXPECT_EQ(NaturalType(List({Int(1), Other{"a"}})), 0U);
  EXPECT_EQ(NaturalType(List({types::Range(), Range(Int(1), Null{}, "[)")})), kInt8rangeArray);
}

TEST(NaturalType, OfRangesIsThatOfTheirBounds) {
  EXPECT_EQ(NaturalType(types::Range()), 0U);
  EXPECT_EQ(NaturalType(Range(Null{}, Null{}, "()")), 0U);
  EXPECT_EQ(NaturalType(Range(Int(1), Null{}, "()")), kInt8range);
  EXPECT_EQ(NaturalType(Range(Int(1), Decimal{"2"}, "()")), kNumrange);
  EXPECT_EQ(NaturalType(Range(Null{}, 2.5, "()")), kNumrange);
  EXPECT_EQ(NaturalType(Range(Timestamp{0, true}, Null{}, "()")), kTstzrange);
  EXPECT_EQ(NaturalType(Range(Date{0}, Date{1}, "()")), kDaterange);
  EXPECT_EQ(NaturalType(Range(Date{0}, Int(1), "()")), 0U);
  EXPECT_EQ(NaturalType(Range(Text("a"), Text("b"), "()")), 0U);
}

}  // namespace
}  // namespace molt::db::postgres
