// Every type of value, in JSON and MsgPack and back.
#include "molt/query/literal_document.h"

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "molt/query/serialize_testing.h"

namespace molt::query {
namespace {

using ::testing::HasSubstr;
using types::Null;
using types::Value;

const Table kUsers("users");
const Expr kId = kUsers["id"];

std::string Json(const Query& query) {
  const auto text = ToJson(query);
  return text ? *text : "error: " + text.error().message;
}

// The error of reading a value of a type, in place of a condition.
std::string Refused(const std::string& type, const std::string& json) {
  const auto query =
      FromJson(R"({"molt_ir":1,"query":{"from":{"name":"users"},"where":[{"op":"value","type":")" +
               type + R"(","value":)" + json + "}]}}");
  if (query) return "no error";
  EXPECT_EQ(query.error().code, ErrorCode::kInvalidQuery);
  return query.error().message;
}

void ExpectRoundTrip(const Expr& e) { EXPECT_EQ(LostInRoundTrip(From(kUsers).Where(e)), ""); }

Value ListOf(std::vector<Value> items) { return types::List(types::ListItems{std::move(items)}); }
Value RangeOf(Value lower, Value upper, bool lower_inclusive, bool upper_inclusive) {
  return types::Range(types::RangeBounds{false, std::move(lower), std::move(upper), lower_inclusive,
                                         upper_inclusive});
}
// The innermost list is mixed, which takes the most levels of a document.
Value NestedList(int depth) {
  Value value = ListOf({RangeOf(std::int64_t{1}, Null{}, true, false), 0.5});
  for (; depth > 1; --depth) value = ListOf({std::move(value)});
  return value;
}

