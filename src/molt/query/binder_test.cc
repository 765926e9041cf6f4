#include "molt/query/binder.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace molt::query {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;
using types::TypeId;

// Open tables, unless a catalog says what they have.
const Table kUsers("users");
const Table kOrders("orders");
const Expr kId = kUsers["id"];
const Expr kOn = kOrders["user_id"] == kUsers["id"];

const Catalog kCatalog = {
    {{"", "users"},
     {{"id", TypeId::kInt64, false},
      {"email", TypeId::kUtf8},
      {"active", TypeId::kBool},
      {"born", TypeId::kDate},
      {"score", TypeId::kFloat64},
      {"photo", TypeId::kBinary}}},
    {{"", "orders"}, {{"user_id", TypeId::kInt64}, {"total", TypeId::kDecimal}}},
};

std::string Mistake(const Query& query, const Catalog& catalog = {}) {
  const auto bound = Bind(query, catalog);
  if (bound) return "no error";
  EXPECT_EQ(bound.error().code, ErrorCode::kInvalidQuery);
  return bound.error().message;
}

BoundQuery Bound(const Query& query, const Catalog& catalog = {}) {
  auto bound = Bind(query, catalog);
  EXPECT_TRUE(bound) << bound.error().message;
  return bound ? *std::move(bound) : BoundQuery();
}

TEST(Binder, ColumnsGetTheTypesOfTheCatalog) {
  const BoundQuery q = Bound(From(kUsers).Select({kId, kUsers["email"], kId + 1}), kCatalog);
  EXPECT_EQ(q.select[0].expr.type.id, TypeId::kInt64);
  EXPECT_EQ(q.select[1].expr.type.id, TypeId::kUtf8);
  EXPECT_EQ(q.select[2].expr.type.id, TypeId::kInt64);
}

TEST(Binder, DeclaredTypesWinOverTheCatalogs) {
  const Table users("users", types::Schema{{"id", TypeId::kDecimal}, {"email", {}}});
  const BoundQuery q = Bound(From(users).Select({users["id"], users["email"]}), kCatalog);
  EXPECT_EQ(q.select[0].expr.type.id, TypeId::kDecimal);
  EXPECT_EQ(q.select[1].expr.type.id, TypeId::kUtf8);
}

TEST(Binder, AnUnknownColumnIsNamedWithTheNearestOnes) {
  EXPECT_EQ(Mistake(From(kUsers).Where(kUsers["emial"] == "x"), kCatalog),
            "table \"users\" has no column \"emial\" (did you mean \"email\"?)");
  EXPECT_EQ(Mistake(From(kUsers).Where(kUsers["emial"] == "x")), "no error");  // open
  EXPECT_EQ(Mistake(From(kUsers).Where(kUsers["EMAIL"] == "x"), kCatalog), "no error");
}

TEST(Binder, AColumnThatWasNotDeclaredIsSoughtAmongTheDeclaredOnes) {
  const Table users("users", types::Schema{{"mail", {}}});
  const Query q = From(users).Where(kUsers["email"] == "x");
  EXPECT_EQ(Mistake(q, kCatalog),
            "table \"users\" has no column \"email\" (did you mean \"mail\"?)");
}

TEST(Binder, AColumnOfATableThatIsNotThereIsAMistake) {
  EXPECT_EQ(Mistake(From(kUsers).Where(kOrders["total"] > 1)),
            "column \"orders\".\"total\" is of a table that is not in the query here (it has "
            "\"users\"); join \"orders\" first");
  EXPECT_THAT(Mistake(From(kUsers.As("u")).Where(kId == 1)), HasSubstr("(it has \"u\")"));
}

TEST(Binder, MistakesMadeWhileBuildingAreReported) {
  const Expr wrong = Expr::Error("made while building");
  const Query q = From(kUsers);
  EXPECT_EQ(Mistake(q.Where(wrong)), "made while building");
  EXPECT_EQ(Mistake(q.Select({wrong})), "made while building");
  EXPECT_EQ(Mistake(q.GroupBy({wrong})), "made while building");
  EXPECT_EQ(Mistake(q.Select({kId}).GroupBy({kId}).Having({wrong})), "made while building");
  EXPECT_EQ(Mistake(q.OrderBy({wrong.Asc()})), "made while building");
  EXPECT_EQ(Mistake(q.Joined({JoinKind::kInner, kOrders, wrong})), "made while building");
  EXPECT_EQ(Mistake(Query::FromRaw(wrong)), "made while building");
  EXPECT_EQ(Mistake(q.Limit(-1)), "limit must not be negative");
  EXPECT_EQ(Mistake(q.Offset(-1)), "offset must not be negative");
}

