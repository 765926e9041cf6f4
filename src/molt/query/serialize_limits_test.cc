// What a peer can make this process build is bounded, and what was written can be read.
#include <chrono>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "molt/query/serialize.h"
#include "molt/query/structure.h"

namespace molt::query {
namespace {

using ::testing::HasSubstr;

const Table kUsers("users");

// JSON of `count` negations of a column.
std::string Nested(std::size_t count) {
  std::string text = R"({"molt_ir":1,"query":{"from":{"name":"t"},"order_by":[{"expr":)";
  for (std::size_t i = 0; i < count; ++i) text += R"({"op":"neg","args":[)";
  text += R"({"op":"column","table":"t","name":"x"})";
  for (std::size_t i = 0; i < count; ++i) text += "]}";
  return text + R"(,"nulls":"last"}]}})";
}

std::string Mistake(const Result<Query>& read) { return read ? "no error" : read.error().message; }
std::string Mistake(const Result<std::string>& written) {
  return written ? "no error" : written.error().message;
}

TEST(SerializeLimits, TheDeepestExpressionComesBack) {
  Expr e = Expr::Raw("x{y}", {{"y", 1}});
  while (e->depth < kExprDepthMax) e = -e;
  const Query q = From(kUsers).OrderBy({e.Asc()});
  EXPECT_TRUE(SameStructure(FromJson(ToJson(q).value()).value(), q));
  EXPECT_TRUE(SameStructure(FromMsgPack(ToMsgPack(q).value()).value(), q));
  EXPECT_EQ(Mistake(FromJson(Nested(kExprDepthMax - 1))), "no error");
}

TEST(SerializeLimits, ADeeperOneIsRefusedByWhoeverMeetsItFirst) {
  EXPECT_THAT(Mistake(FromJson(Nested(kExprDepthMax))), HasSubstr("nested deeper than 120"));
  EXPECT_THAT(Mistake(FromJson(Nested(100'000))), HasSubstr("levels of nesting"));
  // A document that somebody else has parsed, or built.
  types::Document document = types::Document::Map{{"op", "count"}};
  for (int i = 0; i < 200; ++i) {
    types::Document::Array args;
    args.push_back(std::move(document));
    document = types::Document::Map{{"op", "neg"}, {"args", std::move(args)}};
  }
  document = types::Document::Map{{"molt_ir", 1},
                                  {"query", types::Document::Map{{"raw", std::move(document)}}}};
  EXPECT_THAT(Mistake(FromDocument(document)), HasSubstr("nested deeper than 120 levels"));
}

TEST(SerializeLimits, LongChainsComeBack) {
  Expr both = kUsers["x"] == 0;
  Expr either = both;
  for (int i = 1; i < 1000; ++i) {
    both = both && (kUsers["x"] == i);
    either = either || (kUsers["x"] == i);
  }
  const Query q = From(kUsers).Where({both, either, !(both || either)});
  const Query read = FromMsgPack(ToMsgPack(q).value()).value();
  EXPECT_TRUE(SameStructure(read, q));
  EXPECT_EQ(read->where[0]->args.size(), 1000U);
}

TEST(SerializeLimits, TheLargestExpressionComesBackAndALargerQueryDoesNot) {
  const std::vector<Expr> values(kExprNodesMax - 2, Expr(1));
  const Query q = From(kUsers).Where(kUsers["x"].In(values));
  const std::string json = ToJson(q).value();
  EXPECT_TRUE(SameStructure(FromJson(json).value(), q));
  EXPECT_TRUE(SameStructure(FromMsgPack(ToMsgPack(q).value()).value(), q));
  EXPECT_THAT(Mistake(ToJson(q.Limit(1))), HasSubstr("more than 200000 parts"));
  std::string larger = json;
  larger.insert(json.size() - 2, R"(,"limit":{"op":"value","type":"int64","value":1})");
  EXPECT_THAT(Mistake(FromJson(larger)),
              HasSubstr("query.limit: the query has more than 200000 parts"));
}

TEST(SerializeLimits, ItemsOfListsCountAsParts) {
  const auto with = [](std::size_t items) {
    // Of two types, which takes the most room.
    types::ListItems list{{items, types::Value(std::int64_t{1})}};
    list.values.back() = 0.5;
    return From(kUsers).Where(kUsers["x"] == Expr(types::Value(types::List(std::move(list)))));
  };
  const std::string json = ToJson(with(kExprNodesMax - 3)).value();
  EXPECT_EQ(Mistake(FromJson(json)), "no error");
  EXPECT_THAT(Mistake(ToJson(with(kExprNodesMax - 2))), HasSubstr("more than 200000 parts"));
  std::string larger = json;
  larger.insert(larger.find("{\"type\":\"float64\""), "null,");
  EXPECT_THAT(Mistake(FromJson(larger)), HasSubstr("more than 200000 parts"));
}

TEST(SerializeLimits, ClausesHaveALimitOfTheirOwn) {
  const std::vector<Expr> most(kIrListMax, kUsers["x"]);
  std::vector<Expr> more = most;
  more.push_back(kUsers["x"]);
  const std::string json = ToJson(From(kUsers).Select(most)).value();
  EXPECT_EQ(Mistake(FromJson(json)), "no error");
  EXPECT_THAT(Mistake(ToJson(From(kUsers).Select(more))), HasSubstr("4096 elements in select"));
  EXPECT_THAT(Mistake(ToJson(From(kUsers).GroupBy(more))), HasSubstr("in group_by"));
  EXPECT_THAT(Mistake(ToJson(From(Table("t", types::Schema(kIrListMax + 1))))),
              HasSubstr("in columns"));
  std::string larger = json;
  larger.insert(larger.find("\"select\":[") + 10, R"({"op":"count"},)");
  EXPECT_EQ(Mistake(FromJson(larger)), "query.select: has more than 4096 elements");
}

TEST(SerializeLimits, BytesAreLimited) {
  const auto with = [](std::size_t size) {
    return From(kUsers).Where(kUsers["x"] == std::string(size, 'x'));
  };
  EXPECT_EQ(Mistake(FromJson(ToJson(with(kIrBytesMax - 1000)).value())), "no error");
  EXPECT_THAT(Mistake(ToJson(with(kIrBytesMax))), HasSubstr("more than 16777216"));
  EXPECT_THAT(Mistake(ToMsgPack(with(kIrBytesMax))), HasSubstr("more than 16777216"));
  EXPECT_THAT(Mistake(FromJson(std::string(kIrBytesMax + 1, ' '))), HasSubstr("16777216"));
}

TEST(SerializeLimits, HostileInputsAreRefusedQuickly) {
  const auto start = std::chrono::steady_clock::now();
  std::string values;
  for (int i = 0; i < 190'000; ++i) values += R"(,{"op":"count"})";
  const std::string open = R"({"molt_ir":1,"query":{"from":{"name":"t"},"where":[{"op":)";
  // A raw text with as many holes as fit.
  std::string parts = R"("")";
  for (int i = 0; i < 190'000; ++i) parts += R"(,"")";
  EXPECT_EQ(Mistake(FromJson(open + R"("raw","parts":[)" + parts + R"(],"args":[)" +
                             values.substr(1) + "]}]}}")),
            "no error");
  EXPECT_THAT(Mistake(FromJson(open + R"("eq","args":[)" + values.substr(1) + "]}]}}")),
              HasSubstr("eq takes 2 arguments, got 190000"));
  EXPECT_THAT(Mistake(FromMsgPack("\xdf\xff\xff\xff\xff")), HasSubstr("MsgPack"));
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(60));
}

}  // namespace
}  // namespace molt::query
