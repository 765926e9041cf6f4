#include "molt/query/expr.h"

#include <string>
#include <type_traits>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "molt/query/table.h"

namespace molt::query {
namespace {

using ::testing::HasSubstr;

const Table kUsers("users");

// The message of an error node; "no error" otherwise.
std::string Mistake(const Expr& e) { return e->op == Op::kError ? e->name : "no error"; }

std::vector<Expr> Columns(int count) {
  std::vector<Expr> columns;
  for (int i = 0; i < count; ++i) columns.push_back(kUsers["c" + std::to_string(i)]);
  return columns;
}

TEST(Expr, EveryOperationHasANameThatFindsItAgain) {
  for (int i = static_cast<int>(Op::kColumn); i <= static_cast<int>(Op::kArrayAgg); ++i) {
    const Op op = static_cast<Op>(i);
    EXPECT_EQ(OpFromName(InfoOf(op).name), op) << InfoOf(op).name;
  }
  EXPECT_EQ(OpFromName("error"), std::nullopt);
  EXPECT_EQ(OpFromName("no such op"), std::nullopt);
}

TEST(Expr, EveryOperationTakesItsNumberOfArgumentsAndNoOther) {
  for (int i = static_cast<int>(Op::kEq); i <= static_cast<int>(Op::kArrayAgg); ++i) {
    const OpInfo& info = InfoOf(static_cast<Op>(i));
    const int most = info.args_max < 0 ? info.args_min + 3 : info.args_max;
    for (int count = info.args_min; count <= most; ++count) {
      EXPECT_EQ(Expr::Make(info.op, Columns(count))->op, info.op) << info.name;
    }
    if (info.args_min > 0) {
      EXPECT_THAT(Mistake(Expr::Make(info.op, Columns(info.args_min - 1))),
                  HasSubstr(std::string(info.name) + " takes "));
    }
    if (info.args_max >= 0) {
      EXPECT_THAT(Mistake(Expr::Make(info.op, Columns(info.args_max + 1))),
                  HasSubstr(", got " + std::to_string(info.args_max + 1)));
    }
  }
}

TEST(Expr, TheNumberOfArgumentsIsToldInWords) {
  EXPECT_EQ(Mistake(Expr::Make(Op::kEq, Columns(3))), "eq takes 2 arguments, got 3");
  EXPECT_EQ(Mistake(Expr::Make(Op::kNot, Columns(0))), "not takes 1 argument, got 0");
  EXPECT_EQ(Mistake(Expr::Make(Op::kAnd, Columns(1))), "and takes 2 or more arguments, got 1");
  EXPECT_EQ(Mistake(Expr::Make(Op::kCount, Columns(2))), "count takes 0 or 1 arguments, got 2");
}

TEST(Expr, LeavesCannotBeMadeFromArguments) {
  for (const Op op : {Op::kError, Op::kColumn, Op::kLiteral, Op::kConstant, Op::kRaw, Op::kAlias}) {
    EXPECT_THAT(Mistake(Expr::Make(op, {})), HasSubstr("is not an operation"));
  }
}

TEST(Expr, ValuesOfEveryTypeAreLiteralsWhereAnExprIsExpected) {
  const auto type_of = [](const Expr& comparison) {
    return types::TypeName(types::TypeOf(comparison->args.at(1)->value));
  };
  const Expr x = kUsers["x"];
  EXPECT_EQ(type_of(x == true), "bool");
  EXPECT_EQ(type_of(x == 5), "int64");
  EXPECT_EQ(type_of(x == 5U), "int64");
  EXPECT_EQ(type_of(x == 5LL), "int64");
  EXPECT_EQ(type_of(x == 5.5), "float64");
  EXPECT_EQ(type_of(x == 5.5F), "float64");
  EXPECT_EQ(type_of(x == "text"), "utf8");
  EXPECT_EQ(type_of(x == std::string("text")), "utf8");
  EXPECT_EQ(type_of(x == std::string_view("text")), "utf8");
  EXPECT_EQ(type_of(x == types::Bytes{"b"}), "binary");
  EXPECT_EQ(type_of(x == types::Date{1}), "date");
  EXPECT_EQ(type_of(x == types::Time{1}), "time");
  EXPECT_EQ(type_of(x == types::Timestamp{1, false}), "timestamp");
  EXPECT_EQ(type_of(x == types::Timestamp{1, true}), "timestamptz");
  EXPECT_EQ(type_of(x == types::Decimal{"1"}), "decimal");
  EXPECT_EQ(type_of(x == types::Uuid{}), "uuid");
  EXPECT_EQ(type_of(x == types::Value(std::int64_t{5})), "int64");
  // No silent rounding or pointers taken for booleans.
  static_assert(!std::is_convertible_v<std::uint64_t, Expr>);
  static_assert(!std::is_convertible_v<void*, Expr>);
}

TEST(Expr, ComparingWithNullAsksWhetherItIsNull) {
  const Expr x = kUsers["x"];
  EXPECT_EQ((x == types::Null{})->op, Op::kIsNull);
  EXPECT_EQ((x != types::Null{})->op, Op::kIsNotNull);
  EXPECT_EQ((Expr(types::Null{}) == x)->op, Op::kIsNull);
  EXPECT_EQ((Expr(types::Null{}) == x)->args[0]->name, "x");
  EXPECT_EQ(Expr::Make(Op::kEq, {x, types::Null{}})->op, Op::kIsNull);
}

TEST(Expr, NullWhereItWouldMatchNothingIsAMistake) {
  const Expr x = kUsers["x"];
  const Expr null = types::Null{};
  for (const Op op : {Op::kLt, Op::kLe, Op::kGt, Op::kGe}) {
    EXPECT_THAT(Mistake(Expr::Make(op, {x, null})), HasSubstr("is_null()"));
    EXPECT_THAT(Mistake(Expr::Make(op, {null, x})), HasSubstr("is_null()"));
  }
  for (int op = static_cast<int>(Op::kLike); op <= static_cast<int>(Op::kIContains); ++op) {
    EXPECT_THAT(Mistake(Expr::Make(static_cast<Op>(op), {x, null})), HasSubstr("is_null()"));
  }
  EXPECT_THAT(Mistake(x.In({1, null})), HasSubstr("None inside in_()"));
  EXPECT_THAT(Mistake(x.NotIn({null})), HasSubstr("None inside in_()"));
  EXPECT_THAT(Mistake(x.Between(null, 3)), HasSubstr("between(...) with None"));
  EXPECT_THAT(Mistake(x.Between(1, null)), HasSubstr("between(...) with None"));
}

TEST(Expr, AnEmptyListHoldsNothing) {
  const Expr in = kUsers["x"].In({});
  EXPECT_EQ(in->op, Op::kConstant);
  EXPECT_EQ(in->value, types::Value(false));
  EXPECT_EQ(kUsers["x"].NotIn({})->value, types::Value(true));
}

TEST(Expr, OnlyAggregatesOfSomethingCanBeDistinct) {
  const Expr x = kUsers["x"];
  EXPECT_TRUE(x.Count(true)->distinct);
  EXPECT_TRUE(Expr::Make(Op::kStringAgg, {x, ","}, true)->distinct);
  EXPECT_THAT(Mistake(Expr::Make(Op::kEq, {x, 1}, true)), HasSubstr("cannot be distinct"));
  EXPECT_THAT(Mistake(Expr::Make(Op::kCount, {}, true)), HasSubstr("distinct"));
}

TEST(Expr, LongChainsOfAndAndOrStayFlat) {
  Expr both = kUsers["x"] == 0;
  Expr either = both;
  Expr from_the_right = both;
  for (int i = 1; i < 1000; ++i) {
    const Expr next = kUsers["x"] == i;
    both = both && next;
    either = either || next;
    from_the_right = next && from_the_right;
  }
  for (const Expr& chain : {both, either, from_the_right}) {
    EXPECT_EQ(chain->args.size(), 1000U);
    EXPECT_EQ(chain->depth, 3U);
    EXPECT_EQ(chain->nodes, 3001U);
  }
  const Expr joined = both && from_the_right;
  EXPECT_EQ(joined->args.size(), 2000U);
  EXPECT_EQ((both && either)->args.size(), 1001U);  // OR stays one argument
}

TEST(Expr, DepthHasALimitThatIsToldAsAMistake) {
  Expr e = kUsers["x"];
  for (std::uint32_t depth = 1; depth < kExprDepthMax; ++depth) e = -e;
  EXPECT_EQ(e->depth, kExprDepthMax);
  EXPECT_EQ(e->op, Op::kNeg);
  EXPECT_THAT(Mistake(-e), HasSubstr("nested deeper than 120 levels"));
  EXPECT_THAT(Mistake(e.As("n")), HasSubstr("nested deeper"));
}

TEST(Expr, SizeHasALimitThatIsToldAsAMistake) {
  const std::vector<Expr> values(kExprNodesMax - 2, Expr(1));
  const Expr largest = kUsers["x"].In(values);
  EXPECT_EQ(largest->nodes, kExprNodesMax);
  EXPECT_THAT(Mistake(!largest), HasSubstr("more than 200000 parts"));
  // Shared parts count each time, and their sum does not overflow.
  EXPECT_THAT(Mistake(Expr::Make(Op::kAnd, std::vector<Expr>(30'000, largest))),
              HasSubstr("more than 200000 parts"));
}

TEST(Expr, TheFirstMistakeIsTheOneThatRemains) {
  const Expr first = Expr::Error("first");
  const Expr e = ((kUsers["x"] + first) == Expr::Error("second")).As("n");
  EXPECT_EQ(Mistake(e), "first");
  EXPECT_EQ(Mistake(Expr::Raw("f({x})", {{"x", first}})), "first");
}

TEST(Expr, AnAliasOfAnAliasRenames) {
  const Expr e = kUsers["x"].As("a").As("b");
  EXPECT_EQ(e->name, "b");
  EXPECT_EQ(e->args[0]->op, Op::kColumn);
}

TEST(Expr, OrderingsPutNullsLastGoingUpAndFirstGoingDown) {
  EXPECT_EQ(kUsers["x"].Asc().nulls, NullOrder::kLast);
  EXPECT_FALSE(kUsers["x"].Asc().descending);
  EXPECT_EQ(kUsers["x"].Desc().nulls, NullOrder::kFirst);
  EXPECT_TRUE(kUsers["x"].Desc().descending);
}

TEST(ExprRaw, TextIsCutAtItsHoles) {
  const Expr e = Expr::Raw("a {x} b {y} c {x}", {{"x", 1}, {"y", kUsers["y"]}});
  EXPECT_THAT(e->parts, ::testing::ElementsAre("a ", " b ", " c ", ""));
  ASSERT_EQ(e->args.size(), 3U);
  EXPECT_EQ(e->args[0]->value, types::Value(std::int64_t{1}));
  EXPECT_EQ(e->args[1]->name, "y");
  EXPECT_EQ(e->args[2]->value, types::Value(std::int64_t{1}));
}

TEST(ExprRaw, DoubledBracesAreBraces) {
  const Expr e = Expr::Raw("'{{\"a\": 1}}' {x}{{", {{"x", 1}});
  EXPECT_THAT(e->parts, ::testing::ElementsAre("'{\"a\": 1}' ", "{"));
}

TEST(ExprRaw, MistakesInHolesAreNamed) {
  EXPECT_EQ(Mistake(Expr::Raw("a {x", {{"x", 1}})),
            "raw: '{' at position 2 is never closed; write {{");
  EXPECT_EQ(Mistake(Expr::Raw("a } b", {})), "raw: a single '}' at position 2; write }}");
  EXPECT_EQ(Mistake(Expr::Raw("a {y}", {{"x", 1}})), "raw: no value was given for the hole {y}");
  EXPECT_EQ(Mistake(Expr::Raw("a", {{"x", 1}})), "raw: the value 'x' has no hole in the text");
}

TEST(ExprRaw, PartsMustSurroundTheValues) {
  EXPECT_EQ(Expr::RawParts({"a", "b"}, {1})->op, Op::kRaw);
  EXPECT_THAT(Mistake(Expr::RawParts({"a"}, {1})), HasSubstr("1 values need 2 parts"));
  EXPECT_THAT(Mistake(Expr::RawParts({}, {})), HasSubstr("0 values need 1 parts"));
}

TEST(Table, ANameMayCarryItsSchema) {
  EXPECT_EQ(Table("users")->schema, "");
  EXPECT_EQ(Table("analytics.events")->schema, "analytics");
  EXPECT_EQ(Table("analytics.events")->name, "events");
  EXPECT_EQ(Table("analytics.events").As("e")->Key(), "e");
  EXPECT_EQ(Table("analytics.events").As("e")["id"]->qualifier, "e");
}

TEST(Table, ADeclaredTableHasJustItsColumns) {
  const Table users("users", types::Schema{{"id", types::TypeId::kInt64}, {"email", {}}});
  EXPECT_EQ(users["email"]->op, Op::kColumn);
  EXPECT_EQ(Mistake(users["emial"]),
            "table \"users\" has no column \"emial\" (did you mean \"email\"?)");
  EXPECT_EQ(Table("users")["anything"]->op, Op::kColumn);
}

}  // namespace
}  // namespace molt::query