TEST(Binder, IdentifiersAreChecked) {
  const auto column = [](std::string name) { return From(kUsers).Where(kUsers[name] == 1); };
  EXPECT_EQ(Mistake(column("")), "a column name is empty");
  EXPECT_EQ(Mistake(column(std::string(255, 'x'))), "no error");
  EXPECT_THAT(Mistake(column(std::string(256, 'x'))), HasSubstr("longer than 255 bytes"));
  EXPECT_EQ(Mistake(column(std::string("a\0b", 3))), "a column name contains a NUL character");
  EXPECT_EQ(Mistake(column("a\xff")), "a column name is not UTF-8");
  EXPECT_EQ(Mistake(From(Table(""))), "a table name is empty");
  EXPECT_EQ(Mistake(From(Table("s."))), "a table name is empty");
  EXPECT_EQ(Mistake(From(Table("\xff.t"))), "a schema name is not UTF-8");
  EXPECT_EQ(Mistake(From(kUsers.As("\xff"))), "a table alias is not UTF-8");
  EXPECT_EQ(Mistake(From(kUsers).Select({kId.As("")})), "a name is empty");
  EXPECT_EQ(Mistake(From(Table("t", types::Schema{{"", {}}}))), "a column name is empty");
  EXPECT_EQ(Mistake(From(Table("t\"; DROP TABLE users; --"))), "no error");  // quoted later
}

TEST(Binder, ALongNameIsShownWithWholeCharacters) {
  std::string name;
  for (int i = 0; i < 100; ++i) name += "€";
  const auto status = CheckIdentifier("name", name);
  ASSERT_FALSE(status);
  EXPECT_THAT(status.error().message, HasSubstr("€…\""));
}

TEST(Binder, ATableTwiceNeedsAnotherName) {
  EXPECT_THAT(Mistake(From(kUsers).Joined({JoinKind::kCross, kUsers, {}})),
              HasSubstr("is in the query twice"));
  EXPECT_EQ(Mistake(From(kUsers).Joined({JoinKind::kCross, kUsers.As("other"), {}})), "no error");
}

TEST(BinderJoin, OnlyACrossJoinHasNoCondition) {
  EXPECT_EQ(Bound(From(kUsers).Joined({JoinKind::kInner, kOrders, kOn})).joins[0].on->op, Op::kEq);
  EXPECT_THAT(Mistake(From(kUsers).Joined({JoinKind::kInner, kOrders, {}})),
              StartsWith("the join with \"orders\" has no condition"));
  EXPECT_EQ(Mistake(From(kUsers).Joined({JoinKind::kCross, kOrders, kOn})),
            "a cross join takes no condition");
}

TEST(BinderJoin, AConditionSeesTheTablesUpToItsOwn) {
  const Table items("items");
  const Join orders{JoinKind::kLeft, kOrders, kOn};
  const Expr on_items = items["order_id"] == kOrders["id"];
  EXPECT_EQ(Mistake(From(kUsers).Joined(orders).Joined({JoinKind::kLeft, items, on_items})),
            "no error");
  EXPECT_THAT(Mistake(From(kUsers).Joined({JoinKind::kLeft, items, on_items}).Joined(orders)),
              HasSubstr("(it has \"users\", \"items\""));
  // Everything else sees all of them.
  EXPECT_EQ(Mistake(From(kUsers).Joined(orders).Where(kOrders["total"] > 1)), "no error");
}

TEST(BinderJoin, SelectingNothingSelectsTheDeclaredColumnsOfAllTables) {
  const Table users("users", types::Schema{{"id", TypeId::kInt64}});
  const Table orders("orders", types::Schema{{"id", TypeId::kInt64}, {"total", {}}});
  const Join join{JoinKind::kInner, orders, orders["id"] == users["id"]};
  const BoundQuery q = Bound(From(users).Joined(join));
  ASSERT_EQ(q.select.size(), 3U);
  EXPECT_EQ(q.select[1].expr.qualifier, "orders");
  EXPECT_EQ(q.select[2].name, "total");
  EXPECT_TRUE(Bound(From(kUsers).Joined(join)).select.empty());  // one of them is open
}

TEST(BinderSelect, EveryColumnGetsAName) {
  const BoundQuery q =
      Bound(From(kUsers).Select({kId.Sum(), kId.As("n").Sum().As("total"), CountAll()}));
  EXPECT_EQ(q.select[0].name, "sum");
  EXPECT_EQ(q.select[1].name, "total");
  EXPECT_EQ(q.select[1].expr.op, Op::kSum);
  EXPECT_EQ(q.select[1].expr.args[0].op, Op::kColumn);  // the inner name is gone
  EXPECT_EQ(q.select[2].name, "count");
  const BoundQuery plain = Bound(From(kUsers).Select({kId, kId + 1}));
  EXPECT_FALSE(plain.select[0].renamed);
  EXPECT_EQ(plain.select[1].name, "column_2");
}

