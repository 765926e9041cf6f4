#include "molt/query/structure.h"

#include <cmath>
#include <limits>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace molt::query {
namespace {

const Table kUsers("users");
const Table kOrders("orders");

// Each call builds all nodes anew, so that nothing is equal by being the same pointer.
Query Sample(const Expr& id = 3, std::int64_t limit = 10) {
  return From(kUsers)
      .Joined({JoinKind::kLeft, kOrders, kOrders["user_id"] == kUsers["id"]})
      .Where({kUsers["id"] == id, kUsers["email"].EndsWith("@x.org")})
      .Select({kUsers["id"], kOrders["total"].Sum().As("total")})
      .GroupBy({kUsers["id"]})
      .Having({kOrders["total"].Sum() > 5})
      .OrderBy({kUsers["id"].Desc()})
      .Limit(limit)
      .Offset(2);
}

bool SameBothWays(const Query& a, const Query& b) {
  EXPECT_EQ(SameStructure(a, b), SameStructure(b, a));
  EXPECT_EQ(SameStructure(a, b), StructureHash(a) == StructureHash(b));
  EXPECT_EQ(SameStructure(a, b), Fingerprint(a) == Fingerprint(b));
  return SameStructure(a, b);
}

TEST(Structure, QueriesThatDifferInValuesAloneAreTheSame) {
  EXPECT_TRUE(SameBothWays(Sample(), Sample()));
  EXPECT_TRUE(SameBothWays(Sample(3), Sample(4)));
  EXPECT_TRUE(SameBothWays(Sample(3, 10), Sample(3, 20)));
}

TEST(Structure, AValueOfAnotherTypeIsAnotherStructure) {
  const std::vector<Expr> values = {true,
                                    5,
                                    5.0,
                                    "5",
                                    types::Bytes{"5"},
                                    types::Date{5},
                                    types::Time{5},
                                    types::Timestamp{5, false},
                                    types::Timestamp{5, true},
                                    types::Decimal{"5"},
                                    types::Uuid{}};
  std::set<std::string> fingerprints;
  for (const Expr& value : values) fingerprints.insert(Fingerprint(Sample(value)));
  EXPECT_EQ(fingerprints.size(), values.size());
  EXPECT_FALSE(SameBothWays(Sample(5), Sample(5.0)));
}

TEST(Structure, AListOfAnotherLengthIsAnotherStructure) {
  const auto with = [](std::vector<Expr> values) {
    return From(kUsers).Where(kUsers["id"].In(std::move(values)));
  };
  EXPECT_TRUE(SameBothWays(with({1, 2}), with({3, 4})));
  EXPECT_FALSE(SameBothWays(with({1, 2}), with({1, 2, 3})));
  EXPECT_FALSE(SameBothWays(with({}), with({1})));
}

TEST(Structure, EveryPartOfAQueryCounts) {
  const Expr id = kUsers["id"];
  const Expr on = kOrders["user_id"] == id;
  const Table declared("users", types::Schema{{"id", types::TypeId::kInt64}});
  const Table empty("users", types::Schema{});
  const Table strict("users", types::Schema{{"id", types::TypeId::kInt64, false}});
  const Query q = From(kUsers);
  const std::vector<Query> queries = {
      q,
      From(kOrders),
      From(Table("other.users")),
      From(kUsers.As("u")),
      From(declared),
      From(empty),
      From(strict),
      q.Distinct(),
      q.Limit(1),
      q.Offset(1),
      q.Select({id}),
      q.Select({id, id}),
      q.Select({id.As("a")}),
      q.Select({id.As("b")}),
      q.Select({kUsers["other"]}),
      q.Select({kOrders["id"]}),
      q.Select({CountAll()}),
      q.Select({id.Count()}),
      q.Select({id.Count(true)}),
      q.Where(id == 1),
      q.Where(id != 1),
      q.Where(Expr(1) == id),
      q.Where({id == 1, id == 1}),
      q.Where((id == 1) && (id == 1)),
      q.Where((id == 1) || (id == 1)),
      q.Where(Expr::Constant(true)),
      q.Where(Expr::Constant(false)),
      q.Where(Expr::Raw("a", {})),
      q.Where(Expr::Raw("a{x}", {{"x", 1}})),
      q.Where(Expr::Raw("{x}a", {{"x", 1}})),
      q.GroupBy({id}),
      q.Having({id == 1}),
      q.OrderBy({id.Asc()}),
      q.OrderBy({id.Desc()}),
      q.OrderBy({{id, false, NullOrder::kFirst}}),
      q.Joined({JoinKind::kCross, kOrders, {}}),
      q.Joined({JoinKind::kInner, kOrders, on}),
      q.Joined({JoinKind::kLeft, kOrders, on}),
      q.Joined({JoinKind::kInner, kOrders.As("o"), on}),
      Query::FromRaw(Expr::Raw("SELECT 1", {})),
      Query::FromRaw(Expr::Raw("SELECT 2", {})),
  };
  for (std::size_t i = 0; i < queries.size(); ++i) {
    for (std::size_t k = 0; k < queries.size(); ++k) {
      EXPECT_EQ(SameBothWays(queries[i], queries[k]), i == k) << i << " and " << k;
    }
  }
}

TEST(Structure, AFingerprintIsTheSameInEveryProcess) {
  // Kept by caches of other processes: a change of this value is a change of format.
  EXPECT_EQ(Fingerprint(Sample()), "52f66a97a7b1efb12779125fe17da684");
  EXPECT_EQ(Fingerprint(Sample()).size(), 32U);
}

TEST(Structure, LiteralsComeInTheOrderOfTheClauses) {
  const Expr x = kUsers["x"];
  const Query q = From(kUsers)
                      .Select({x + 1, Expr::Raw("f({a}, {b})", {{"a", 2}, {"b", 3}})})
                      .Joined({JoinKind::kInner, kOrders, kOrders["y"] == 4})
                      .Joined({JoinKind::kCross, kUsers.As("v"), {}})
                      .Where({x == 5, x.In({6, 7})})
                      .GroupBy({x + 8})
                      .Having({x > 9})
                      .OrderBy({(x + 10).Asc()})
                      .Limit(11)
                      .Offset(12);
  Literals literals;
  CollectLiterals(q, literals);
  std::vector<std::int64_t> values;
  for (const types::Value* value : literals) values.push_back(std::get<std::int64_t>(*value));
  EXPECT_EQ(values, (std::vector<std::int64_t>{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}));
}

TEST(Structure, IdenticalExpressionsHaveTheSameValues) {
  const auto sum = [](const Expr& value) { return kUsers["x"] + value; };
  EXPECT_TRUE(Identical(sum(1), sum(1)));
  EXPECT_FALSE(Identical(sum(1), sum(2)));
  EXPECT_FALSE(Identical(sum(1), sum(1.0)));
  EXPECT_FALSE(Identical(sum(1), kUsers["y"] + 1));
  EXPECT_FALSE(Identical(sum(1), Expr()));
  EXPECT_TRUE(Identical(Expr(), Expr()));
}

TEST(Structure, FloatsAreComparedBitForBit) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_TRUE(Identical(nan, nan));
  EXPECT_FALSE(Identical(0.0, -0.0));
  EXPECT_TRUE(Identical(-0.0, -0.0));
  const auto list = [](double item) {
    return Expr(types::Value(types::List(types::ListItems{{item}})));
  };
  EXPECT_TRUE(Identical(list(nan), list(nan)));
  EXPECT_FALSE(Identical(list(0.0), list(-0.0)));
}

}  // namespace
}  // namespace molt::query
