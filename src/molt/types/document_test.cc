#include "molt/types/document.h"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

namespace molt::types {
namespace {

using Array = Document::Array;
using Map = Document::Map;

std::string Bin(std::initializer_list<int> bytes) {
  std::string text;
  for (const int byte : bytes) text += static_cast<char>(byte);
  return text;
}

std::string JsonError(std::string_view text, const DocumentLimits& limits = {}) {
  const auto document = ParseJson(text, limits);
  EXPECT_FALSE(document) << text;
  if (document) return "";
  EXPECT_EQ(document.error().code, ErrorCode::kInvalidQuery);
  return document.error().message;
}

std::string MsgPackError(std::string_view bytes, const DocumentLimits& limits = {}) {
  const auto document = ParseMsgPack(bytes, limits);
  EXPECT_FALSE(document) << ToJson(*document);
  if (document) return "";
  EXPECT_EQ(document.error().code, ErrorCode::kInvalidQuery);
  return document.error().message;
}

Document Example() {
  return Map{{"null", Document()},
             {"yes", true},
             {"int", std::int64_t{-42}},
             {"min", std::numeric_limits<std::int64_t>::min()},
             {"max", std::numeric_limits<std::uint64_t>::max()},
             {"double", 0.1},
             {"whole", 1.0},
             {"text", "čaj \" \n \x01"},
             {"", Array{1, Array{}, Map{}, std::string("a\0b", 3)}}};
}

TEST(Document, GoesRoundTripThroughBothForms) {
  EXPECT_EQ(*ParseJson(ToJson(Example())), Example());
  EXPECT_EQ(*ParseMsgPack(ToMsgPack(Example())), Example());
}

TEST(Document, MsgPackKeepsBytesAndSpecialDoubles) {
  const Document document =
      Array{Bytes{Bin({0, 255})}, Bytes{}, HUGE_VAL, -HUGE_VAL, 1.0, 1e18, -3.0};
  EXPECT_EQ(*ParseMsgPack(ToMsgPack(document)), document);
  const auto nan = ParseMsgPack(ToMsgPack(std::nan("")));
  ASSERT_TRUE(nan);
  EXPECT_TRUE(std::isnan(*nan->AsDouble()));
}

TEST(Document, JsonWritesBytesAsBase64AndSpecialDoublesAsNull) {
  EXPECT_EQ(ToJson(Array{Bytes{"foobar"}, HUGE_VAL, std::nan("")}), R"(["Zm9vYmFy",null,null])");
}

TEST(Document, TheOrderOfKeysIsKept) {
  EXPECT_EQ(ToJson(*ParseJson(R"( {"b" : 1, "a" : 2} )")), R"({"b":1,"a":2})");
}

TEST(Document, AnIntegerHasOneRepresentation) {
  EXPECT_EQ(Document(std::uint64_t{5}), Document(5));
  EXPECT_EQ(ParseJson("9223372036854775807")->AsInt64(), std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(ParseJson("9223372036854775808")->AsInt64(), std::nullopt);
  EXPECT_EQ(ParseJson("9223372036854775808")->AsUint64(), 9223372036854775808U);
  EXPECT_EQ(ParseJson("-1")->AsUint64(), std::nullopt);
  EXPECT_EQ(ParseJson("1.0")->AsInt64(), std::nullopt);
  EXPECT_EQ(ParseJson("1")->AsDouble(), 1.0);
  EXPECT_FALSE(*ParseJson("1") == *ParseJson("1.0"));
}

TEST(Document, AccessorsAnswerOnlyForTheirKind) {
  const Document document = Example();
  EXPECT_EQ(document.Find("yes")->AsBool(), true);
  EXPECT_EQ(document.Find("int")->AsInt64(), -42);
  EXPECT_EQ(*document.Find("text")->AsString(), "čaj \" \n \x01");
  EXPECT_EQ(document.Find("")->AsArray()->size(), 4U);
  EXPECT_EQ(document.Find("none"), nullptr);
  EXPECT_EQ(document.Find("yes")->Find("x"), nullptr);
  EXPECT_EQ(document.Find("yes")->AsString(), nullptr);
  EXPECT_EQ(document.Find("text")->AsBool(), std::nullopt);
  EXPECT_TRUE(document.Find("null")->IsNull());
  EXPECT_EQ(document.KindName(), "map");
  EXPECT_EQ(document.Find("max")->KindName(), "integer");
}

TEST(Document, JsonRefusesWhatIsNoJson) {
  for (const char* text : {"",
                           " ",
                           "{",
                           "[1,]",
                           "{\"a\":1,}",
                           "{a:1}",
                           "'a'",
                           "01",
                           "+1",
                           "1.",
                           ".5",
                           "nul",
                           "NaN",
                           "Infinity",
                           "-Infinity",
                           "[NaN]",
                           "[Inf]",
                           "// c\n1",
                           "1 /* c */",
                           "\"a",
                           "\"\n\"",
                           "\"\\x\"",
                           "\"\\ud800\"",
                           "\"\\udc00\"",
                           "[1 2]",
                           "\xEF\xBB\xBF"
                           "1"}) {
    JsonError(text);
  }
}

TEST(Document, JsonErrorsTellTheByte) {
  EXPECT_EQ(JsonError("[1, 2] 3").substr(0, 5), "JSON:");
  EXPECT_NE(JsonError("[1, 2] 3").find("(at byte 7)"), std::string::npos);
  EXPECT_NE(JsonError("[true, fals]").find("(at byte 11)"), std::string::npos)
      << JsonError("[true, fals]");
  EXPECT_EQ(JsonError("[\"abc\xFF\"]"), "JSON: text that is not valid UTF-8 (at byte 5)");
  EXPECT_EQ(JsonError(std::string_view("1\0", 2)),
            "JSON: a zero byte after the document (at byte 1)");
}

TEST(Document, JsonRefusesNumbersItCannotHold) {
  EXPECT_NE(JsonError("18446744073709551616").find("more than 64 bits"), std::string::npos);
  EXPECT_NE(JsonError("-9223372036854775809").find("more than 64 bits"), std::string::npos);
  EXPECT_NE(JsonError("[1e400]").find("too big"), std::string::npos);
  EXPECT_NE(JsonError("[1e-400]").find("outside the range"), std::string::npos);
  EXPECT_EQ(ParseJson("-0")->AsInt64(), 0);
  EXPECT_EQ(ParseJson("1E2")->AsDouble(), 100.0);
  EXPECT_EQ(ParseJson("-9223372036854775808")->AsInt64(), std::numeric_limits<std::int64_t>::min());
}

TEST(Document, DoublesGoRoundTripInJson) {
  for (const double value : {0.1, 1e300, 5e-324, -2.2250738585072014e-308, 1.7976931348623157e308,
                             123456789.123456789, 1e22, -0.0}) {
    EXPECT_EQ(ParseJson(ToJson(value))->AsDouble(), value) << ToJson(value);
  }
}

TEST(Document, RefusesRepeatedKeys) {
  EXPECT_EQ(JsonError(R"({"a":1,"b":{"c":1,"d":2,"c":3}})"),
            "JSON: the key \"c\" twice in one map (at byte 29)");
  EXPECT_NE(MsgPackError(Bin({0x82, 0xA1, 'a', 1, 0xA1, 'a', 2})).find("\"a\" twice"),
            std::string::npos);
  EXPECT_TRUE(ParseJson(R"({"a":{"a":1},"b":{"a":1}})"));
  const std::string key(1000, 'k');
  EXPECT_LT(JsonError("{\"" + key + "\":1,\"" + key + "\":1}").size(), 200U);
}

TEST(Document, RefusesTooMuchOfAnything) {
  const DocumentLimits limits{.depth_max = 3, .size_bytes_max = 40, .nodes_max = 5};
  EXPECT_TRUE(ParseJson("[[[1]]]", limits));
  EXPECT_NE(JsonError("[[[[1]]]]", limits).find("3 levels"), std::string::npos);
  EXPECT_TRUE(ParseJson("[1,2,3,4]", limits));
  EXPECT_NE(JsonError("[1,2,3,4,5]", limits).find("5 values"), std::string::npos);
  EXPECT_NE(JsonError(std::string(41, ' '), limits).find("41 bytes"), std::string::npos);
  EXPECT_NE(MsgPackError(Bin({0x91, 0x91, 0x91, 0x91, 1}), limits).find("3 levels"),
            std::string::npos);
  EXPECT_NE(MsgPackError(Bin({0x95, 1, 2, 3, 4, 5}), limits).find("5 values"), std::string::npos);
  EXPECT_NE(MsgPackError(std::string(41, '\0'), limits).find("41 bytes"), std::string::npos);
}

TEST(Document, DepthHasAHardLimitWhateverIsAskedFor) {
  const DocumentLimits limits{.depth_max = std::numeric_limits<std::size_t>::max()};
  const std::string deep = std::string(1'000'000, '[') + std::string(1'000'000, ']');
  EXPECT_NE(JsonError(deep, limits).find("256 levels"), std::string::npos);
  EXPECT_NE(MsgPackError(std::string(1'000'000, '\x91'), limits).find("256 levels"),
            std::string::npos);
  const std::string most = std::string(256, '[') + std::string(256, ']');
  EXPECT_EQ(ToJson(*ParseJson(most, limits)), most);
}

TEST(Document, MsgPackRefusesWhatIsNoDocument) {
  MsgPackError("");
  MsgPackError(Bin({0xC1}));
  EXPECT_NE(MsgPackError(Bin({1, 2})).find("after the document (at byte 1)"), std::string::npos);
  EXPECT_NE(MsgPackError(Bin({0x92, 1})).find("too early"), std::string::npos);
  EXPECT_NE(MsgPackError(Bin({0xD4, 1, 2})).find("extension"), std::string::npos);
  EXPECT_NE(MsgPackError(Bin({0xC7, 0, 1})).find("extension"), std::string::npos);
  EXPECT_NE(MsgPackError(Bin({0xA1, 0xFF})).find("UTF-8"), std::string::npos);
  EXPECT_NE(MsgPackError(Bin({0x81, 0xA1, 0xFF, 1})).find("UTF-8"), std::string::npos);
  for (const int key : {0x01, 0xC0, 0xC3, 0xFF}) {
    EXPECT_NE(MsgPackError(Bin({0x81, key, 1})).find("key that is not a string"),
              std::string::npos);
  }
  for (const auto& key : {Bin({0x90}), Bin({0x80}), Bin({0xC4, 0}), Bin({0x91, 1})}) {
    EXPECT_NE(MsgPackError("\x81" + key + "\x01").find("key that is not a string"),
              std::string::npos);
  }
}

TEST(Document, MsgPackCountsCannotExceedWhatFollows) {
  EXPECT_NE(MsgPackError(Bin({0xDD, 0xFF, 0xFF, 0xFF, 0xFF})).find("count"), std::string::npos);
  EXPECT_NE(MsgPackError(Bin({0xDF, 0xFF, 0xFF, 0xFF, 0xFF})).find("count"), std::string::npos);
  // Each fits the bytes by itself, all together do not.
  EXPECT_NE(MsgPackError(Bin({0x94, 0x94, 0x94, 0x94, 0x94, 1, 1, 1})).find("count"),
            std::string::npos);
  EXPECT_NE(MsgPackError(Bin({0xDB, 0xFF, 0xFF, 0xFF, 0xFF, 'a'})).find("too early"),
            std::string::npos);
}

TEST(Document, MsgPackTakesAnyWidth) {
  for (const auto& bytes : {Bin({5}), Bin({0xCC, 5}), Bin({0xCD, 0, 5}), Bin({0xCE, 0, 0, 0, 5}),
                            Bin({0xCF, 0, 0, 0, 0, 0, 0, 0, 5}), Bin({0xD0, 5}), Bin({0xD1, 0, 5}),
                            Bin({0xD2, 0, 0, 0, 5}), Bin({0xD3, 0, 0, 0, 0, 0, 0, 0, 5})}) {
    EXPECT_EQ(*ParseMsgPack(bytes), Document(5));
  }
  EXPECT_EQ(*ParseMsgPack(Bin({0xCA, 0x3F, 0x80, 0, 0})), Document(1.0));
  for (const auto& bytes : {Bin({0xA1, 'x'}), Bin({0xD9, 1, 'x'}), Bin({0xDA, 0, 1, 'x'}),
                            Bin({0xDB, 0, 0, 0, 1, 'x'})}) {
    EXPECT_EQ(*ParseMsgPack(bytes), Document("x"));
  }
  for (const auto& bytes : {Bin({0x81, 0xA0, 1}), Bin({0xDE, 0, 1, 0xD9, 0, 1}),
                            Bin({0xDF, 0, 0, 0, 1, 0xDA, 0, 0, 1})}) {
    EXPECT_EQ(*ParseMsgPack(bytes), Document(Map{{"", 1}}));
  }
  EXPECT_EQ(*ParseMsgPack(Bin({0xDC, 0, 0})), Document(Array{}));
  EXPECT_EQ(*ParseMsgPack(Bin({0xC6, 0, 0, 0, 0})), Document(Bytes{}));
}

TEST(Document, EveryTruncationAndEveryChangedByteIsHandled) {
  for (const bool json : {false, true}) {
    const std::string whole = json ? ToJson(Example()) : ToMsgPack(Example());
    const auto parse = [&](std::string_view text) {
      return json ? ParseJson(text) : ParseMsgPack(text);
    };
    for (std::size_t length = 0; length < whole.size(); ++length) {
      // On the heap with its exact size, so that reading past the end is found.
      const std::vector<char> part(whole.begin(),
                                   whole.begin() + static_cast<std::ptrdiff_t>(length));
      EXPECT_FALSE(parse({part.data(), part.size()}));
    }
    for (std::size_t at = 0; at < whole.size(); ++at) {
      for (int byte = 0; byte < 256; ++byte) {
        std::vector<char> changed(whole.begin(), whole.end());
        changed[at] = static_cast<char>(byte);
        (void)parse({changed.data(), changed.size()});
      }
    }
  }
}

}  // namespace
}  // namespace molt::types