TEST(BinderAggregate, IsAllowedWhereGroupsAre) {
  const Expr many = CountAll() > 1;
  EXPECT_EQ(Mistake(From(kUsers).Where(many)), "count(…) is not allowed in where; use having(...)");
  EXPECT_THAT(Mistake(From(kUsers).Select({CountAll()}).GroupBy({kId.Sum()})),
              HasSubstr("not allowed in group_by"));
  EXPECT_THAT(Mistake(From(kUsers).Joined({JoinKind::kInner, kOrders, many})),
              HasSubstr("not allowed in a join condition"));
  EXPECT_EQ(Mistake(From(kUsers).Select({kId}).GroupBy({kId}).Having({many})), "no error");
  EXPECT_EQ(Mistake(From(kUsers).Select({kId}).GroupBy({kId}).OrderBy({CountAll().Desc()})),
            "no error");
  EXPECT_EQ(Mistake(From(kUsers).Select({kId.Sum().Max()})),
            "sum(…) stands inside another aggregate");
  EXPECT_EQ(Mistake(From(kUsers).Select({kId.Sum() + kId.Max()})), "no error");
}

TEST(BinderAggregate, LeavesOnlyKeysToSelect) {
  EXPECT_EQ(Mistake(From(kUsers).Select({kId, CountAll()})),
            "column \"users\".\"id\" must be in group_by(...) or inside an aggregate");
  EXPECT_THAT(Mistake(From(kUsers).GroupBy({kId})), HasSubstr("must say what it selects"));
  EXPECT_THAT(Mistake(From(kUsers).Select({kId}).Having({kId > 1})), HasSubstr("group_by"));
  EXPECT_THAT(Mistake(From(kUsers).Select({CountAll()}).OrderBy({kId.Asc()})),
              HasSubstr("group_by"));
  // What SQL by hand does is its author's business.
  EXPECT_EQ(Mistake(From(kUsers).Select({Expr::Raw("f({x})", {{"x", kId}}), CountAll()})),
            "no error");
}

TEST(BinderGroupBy, AnExpressionEqualToAKeyIsThatKey) {
  const auto bucket = [](int size) { return kUsers["score"] / size; };
  const Query q = From(kUsers).Select({bucket(10).As("bucket"), CountAll()}).Where(kId > 0);
  const BoundQuery bound = Bound(q.GroupBy({bucket(10)}).OrderBy({bucket(10).Asc()}));
  // Literals: select 10, where 0, group_by 10: the selected one is the key's.
  EXPECT_EQ(bound.group_by[0].args[1].literal, 2);
  EXPECT_EQ(bound.select[0].expr.args[1].literal, 2);
  EXPECT_TRUE(bound.depends_on_values);
  EXPECT_THAT(Mistake(q.GroupBy({bucket(20)})), HasSubstr("must be in group_by"));
  EXPECT_EQ(Mistake(q.GroupBy({bucket(10).As("key")})), "no error");
}

TEST(BinderGroupBy, KeysWithoutValuesDependOnStructureAlone) {
  const BoundQuery q =
      Bound(From(kUsers).Select({kId, CountAll()}).Where(kId > 5).GroupBy({kId}).Having({kId < 9}));
  EXPECT_FALSE(q.depends_on_values);
  EXPECT_EQ(q.where[0].args[1].literal, 0);
  EXPECT_EQ(q.having[0].args[1].literal, 1);
}

TEST(BinderOrderBy, ASelectedNameIsOrderedByItsName) {
  const Expr sum = kId.Sum().As("total");
  const Query q = From(kUsers).Select({kUsers["email"], sum}).GroupBy({kUsers["email"]});
  EXPECT_EQ(Bound(q.OrderBy({sum.Desc()})).order_by[0].output, "total");
  EXPECT_EQ(Bound(q.OrderBy({kId.Sum().Desc()})).order_by[0].output, "total");
  EXPECT_EQ(Bound(q.OrderBy({kUsers["email"].Asc()})).order_by[0].output, "");
  EXPECT_EQ(Bound(q.OrderBy({kId.Max().Asc()})).order_by[0].expr.op, Op::kMax);
  // The same expression under another name is not that result.
  EXPECT_EQ(Bound(q.OrderBy({kId.Sum().As("other").Asc()})).order_by[0].output, "");
  // Two results of one name: by expression, a name would be ambiguous.
  const Query twice = From(kUsers).Select({kId.As("n"), kUsers["email"].As("n")});
  EXPECT_EQ(Bound(twice.OrderBy({kId.Asc()})).order_by[0].output, "");
}

