#include "molt/query/serialize.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <sstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "molt/query/serialize_testing.h"

namespace molt::query {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;
using types::TypeId;

const Table kUsers("users");
const Table kOrders("orders");
const Expr kId = kUsers["id"];

std::string Json(const Query& query) {
  const auto text = ToJson(query);
  return text ? *text : "error: " + text.error().message;
}

// The error of reading a query with this text in its place.
std::string Refused(std::string_view json) {
  const auto query = FromJson(json);
  if (query) return "no error";
  EXPECT_EQ(query.error().code, ErrorCode::kInvalidQuery);
  return query.error().message;
}
std::string RefusedQuery(const std::string& query) {
  return Refused(R"({"molt_ir":1,"query":{)" + query + "}}");
}
std::string RefusedClauses(const std::string& clauses) {
  return RefusedQuery(R"("from":{"name":"users"},)" + clauses);
}
std::string RefusedExpr(const std::string& expr) {
  return RefusedClauses(R"("where":[)" + expr + "]");
}

void ExpectRoundTrip(const Query& query) { EXPECT_EQ(LostInRoundTrip(query), ""); }
void ExpectRoundTrip(const Expr& e) { ExpectRoundTrip(From(kUsers).Where(e)); }

TEST(Serialize, AQueryReadsAsTheSpecificationSays) {
  const Query q = From(kUsers)
                      .Where(kUsers["email"].EndsWith("@austin.edu"))
                      .Select({kId, kUsers["email"].As("mail")})
                      .OrderBy({kId.Desc()})
                      .Limit(100);
  EXPECT_EQ(Json(q),
            R"({"molt_ir":1,"query":{"from":{"name":"users"},)"
            R"("select":[{"op":"column","table":"users","name":"id"},)"
            R"({"op":"as","name":"mail","args":[{"op":"column","table":"users","name":"email"}]}],)"
            R"("where":[{"op":"endswith","args":[{"op":"column","table":"users","name":"email"},)"
            R"({"op":"value","type":"utf8","value":"@austin.edu"}]}],)"
            R"("order_by":[{"expr":{"op":"column","table":"users","name":"id"},"desc":true,)"
            R"("nulls":"first"}],"limit":{"op":"value","type":"int64","value":100}}})");
}

// docs/spec/query_ir.md.
std::string Specification() {
  const auto root = std::filesystem::path(__FILE__).parent_path() / "../../..";
  std::ifstream file(root / "docs/spec/query_ir.md");
  return {std::istreambuf_iterator<char>(file), {}};
}

// What stands between the fences of the last block of that kind.
std::string LastBlock(const std::string& text, const std::string& kind) {
  const std::size_t start = text.rfind("```" + kind + "\n") + kind.size() + 4;
  return text.substr(start, text.find("```", start) - start);
}

TEST(Serialize, TheExampleOfTheSpecificationIsTrue) {
  const Query q = From(kUsers)
                      .Where(kUsers["email"].EndsWith("@austin.edu"))
                      .Select({kId, kUsers["email"]})
                      .Limit(100);
  const std::string text = Specification();
  EXPECT_EQ(Json(FromJson(LastBlock(text, "json")).value()), Json(q));
  std::istringstream lines(LastBlock(text, "text"));
  std::string bytes;
  for (std::string line; std::getline(lines, line);) {
    std::string hex = line.substr(0, line.find('#'));
    hex.erase(std::remove(hex.begin(), hex.end(), ' '), hex.end());
    for (std::size_t i = 0; i < hex.size(); i += 2) {
      bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
    }
  }
  EXPECT_EQ(bytes, ToMsgPack(q).value());
}

TEST(Serialize, TheSpecificationKnowsEveryOperationAndType) {
  const std::string text = Specification();
  for (int i = static_cast<int>(Op::kColumn); i <= static_cast<int>(Op::kArrayAgg); ++i) {
    const std::string name(InfoOf(static_cast<Op>(i)).name);
    EXPECT_THAT(text, HasSubstr("`" + name + "`"));
  }
  for (int i = 0; i <= static_cast<int>(TypeId::kRange); ++i) {
    const std::string name(types::TypeName(static_cast<TypeId>(i)));
    EXPECT_THAT(text, HasSubstr("\"" + name + "\""));
  }
}

TEST(Serialize, WhatHasItsDefaultIsLeftOut) {
  EXPECT_EQ(Json(From(kUsers)), R"({"molt_ir":1,"query":{"from":{"name":"users"}}})");
  EXPECT_EQ(Json(From(kUsers).Select({CountAll()})),
            R"({"molt_ir":1,"query":{"from":{"name":"users"},"select":[{"op":"count"}]}})");
  // And may be said all the same.
  const auto verbose = FromJson(R"({"query":{"distinct":false,"where":[],)"
                                R"("select":[{"distinct":false,"args":[],"op":"count"}],)"
                                R"("from":{"as":"","schema":"","name":"users"}},"molt_ir":1})");
  ASSERT_TRUE(verbose) << verbose.error().message;
  EXPECT_EQ(Json(*verbose), Json(From(kUsers).Select({CountAll()})));
}

TEST(Serialize, EveryClauseComesBack) {
  const types::Schema columns = {
      {"id", TypeId::kInt64, false}, {"email", TypeId::kUtf8}, {"x", {}}};
  const Table events = Table("analytics.events", columns).As("e");
  const Table none("none", types::Schema{});
  Query q = From(events).Distinct().Offset(0).Limit(INT64_MAX);
  for (const JoinKind kind :
       {JoinKind::kInner, JoinKind::kLeft, JoinKind::kRight, JoinKind::kFull, JoinKind::kCross}) {
    const Table other = none.As("t" + std::to_string(static_cast<int>(kind)));
    q = q.Joined({kind, other, kind == JoinKind::kCross ? Expr() : events["id"] == 1});
  }
  q = q.Select({events["id"], events["x"].Sum().As("s")})
          .GroupBy({events["id"], events["x"] + 1})
          .Having({CountAll() > 1})
          .OrderBy({events["id"].Asc(), events["x"].Desc(), {kId, true, NullOrder::kLast}});
  ExpectRoundTrip(q);
  ExpectRoundTrip(Query::FromRaw(Expr::Raw("SELECT {x}, '{{'", {{"x", 5}})));
}

TEST(Serialize, EveryOperationComesBack) {
  for (int i = static_cast<int>(Op::kEq); i <= static_cast<int>(Op::kArrayAgg); ++i) {
    const OpInfo& info = InfoOf(static_cast<Op>(i));
    const int most = info.args_max < 0 ? info.args_min + 2 : info.args_max;
    for (int count = info.args_min; count <= most; ++count) {
      std::vector<Expr> args(static_cast<std::size_t>(count), kId);
      ExpectRoundTrip(Expr::Make(info.op, args));
      if (IsAggregate(info.op) && count > 0) ExpectRoundTrip(Expr::Make(info.op, args, true));
    }
  }
  ExpectRoundTrip(Expr::Constant(true));
  ExpectRoundTrip(Expr::Constant(false));
  ExpectRoundTrip(kId.As(""));
  ExpectRoundTrip(kUsers["odd \"name\"\n\x01 €😀"]);
  ExpectRoundTrip(Expr::Raw("", {}));
  ExpectRoundTrip(Expr::Raw("{a}{b}{a}", {{"a", 1}, {"b", CountAll()}}));
}

TEST(Serialize, MsgPackCarriesBytesAsTheyAre) {
  const Query q = Query::FromRaw(Expr::RawParts({"", ""}, {types::Bytes{"\xff"}}));
  EXPECT_THAT(ToMsgPack(q).value(), HasSubstr(std::string("\xc4\x01\xff", 3)));
  // A float may come as MsgPack's own NaN.
  const Query nan = Query::FromRaw(Expr::RawParts({"", ""}, {std::nan("")}));
  std::string bytes = ToMsgPack(nan).value();
  const std::size_t at = bytes.find("\xa3NaN");
  bytes.replace(at, 4, "\xcb\x7f\xf8\0\0\0\0\0\0", 9);
  EXPECT_EQ(ToMsgPack(FromMsgPack(bytes).value()).value(), ToMsgPack(nan).value());
}

TEST(Serialize, AMistakeInsideTheQueryIsTheError) {
  EXPECT_EQ(Json(From(kUsers).Where(Expr::Error("what went wrong"))), "error: what went wrong");
  EXPECT_EQ(Json(From(kUsers).Limit(-1)), "error: limit must not be negative");
  EXPECT_EQ(Json(Query(QueryNode())), "error: the query names no table");
  EXPECT_EQ(Json(Query::FromRaw(Expr::Raw("{", {}))),
            "error: raw: '{' at position 0 is never closed; write {{");
}

TEST(Serialize, WhatTheFormatCannotSayIsRefused) {
  const auto error = [](const Expr& e) { return Json(From(kUsers).Where(kId == e)); };
  EXPECT_THAT(error("a\xff"), HasSubstr("the text is not UTF-8"));
  EXPECT_THAT(error(types::Date{2'932'897}), HasSubstr("a value of type date cannot"));
  EXPECT_THAT(error(types::Time{86'400'000'000}), HasSubstr("a value of type time cannot"));
  EXPECT_THAT(error(types::Timestamp{INT64_MAX, true}), HasSubstr("timestamptz cannot"));
  EXPECT_THAT(error(types::Timestamp{INT64_MIN, false}), HasSubstr("timestamp cannot"));
  for (const char* text : {"", "-", "1.", ".5", "1e5", "1E5", "+1", "1_0", " 1", "sNaN", "1E+"}) {
    EXPECT_THAT(error(types::Decimal{text}), HasSubstr("decimal cannot")) << text;
  }
  EXPECT_THAT(Json(From(Table("\xff"))), HasSubstr("a name in the query is not UTF-8"));
  EXPECT_THAT(Json(Query::FromRaw(Expr::Raw("\xff", {}))), HasSubstr("the SQL is not UTF-8"));
}

TEST(Deserialize, TheVersionComesFirst) {
  EXPECT_EQ(Refused("[]"), "the document: expected a map, got array");
  EXPECT_EQ(Refused("{}"), "the document: \"molt_ir\" is missing; this is no serialized query");
  EXPECT_EQ(Refused(R"({"molt_ir":"1"})"), "molt_ir: expected the version, an integer, got string");
  EXPECT_EQ(Refused(R"({"molt_ir":2,"new":[]})"), "molt_ir: version 2 is not known here, only 1");
  EXPECT_EQ(Refused(R"({"molt_ir":1})"), "the document: \"query\" is missing");
  EXPECT_THAT(Refused("{"), StartsWith("JSON: "));
  EXPECT_THAT(FromMsgPack("\xc1").error().message, StartsWith("MsgPack: "));
  EXPECT_THAT(FromMsgPack("").error().message, StartsWith("MsgPack: "));
}

TEST(Deserialize, UnknownKeysAreNamed) {
  EXPECT_EQ(Refused(R"({"molt_ir":1,"qery":{}})"),
            "the document: unknown key \"qery\" (did you mean \"query\"?)");
  EXPECT_EQ(RefusedClauses(R"("wher":[])"),
            "query: unknown key \"wher\" (did you mean \"where\"?)");
  EXPECT_THAT(RefusedQuery(R"("from":{"name":"t","x":1})"), StartsWith("query.from: unknown key"));
  EXPECT_THAT(RefusedExpr(R"({"op":"eq","x":1})"), StartsWith("query.where[0]: unknown key \"x\""));
  EXPECT_THAT(RefusedExpr(R"({"op":"value","type":"int64","value":1,"args":[]})"),
              HasSubstr("unknown key \"args\""));
  EXPECT_THAT(RefusedQuery(R"("raw":{"op":"raw","parts":[""]},"where":[])"),
              HasSubstr("takes no other key"));
  EXPECT_THAT(RefusedClauses("\"" + std::string(500, 'k') + "\":1"), HasSubstr("kkk…\""));
  EXPECT_THAT(RefusedClauses(R"("where":[],"where":[])"), HasSubstr("twice"));
}

TEST(Deserialize, UnknownOperationsAreNamedWithTheirPath) {
  EXPECT_EQ(RefusedClauses(R"("where":[{"op":"count"},{"op":"not","args":[{"op":"is_nul"}]}])"),
            "query.where[1].args[0]: unknown op \"is_nul\" (did you mean \"is_null\"?)");
  EXPECT_EQ(RefusedExpr(R"({"op":"error"})"), "query.where[0]: unknown op \"error\"");
  EXPECT_EQ(RefusedExpr(R"({"op":1})"), "query.where[0].op: expected a string, got integer");
  EXPECT_EQ(RefusedExpr("{}"), "query.where[0]: \"op\" is missing");
  EXPECT_EQ(RefusedExpr("5"), "query.where[0]: expected an expression, a map, got integer");
}

TEST(Deserialize, WrongKindsAreNamedWithTheirPath) {
  EXPECT_EQ(RefusedQuery(R"("from":"users")"), "query.from: expected a map, got string");
  EXPECT_EQ(RefusedQuery(R"("select":[])"), "query: \"from\" is missing");
  EXPECT_EQ(RefusedQuery(R"("from":{"name":1})"),
            "query.from.name: expected a string, got integer");
  EXPECT_EQ(RefusedQuery(R"("from":{"name":"t","columns":[{"name":"a","type":"int"}]})"),
            "query.from.columns[0].type: unknown type \"int\"");
  EXPECT_EQ(RefusedQuery(R"("from":{"name":"t","columns":[{"name":"a"}]})"),
            "query.from.columns[0]: \"type\" is missing");
  EXPECT_EQ(RefusedClauses(R"("where":{})"), "query.where: expected an array, got map");
  EXPECT_EQ(RefusedClauses(R"("distinct":1)"),
            "query.distinct: expected true or false, got integer");
  EXPECT_EQ(
      RefusedClauses(R"("joins":[{"kind":"outer","table":{"name":"t"}}])"),
      "query.joins[0].kind: unknown kind of join \"outer\"; there are inner, left, right, full "
      "and cross");
  EXPECT_EQ(RefusedClauses(R"("joins":[{"kind":"left"}])"), "query.joins[0]: \"table\" is missing");
  EXPECT_EQ(RefusedClauses(R"("order_by":[{"expr":{"op":"count"}}])"),
            "query.order_by[0]: \"nulls\" is missing");
  EXPECT_EQ(RefusedClauses(R"("order_by":[{"expr":{"op":"count"},"nulls":"LAST"}])"),
            "query.order_by[0].nulls: expected \"first\" or \"last\", got \"LAST\"");
  EXPECT_EQ(RefusedExpr(R"({"op":"column","table":"t"})"), "query.where[0]: \"name\" is missing");
  EXPECT_EQ(RefusedExpr(R"({"op":"constant"})"), "query.where[0]: \"value\" is missing");
  EXPECT_EQ(RefusedExpr(R"({"op":"raw","parts":[1]})"),
            "query.where[0].parts[0]: expected a string, got integer");
}

TEST(Deserialize, MistakesFoundByTheConstructorsHaveThePath) {
  EXPECT_EQ(RefusedExpr(R"({"op":"eq","args":[{"op":"count"}]})"),
            "query.where[0]: eq takes 2 arguments, got 1");
  EXPECT_EQ(RefusedExpr(R"({"op":"as","name":"n"})"), "query.where[0]: as takes 1 argument, got 0");
  EXPECT_THAT(RefusedExpr(R"({"op":"raw","parts":[]})"), HasSubstr("need 1 parts"));
  EXPECT_THAT(RefusedExpr(R"({"op":"not","args":[{"op":"count","distinct":true}]})"),
              StartsWith("query.where[0].args[0]: count of distinct values"));
  EXPECT_THAT(RefusedExpr(R"({"op":"is_null","args":[{"op":"count"}],"distinct":true})"),
              HasSubstr("cannot be distinct"));
  const std::string null = R"({"op":"value","type":"null","value":null})";
  EXPECT_THAT(RefusedExpr(R"({"op":"lt","args":[{"op":"count"},)" + null + "]}"),
              HasSubstr("is never true"));
  const auto is_null = FromJson(
      R"({"molt_ir":1,"query":{"from":{"name":"t"},"where":[{"op":"eq","args":[{"op":"count"},)" +
      null + "]}]}}");
  EXPECT_EQ(is_null.value()->where[0]->op, Op::kIsNull);
  EXPECT_EQ(RefusedQuery(R"("raw":{"op":"count"})"),
            "query.raw: a whole query by hand must be made with raw(...)");
}

TEST(Deserialize, RowCountsAreWholeNumbersFromZero) {
  EXPECT_EQ(RefusedClauses(R"("limit":5)"),
            "query.limit: expected an expression, a map, got integer");
  EXPECT_EQ(RefusedClauses(R"("limit":{"op":"value","type":"int64","value":-1})"),
            "query.limit: limit must not be negative");
  EXPECT_EQ(RefusedClauses(R"("offset":{"op":"value","type":"float64","value":1.0})"),
            "query.offset: expected a value of type int64");
  EXPECT_EQ(RefusedClauses(R"("offset":{"op":"column","table":"t","name":"x"})"),
            "query.offset: expected a value of type int64");
}

}  // namespace
}  // namespace molt::query