TEST(LiteralDocument, EveryValueComesBackExactly) {
  std::string every_byte;
  for (int i = 0; i < 256; ++i) every_byte += static_cast<char>(i);
  const double inf = std::numeric_limits<double>::infinity();
  const std::vector<Value> values = {
      types::Null{},
      true,
      false,
      std::int64_t{0},
      INT64_MIN,
      INT64_MAX,
      (std::int64_t{1} << 53) + 1,
      0.0,
      -0.0,
      1.0,
      0.1,
      1e308,
      -1.7976931348623157e308,
      5e-324,
      2.2250738585072014e-308,
      1e22,
      inf,
      -inf,
      std::numeric_limits<double>::quiet_NaN(),
      std::string(),
      std::string("a\0b", 3),
      std::string("\x01\x1f\"\\/\u007f€😀"),
      std::string(100'000, 'x'),
      types::Bytes{},
      types::Bytes{every_byte},
      types::Bytes{"a"},
      types::Bytes{"ab"},
      types::Date{-719'162},   // 0001-01-01
      types::Date{2'932'896},  // 9999-12-31
      types::Date{-1},
      types::Time{0},
      types::Time{86'399'999'999},
      types::Timestamp{-62'135'596'800'000'000, false},  // 0001-01-01
      types::Timestamp{253'402'300'799'999'999, false},  // 9999-12-31
      types::Timestamp{-62'135'596'800'000'000, true},
      types::Timestamp{253'402'300'799'999'999, true},
      types::Timestamp{-1, true},
      types::Decimal{"0"},
      types::Decimal{"-0.00"},
      types::Decimal{"123456789012345678901234567890.123456789"},
      types::Decimal{"1E+20"},
      types::Decimal{"-1.5E-400"},
      types::Decimal{"NaN"},
      types::Decimal{"Infinity"},
      types::Decimal{"-Infinity"},
      types::Uuid{},
      types::Uuid{{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 255}},
      types::Interval{INT32_MIN, INT32_MAX, INT64_MIN},
      types::TimeTz{86'400'000'000, -16'201},
      types::Json{"{\"a\": [1, null]}"},
      types::Inet{"192.168.0.1/24", false},
      types::Inet{"2001:db8::/32", true},
      types::Other{"(1,\"č\")"},
      types::List(),
      ListOf({Null{}, Null{}}),
      ListOf({std::int64_t{1}, Null{}, std::int64_t{-3}}),
      ListOf({0.5, std::int64_t{1}, Null{}, ListOf({std::string("x")}), types::Range()}),
      ListOf({ListOf({types::Date{1}}), ListOf({}), Null{}}),
      ListOf({types::Inet{"10.0.0.1"}, types::Inet{"10.0.0.0/8", true}}),
      types::Range(),
      RangeOf(std::int64_t{1}, std::int64_t{10}, true, false),
      RangeOf(types::Decimal{"1.50"}, Null{}, true, false),
      RangeOf(Null{}, types::Timestamp{0, true}, false, true),
      RangeOf(Null{}, Null{}, false, false),
  };
  for (const Value& value : values) ExpectRoundTrip(Expr::Make(Op::kAdd, {kId, value}));
}

TEST(LiteralDocument, ListsNestAsDeepAsAnArray) {
  Expr e = Expr::Make(Op::kAdd, {kId, types::Value(NestedList(types::kListDepthMax))});
  // At the bottom of the deepest expression, where the document is deepest too.
  while (e->depth < kExprDepthMax) e = -e;
  ExpectRoundTrip(e);
  const Expr deeper(NestedList(types::kListDepthMax + 1));
  EXPECT_EQ(Json(From(kUsers).Select({deeper.As("x")})),
            "error: a list cannot be serialized: it nests more than 6 deep");
}

TEST(LiteralDocument, ValuesAreWrittenForOtherLanguages) {
  const auto written = [](const Value& value) {
    const std::string json = Json(Query::FromRaw(Expr::RawParts({"", ""}, {value})));
    const std::size_t start = json.find(R"("value",)") + 8;
    return json.substr(start, json.find('}', start) - start);
  };
  EXPECT_EQ(written(types::Null{}), R"("type":"null","value":null)");
  EXPECT_EQ(written(INT64_MIN), R"("type":"int64","value":-9223372036854775808)");
  EXPECT_EQ(written(1.0), R"("type":"float64","value":1.0)");
  EXPECT_EQ(written(-0.0), R"("type":"float64","value":-0.0)");
  EXPECT_EQ(written(std::nan("")), R"("type":"float64","value":"NaN")");
  EXPECT_EQ(written(-INFINITY), R"("type":"float64","value":"-Infinity")");
  EXPECT_EQ(written(types::Bytes{std::string("\0\xff", 2)}), R"("type":"binary","value":"AP8=")");
  EXPECT_EQ(written(types::Date{0}), R"("type":"date","value":"1970-01-01")");
  EXPECT_EQ(written(types::Time{500}), R"("type":"time","value":"00:00:00.000500")");
  EXPECT_EQ(written(types::Timestamp{0, false}),
            R"("type":"timestamp","value":"1970-01-01T00:00:00")");
  EXPECT_EQ(written(types::Timestamp{0, true}),
            R"("type":"timestamptz","value":"1970-01-01T00:00:00+00:00")");
  EXPECT_EQ(written(types::Uuid{}),
            R"("type":"uuid","value":"00000000-0000-0000-0000-000000000000")");
  EXPECT_EQ(written(types::Interval{14, -3, 1'500'000}),
            R"("type":"interval","value":[14,-3,1500000])");
  EXPECT_EQ(written(types::TimeTz{0, 7'200}), R"("type":"timetz","value":"00:00:00+02:00")");
  EXPECT_EQ(written(types::Json{"[1]"}), R"("type":"json","value":"[1]")");
  EXPECT_EQ(written(types::Inet{"10.0.0.1"}), R"("type":"inet","value":"10.0.0.1")");
  EXPECT_EQ(written(types::Inet{"10.0.0.0/8", true}),
            R"("type":"inet","value":{"network":"10.0.0.0/8")");
  EXPECT_EQ(written(types::Other{"'a':1"}), R"("type":"other","value":"'a':1")");
  EXPECT_EQ(written(ListOf({std::int64_t{1}, Null{}})),
            R"("type":"list","value":["int64",1,null])");
  EXPECT_EQ(written(ListOf({0.5, std::string("b")})),
            R"("type":"list","value":["mixed",{"type":"float64","value":0.5)");
  EXPECT_EQ(written(RangeOf(std::int64_t{1}, std::int64_t{2}, true, true)),
            R"("type":"range","value":{"type":"int64","lower":1,"upper":2,"bounds":"[]")");
  EXPECT_EQ(written(types::Range()), R"("type":"range","value":{"bounds":"empty")");
}

TEST(LiteralDocument, ValuesMustBeOfTheirType) {
  const auto value = &Refused;
  const std::string path = "query.where[0].value: ";
  EXPECT_EQ(value("int64", "1.0"), path + "a value of type int64 is an integer, got number");
  EXPECT_EQ(value("int64", "null"), path + "a value of type int64 is an integer, got null");
  EXPECT_EQ(value("int64", "9223372036854775808"), path + "the integer is too large for int64");
  EXPECT_EQ(value("null", "0"), path + "a value of type null is null, got integer");
  EXPECT_EQ(value("bool", "1"), path + "a value of type bool is true or false, got integer");
  EXPECT_EQ(value("unknown", "1"), path + "a value must have a type");
  EXPECT_EQ(value("float64", "1"), "no error");  // JavaScript writes 1.0 like this
  EXPECT_THAT(value("float64", "\"inf\""), HasSubstr("a float64 is a number, \"NaN\""));
  EXPECT_THAT(value("float64", "true"), HasSubstr("got bool"));
  EXPECT_THAT(value("utf8", "5"), HasSubstr("is a string, got integer"));
  EXPECT_THAT(value("binary", "\"AP8\""), HasSubstr("must be base64, padded"));
  EXPECT_THAT(value("binary", "[1]"), HasSubstr("got array"));
  EXPECT_THAT(value("date", "\"2023-02-29\""), HasSubstr("a date is written"));
  EXPECT_THAT(value("time", "\"24:00:00\""), HasSubstr("a time is written"));
  EXPECT_THAT(value("timestamp", "\"2024-01-01T00:00:00Z\""), HasSubstr("without a zone"));
  EXPECT_THAT(value("timestamptz", "\"2024-01-01T00:00:00\""), HasSubstr("with its zone"));
  EXPECT_EQ(value("timestamptz", "\"2024-01-01T00:00:00+05:30\""), "no error");
  EXPECT_THAT(value("decimal", "\"1,5\""), HasSubstr("a decimal is written"));
  EXPECT_THAT(value("uuid", "\"secret\""), HasSubstr("a uuid is 32"));
  EXPECT_THAT(value("uuid", "\"secret\""), ::testing::Not(HasSubstr("secret")));
  EXPECT_THAT(value("int32", "1"), HasSubstr("a value is not of type int32 but of int64"));
  EXPECT_THAT(value("decimal128", "\"1\""), HasSubstr("not of type decimal128 but of decimal"));
  for (const char* bad : {"[1,2]", "[1,2,3.5]", "[1,2147483648,3]", "\"1 day\"", "{}"}) {
    EXPECT_THAT(value("interval", bad), HasSubstr("an interval is an array")) << bad;
  }
  EXPECT_THAT(value("timetz", "\"10:00:00\""), HasSubstr("with its offset"));
  EXPECT_THAT(value("inet", "\"localhost\""), HasSubstr("an inet is written"));
  EXPECT_THAT(value("inet", R"({"network":"10.0.0.0/8","x":1})"), HasSubstr("a map with its"));
  EXPECT_THAT(value("json", "{}"), HasSubstr("is a string, got map"));
}

TEST(LiteralDocument, ListsAndRangesHaveAGrammar) {
  const auto list = [](const std::string& json) { return Refused("list", json); };
  EXPECT_THAT(list("5"), HasSubstr("a list is an array"));
  EXPECT_THAT(list("[]"), HasSubstr("a list is an array"));
  EXPECT_THAT(list("[1]"), HasSubstr("the list has no type"));
  EXPECT_THAT(list(R"(["widget"])"), HasSubstr("the list has an unknown type"));
  EXPECT_THAT(list(R"(["int64","x"])"), HasSubstr("is an integer, got string"));
  EXPECT_THAT(list(R"(["null",1])"), HasSubstr("a value of type null is null"));
  EXPECT_THAT(list(R"(["mixed",1])"), HasSubstr("a map of its type and value"));
  EXPECT_THAT(list(R"(["mixed",{"value":1,"of":"int64"}])"), HasSubstr("an item has no type"));
  EXPECT_THAT(list(R"(["list",["list",["list",["list",["list",["list",["int64"]]]]]]])"),
              HasSubstr("lists nest more than 6 deep"));
  const auto range = [](const std::string& json) { return Refused("range", json); };
  EXPECT_THAT(range("[]"), HasSubstr("a range is a map"));
  EXPECT_THAT(range(R"({"bounds":"[]"})"), HasSubstr("a range that is not empty has"));
  EXPECT_THAT(range(R"({"type":"int64","lower":1,"upper":2,"bounds":"["})"),
              HasSubstr("the bounds of a range are"));
  EXPECT_THAT(range(R"({"type":"int64","lower":null,"upper":2,"bounds":"[]"})"),
              HasSubstr("a bound that is null is not inclusive"));
  EXPECT_THAT(range(R"({"type":"list","lower":null,"upper":null,"bounds":"(]"})"),
              HasSubstr("no lists or ranges"));
}

}  // namespace
}  // namespace molt::query