TEST(BinderOrderBy, WithDistinctOnlyWhatIsSelected) {
  const Query q = From(kUsers).Select({kId}).Distinct();
  EXPECT_EQ(Mistake(q.OrderBy({kId.Asc()})), "no error");
  EXPECT_THAT(Mistake(q.OrderBy({kUsers["email"].Asc()})), StartsWith("with distinct(), order_by"));
  EXPECT_EQ(Mistake(From(kUsers).Distinct().OrderBy({kUsers["email"].Asc()})), "no error");
}

TEST(BinderOrderBy, NumbersItsLiteralsAfterTheOthers) {
  const BoundQuery q = Bound(From(kUsers)
                                 .Select({(kId + 1).As("n")})
                                 .Where(kId > 2)
                                 .OrderBy({(kId + 1).Asc(), (kId + 3).Asc()})
                                 .Limit(4)
                                 .Offset(5));
  EXPECT_EQ(q.order_by[0].output, "n");
  EXPECT_EQ(q.order_by[1].expr.args[1].literal, 3);
  EXPECT_EQ(q.limit->literal, 4);
  EXPECT_EQ(q.offset->literal, 5);
}

TEST(BinderRaw, AStatementByHandStandsAlone) {
  const Query raw = Query::FromRaw(Expr::Raw("SELECT {x}", {{"x", 5}}));
  EXPECT_EQ(Bound(raw).raw->args[0].literal, 0);
  EXPECT_TRUE(TablesOf(raw).empty());
  for (const Query& changed : {raw.Limit(5), raw.Where(kId == 1), raw.Distinct().Offset(1)}) {
    EXPECT_THAT(Mistake(changed), HasSubstr("takes no further clauses"));
  }
  EXPECT_THAT(Mistake(Query::FromRaw(Expr(5))), HasSubstr("must be made with raw(...)"));
  EXPECT_EQ(Mistake(Query(QueryNode())), "the query names no table");
}

TEST(BinderTypes, ThatDoNotFitAreNamed) {
  const auto where = [](const Expr& e) { return Mistake(From(kUsers).Where(e), kCatalog); };
  EXPECT_EQ(where(kId == "x"),
            "column \"users\".\"id\" (int64) cannot be compared with a value (utf8) by eq");
  EXPECT_THAT(where(kId.In({1, "x"})), HasSubstr("by in"));
  EXPECT_THAT(where(kUsers["photo"].Between(1, 2)), HasSubstr("by between"));
  EXPECT_EQ(where(kId), "no error");  // engines without booleans
  EXPECT_EQ(where(kUsers["email"]), "where needs conditions, column \"users\".\"email\" is utf8");
  EXPECT_EQ(where((kId == 1) && kUsers["email"]),
            "and needs conditions, column \"users\".\"email\" is utf8");
  EXPECT_EQ(where(kId.Like("1%")), "like needs text, column \"users\".\"id\" is int64");
  EXPECT_EQ(where(-kUsers["email"] == 1), "neg needs a number, column \"users\".\"email\" is utf8");
  EXPECT_THAT(where(kUsers["email"] * 2 == 1), HasSubstr("mul needs numbers"));
  EXPECT_THAT(where(kUsers["score"] % 2 == 1.0), HasSubstr("mod needs whole numbers"));
  EXPECT_EQ(where(kUsers["born"] > "2000-01-01"), "no error");  // text stands for dates
  EXPECT_EQ(where(kUsers["active"] == 1), "no error");
  EXPECT_THAT(where(kUsers["active"] == "yes"), HasSubstr("(bool) cannot be compared"));
}

TEST(BinderTypes, OfResultsFollowFromTheArguments) {
  const auto type = [](const Expr& e) {
    const Query q = From(kUsers).Joined({JoinKind::kInner, kOrders, kOn}).Select({e});
    return types::TypeName(Bound(q, kCatalog).select[0].expr.type);
  };
  EXPECT_EQ(type(kId + kId), "int64");
  EXPECT_EQ(type(kId + 1.5), "float64");
  EXPECT_EQ(type(kId * kOrders["total"]), "decimal");
  EXPECT_EQ(type(kId / 2), "float64");
  EXPECT_EQ(type(kUsers["email"] + "!"), "utf8");
  EXPECT_EQ(type(kId == 1), "bool");
  EXPECT_EQ(type(kOrders["total"].Sum()), "decimal");
  EXPECT_EQ(type(kId.Avg()), "float64");
  EXPECT_EQ(type(kUsers["born"].Max()), "date");
  EXPECT_EQ(type(CountAll()), "int64");
  EXPECT_EQ(type(Expr::Make(Op::kStringAgg, {kUsers["email"], ","})), "utf8");
  EXPECT_EQ(type(Expr::Make(Op::kBoolAnd, {kUsers["active"]})), "bool");
  EXPECT_EQ(type(Expr::Raw("x", {})), "unknown");
}

}  // namespace
}  // namespace molt::query
