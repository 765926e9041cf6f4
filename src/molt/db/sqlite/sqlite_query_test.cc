#include <cmath>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "molt/db/sqlite/sqlite_test_util.h"
#include "molt/db/sqlite/sqlite_types.h"

namespace molt::db::sqlite {
namespace {

using types::Bytes;
using types::Date;
using types::Null;
using types::TypeId;
using types::Value;

std::vector<TypeId> TypesOf(const Answer& answer) {
  std::vector<TypeId> ids;
  for (const types::Field& field : answer.schema) ids.push_back(field.type.id);
  return ids;
}

Answer MustQuery(Pool& pool, std::string_view sql, const std::vector<Value>& params = {},
                 const std::vector<types::LogicalType>& column_types = {},
                 const BatchLimits& limits = {}) {
  auto answer = Query(pool, sql, params, column_types, limits);
  EXPECT_TRUE(answer.has_value()) << sql << ": " << answer.error().message;
  return answer ? std::move(*answer) : Answer{};
}

void MustExecute(Pool& pool, std::string_view sql, const std::vector<Value>& params = {}) {
  const auto done = Execute(pool, sql, params);
  ASSERT_TRUE(done.has_value()) << sql << ": " << done.error().message;
}

TEST(SqliteTypes, DeclaredTypesDecideTheResultsTypes) {
  const std::vector<std::pair<const char*, TypeId>> cases = {
      {"INTEGER", TypeId::kInt64},
      {"bigint unsigned", TypeId::kInt64},
      {"VARCHAR(30)", TypeId::kUtf8},
      {"clob", TypeId::kUtf8},
      {"BLOB", TypeId::kBinary},
      {"double precision", TypeId::kFloat64},
      {"decimal(10,2)", TypeId::kFloat64},
      {"NUMERIC", TypeId::kFloat64},
      {"boolean", TypeId::kBool},
      {"BOOL", TypeId::kBool},
      {"date", TypeId::kDate},
      {"DATETIME", TypeId::kTimestamp},
      {"timestamp(6)", TypeId::kTimestamp},
      {"timestamptz", TypeId::kTimestampTz},
      {"TIMESTAMP WITH TIME ZONE", TypeId::kTimestampTz},
      {"time", TypeId::kTime},
      {"uuid", TypeId::kUnknown},
      {"", TypeId::kUnknown},
  };
  for (const auto& [declared, id] : cases) {
    EXPECT_EQ(TypeFromDeclaration(declared).id, id) << declared;
  }
  EXPECT_EQ(TypeFromDeclaration(nullptr).id, TypeId::kUnknown);
}

TEST(SqliteQuery, TypesAreTheSameWithRowsAndWithout) {
  const auto pool = OpenMemory();
  MustExecute(*pool,
              "create table t (a integer, b varchar(9), c real, d blob, e bool, f date,"
              " g timestamp, h time, i numeric)");
  MustExecute(*pool,
              "insert into t values (1, 'x', 1.5, x'00ff', 1, '2024-02-29',"
              " '2024-02-29 01:02:03.5', '10:34', 3)");
  const std::vector<TypeId> expected = {TypeId::kInt64,     TypeId::kUtf8, TypeId::kFloat64,
                                        TypeId::kBinary,    TypeId::kBool, TypeId::kDate,
                                        TypeId::kTimestamp, TypeId::kTime, TypeId::kFloat64};
  const Answer full = MustQuery(*pool, "select * from t");
  EXPECT_EQ(TypesOf(full), expected);
  ASSERT_EQ(full.rows.size(), 1U);
  const std::vector<Value> row = {std::int64_t{1},
                                  std::string("x"),
                                  1.5,
                                  Bytes{std::string("\0\xff", 2)},
                                  true,
                                  Date{19782},
                                  types::Timestamp{1709168523500000, false},
                                  types::Time{38040000000},
                                  3.0};
  EXPECT_EQ(full.rows[0], row);
  const Answer empty = MustQuery(*pool, "select * from t where a = 2");
  EXPECT_EQ(TypesOf(empty), expected);
  EXPECT_EQ(empty.batch_rows, std::vector<std::int64_t>{0});
  EXPECT_EQ(empty.schema[1].name, "b");
}

TEST(SqliteQuery, KnownTypesOfTheCallerComeFirst) {
  const auto pool = OpenMemory();
  const Answer answer =
      MustQuery(*pool, "select 1, 2, '2024-01-01', 5 where ?", {true},
                {TypeId::kFloat64, TypeId::kUnknown, TypeId::kDate, TypeId::kDecimal});
  EXPECT_EQ(TypesOf(answer), (std::vector<TypeId>{TypeId::kFloat64, TypeId::kInt64, TypeId::kDate,
                                                  TypeId::kFloat64}));
  EXPECT_EQ(answer.rows[0][0], Value(1.0));
}

TEST(SqliteQuery, AnUndeclaredColumnTakesTheKindOfItsFirstValue) {
  const auto pool = OpenMemory();
  const Answer answer =
      MustQuery(*pool,
                "select column1 as a, column2, column3, column4 from"
                " (values (null, null, 'x', 1), (7, null, null, 2.5), (null, null, 'y', 3))");
  EXPECT_EQ(TypesOf(answer),
            (std::vector<TypeId>{TypeId::kInt64, TypeId::kNull, TypeId::kUtf8, TypeId::kFloat64}));
  EXPECT_EQ(answer.rows[0], (std::vector<Value>{Null{}, Null{}, std::string("x"), 1.0}));
  EXPECT_EQ(answer.rows[1], (std::vector<Value>{std::int64_t{7}, Null{}, Null{}, 2.5}));
  EXPECT_EQ(answer.schema[0].name, "a");
}

TEST(SqliteQuery, AColumnOfSeveralKindsKeepsEveryValueAsStored) {
  const auto pool = OpenMemory();
  MustExecute(*pool, "create table t (i integer, f real, b bool, d date, x)");
  MustExecute(*pool, "insert into t values (1, 1.5, 1, '2024-01-01', 9007199254740993)");
  MustExecute(*pool, "insert into t values ('one', x'01', 2, 'soon', 0.5)");
  MustExecute(*pool, "insert into t values (2.5, 'y', 0, null, 1)");
  const Answer answer = MustQuery(*pool, "select * from t");
  EXPECT_EQ(TypesOf(answer), (std::vector<TypeId>{TypeId::kInt64, TypeId::kFloat64, TypeId::kBool,
                                                  TypeId::kDate, TypeId::kInt64}));
  EXPECT_EQ(answer.mixed, (std::vector<bool>{true, true, true, true, true}));
  EXPECT_EQ(answer.rows[0], (std::vector<Value>{std::int64_t{1}, 1.5, true, Date{19723},
                                                std::int64_t{9007199254740993}}));
  EXPECT_EQ(answer.rows[1], (std::vector<Value>{std::string("one"), Bytes{"\x01"}, std::int64_t{2},
                                                std::string("soon"), 0.5}));
  EXPECT_EQ(answer.rows[2],
            (std::vector<Value>{2.5, std::string("y"), false, Null{}, std::int64_t{1}}));
}

TEST(SqliteQuery, AnIntegerTooBigForAFloatColumnIsNotRounded) {
  const auto pool = OpenMemory();
  const Answer answer =
      MustQuery(*pool, "select 9007199254740993 union all select 1", {}, {TypeId::kFloat64});
  EXPECT_TRUE(answer.mixed[0]);
  EXPECT_EQ(answer.rows[0][0], Value(std::int64_t{9007199254740993}));
}

TEST(SqliteQuery, TextThatIsNotUtf8IsGivenAsBytes) {
  const auto pool = OpenMemory();
  const Answer answer =
      MustQuery(*pool, "select cast(x'61ff62' as text) as t union all select 'grüß' order by 1");
  EXPECT_EQ(answer.schema[0].type.id, TypeId::kUtf8);
  EXPECT_TRUE(answer.mixed[0]);
  EXPECT_EQ(answer.rows[0][0], Value(Bytes{"a\xff"
                                           "b"}));
  EXPECT_EQ(answer.rows[1][0], Value(std::string("grüß")));
}

TEST(SqliteQuery, ATimestampWithAZoneNeedsAColumnForIt) {
  const auto pool = OpenMemory();
  MustExecute(*pool, "create table t (naive timestamp, aware timestamptz)");
  MustExecute(*pool, "insert into t values (?, ?)",
              {types::Timestamp{1'000'000, false}, types::Timestamp{1'000'000, true}});
  const Answer answer = MustQuery(*pool, "select naive, aware, aware || '' from t");
  EXPECT_EQ(answer.rows[0][0], Value(types::Timestamp{1'000'000, false}));
  EXPECT_EQ(answer.rows[0][1], Value(types::Timestamp{1'000'000, true}));
  EXPECT_EQ(answer.rows[0][2], Value(std::string("1970-01-01 00:00:01+00:00")));
  MustExecute(*pool, "update t set naive = aware");
  EXPECT_EQ(Scalar(*pool, "select naive from t"), Value(std::string("1970-01-01 00:00:01+00:00")));
}

TEST(SqliteQuery, BatchesAreCutAtRowsAndBytesAndKeepTheFirstSchema) {
  const auto pool = OpenMemory();
  const std::string numbers =
      "with recursive c(x) as (select 1 union all select x + 1 from c limit 10) ";
  EXPECT_EQ(MustQuery(*pool, numbers + "select x from c", {}, {}, {.rows = 4}).batch_rows,
            (std::vector<std::int64_t>{4, 4, 2}));
  EXPECT_EQ(MustQuery(*pool, numbers + "select x from c", {}, {}, {.rows = 5}).batch_rows,
            (std::vector<std::int64_t>{5, 5}));
  EXPECT_EQ(MustQuery(*pool, numbers + "select printf('%.*c', 100, 'x') from c", {}, {},
                      {.rows = 100, .bytes = 300})
                .batch_rows,
            (std::vector<std::int64_t>{3, 3, 3, 1}));
  // A column without values in the first batch has no type, and gets none later.
  const Answer late =
      MustQuery(*pool,
                numbers +
                    "select x, case when x > 5 then x end, case when x < 5 then x else x / 2.0 end"
                    " from c",
                {}, {}, {.rows = 4});
  EXPECT_EQ(TypesOf(late), (std::vector<TypeId>{TypeId::kInt64, TypeId::kNull, TypeId::kInt64}));
  EXPECT_EQ(late.mixed, (std::vector<bool>{false, true, true}));
  EXPECT_EQ(late.rows[5], (std::vector<Value>{std::int64_t{6}, std::int64_t{6}, 3.0}));
  EXPECT_EQ(late.rows[4], (std::vector<Value>{std::int64_t{5}, Null{}, 2.5}));
}

TEST(SqliteQuery, EveryKindOfParameterIsStoredAsItShould) {
  const auto pool = OpenMemory();
  const std::vector<std::pair<Value, Value>> cases = {
      {Null{}, Null{}},
      {true, std::int64_t{1}},
      {std::int64_t{-5}, std::int64_t{-5}},
      {2.5, 2.5},
      {INFINITY, static_cast<double>(INFINITY)},
      {std::string("a\0b", 3), std::string("a\0b", 3)},
      {std::string(), std::string()},
      {Bytes{}, Bytes{}},
      {Bytes{std::string("\0\xff", 2)}, Bytes{std::string("\0\xff", 2)}},
      {Date{0}, std::string("1970-01-01")},
      {types::Time{3'600'000'000}, std::string("01:00:00")},
      {types::Timestamp{1'500'000, false}, std::string("1970-01-01 00:00:01.500000")},
      {types::Timestamp{0, true}, std::string("1970-01-01 00:00:00+00:00")},
      {types::Uuid{}, std::string("00000000-0000-0000-0000-000000000000")},
      {types::Decimal{"12.00"}, std::int64_t{12}},
      {types::Decimal{"-1E3"}, std::int64_t{-1000}},
      {types::Decimal{"-0.0"}, std::int64_t{0}},
      {types::Decimal{"9223372036854775807"}, std::int64_t{9223372036854775807}},
      {types::Decimal{"0.10"}, 0.1},
      {types::Decimal{"1e20"}, 1e20},
      {types::TimeTz{0, 7'200}, std::string("00:00:00+02:00")},
      {types::Json{"[1]"}, std::string("[1]")},
      {types::Inet{"10.0.0.0/8", true}, std::string("10.0.0.0/8")},
      {types::Other{"(1,2)"}, std::string("(1,2)")},
  };
  for (const auto& [given, stored] : cases) EXPECT_EQ(Scalar(*pool, "select ?", {given}), stored);
}

TEST(SqliteQuery, ValuesThatSqliteCannotHoldAreRefused) {
  const auto pool = OpenMemory();
  const std::vector<Value> refused = {static_cast<double>(NAN),
                                      types::Decimal{"1234567890.1234567"},
                                      types::Decimal{"NaN"},
                                      types::Decimal{"Infinity"},
                                      types::Decimal{"9223372036854775809"},
                                      std::string((16 << 20) + 1, 'x')};
  for (const Value& value : refused) {
    const auto answer = Query(*pool, "select 1, ?", {value});
    ASSERT_FALSE(answer.has_value());
    EXPECT_EQ(answer.error().code, ErrorCode::kInvalidQuery);
    EXPECT_EQ(answer.error().message.find("parameter 1 is"), 0U) << answer.error().message;
  }
}

TEST(SqliteQuery, TypesThatSqliteLacksAreUnsupported) {
  const auto pool = OpenMemory();
  const std::vector<std::pair<Value, std::string>> cases = {
      {types::Interval{}, "parameter 1 is an interval, which SQLite has no type for"},
      {types::List(), "parameter 1 is a list, and SQLite has no arrays; use in_()"},
      {types::Range(), "parameter 1 is a range, which SQLite has no type for"},
  };
  for (const auto& [value, message] : cases) {
    const auto answer = Query(*pool, "select 1, ?", {value});
    ASSERT_FALSE(answer.has_value());
    EXPECT_EQ(answer.error().code, ErrorCode::kUnsupported);
    EXPECT_EQ(answer.error().message.find(message), 0U) << answer.error().message;
  }
}

TEST(SqliteQuery, AWrongNumberOfParametersIsSaid) {
  const auto pool = OpenMemory();
  const auto answer = Query(*pool, "select ?, ?", {std::int64_t{1}});
  ASSERT_FALSE(answer.has_value());
  EXPECT_EQ(answer.error().message, "the SQL has 2 parameters, 1 value was given");
}

TEST(SqliteQuery, MistakesInNamesSuggestTheNearest) {
  const auto pool = OpenMemory();
  MustExecute(*pool, "create table users (id integer primary key, email text)");
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"select emial from users", "no such column: emial (did you mean \"email\"?)"},
      {"select u.emial from users u", "no such column: u.emial (did you mean \"email\"?)"},
      {"select * from usres", "no such table: usres (did you mean \"users\"?)"},
      {"select \"nothing\" from users", "no such column: nothing"},
      {"select unheard_of(1)", "no such function: unheard_of"},
      {"selekt 1", "near \"selekt\": syntax error"},
      {"", "the SQL is empty"},
      {" -- nothing", "the SQL is empty"},
  };
  for (const auto& [sql, message] : cases) {
    const auto answer = Query(*pool, sql);
    ASSERT_FALSE(answer.has_value()) << sql;
    EXPECT_EQ(answer.error().code, ErrorCode::kInvalidQuery) << sql;
    EXPECT_EQ(answer.error().message, message);
  }
}

TEST(SqliteQuery, MessagesNeverShowParameters) {
  const auto pool = OpenMemory();
  MustExecute(*pool, "create virtual table docs using fts5(body)");
  const std::string secret = "swordfish";
  for (const auto& [sql, param] : std::vector<std::pair<std::string, std::string>>{
           {"select * from docs where docs match ?", secret + ":x"},
           {"select * from docs where docs match ?", "\"" + secret},
           {"select json_extract('{}', ?)", secret},
           {"select json(?)", "{" + secret}}) {
    const auto answer = Query(*pool, sql, {param});
    ASSERT_FALSE(answer.has_value()) << sql;
    EXPECT_EQ(answer.error().message.find(secret), std::string::npos) << answer.error().message;
  }
}

TEST(SqliteQuery, ASchemaChangeBetweenRunsIsSeen) {
  const auto pool = OpenMemory();
  MustExecute(*pool, "create table t (a integer)");
  EXPECT_EQ(MustQuery(*pool, "select * from t").schema.size(), 1U);
  MustExecute(*pool, "alter table t add column b text");
  const Answer answer = MustQuery(*pool, "select * from t");
  ASSERT_EQ(answer.schema.size(), 2U);
  EXPECT_EQ(answer.schema[1], (types::Field{"b", TypeId::kUtf8, true}));
  MustExecute(*pool, "drop table t");
  MustExecute(*pool, "create table t (a text)");
  EXPECT_EQ(MustQuery(*pool, "select * from t").schema[0].type.id, TypeId::kUtf8);
}

TEST(SqliteQuery, TheSameStatementCanBeStreamedTwiceAtOnce) {
  SqliteOptions options;
  for (const std::size_t cache : {std::size_t{256}, std::size_t{1}, std::size_t{0}}) {
    options.statement_cache_size = cache;
    const auto pool = OpenMemory(options);
    const auto lease = Acquire(*pool, Access::kRead);
    const Statement statement{"select 1 union all select 2", {}, {}};
    const auto one = Await((*lease)->Query(statement, {.rows = 1}, {}));
    const auto two = Await((*lease)->Query(statement, {.rows = 1}, {}));
    EXPECT_EQ((*Await((*one)->Next({})))->num_rows, 1);
    EXPECT_EQ(Drain(**two)->rows.size(), 2U);
    EXPECT_EQ(Drain(**one)->rows.size(), 1U);
    for (const char* sql : {"select 3", "select 4", "select 3"}) {
      EXPECT_EQ(Drain(**Await((*lease)->Query({sql, {}, {}}, {}, {})))->rows.size(), 1U);
    }
  }
}

TEST(SqliteQuery, AggregatesOfOtherEnginesAreThere) {
  const auto pool = OpenMemory();
  const std::string values = " from (select column1 as x from (values (2), (4), (null), (9)))";
  EXPECT_DOUBLE_EQ(std::get<double>(Scalar(*pool, "select var_pop(x)" + values)), 26.0 / 3);
  EXPECT_DOUBLE_EQ(std::get<double>(Scalar(*pool, "select var_samp(x)" + values)), 13.0);
  EXPECT_DOUBLE_EQ(std::get<double>(Scalar(*pool, "select stddev_samp(x)" + values)),
                   std::sqrt(13.0));
  EXPECT_DOUBLE_EQ(std::get<double>(Scalar(*pool, "select stddev_pop(x)" + values)),
                   std::sqrt(26.0 / 3));
  EXPECT_EQ(Scalar(*pool, "select stddev_samp(1)"), Value(Null{}));
  EXPECT_EQ(Scalar(*pool, "select stddev_pop(1)"), Value(0.0));
  EXPECT_EQ(Scalar(*pool, "select var_pop(null)"), Value(Null{}));
}

TEST(SqliteSchema, TablesAreDescribed) {
  const auto pool = OpenMemory();
  MustExecute(*pool,
              "create table users (id integer primary key, email text not null, score real,"
              " twice real generated always as (score * 2))");
  MustExecute(*pool, "create view emails as select email from users");
  const auto lease = Acquire(*pool, Access::kRead);
  const auto users = Await((*lease)->DescribeTable({"", "users"}, {}));
  EXPECT_EQ(*users, (types::Schema{{"id", TypeId::kInt64, false},
                                   {"email", TypeId::kUtf8, false},
                                   {"score", TypeId::kFloat64, true},
                                   {"twice", TypeId::kFloat64, true}}));
  EXPECT_EQ(Await((*lease)->DescribeTable({"main", "emails"}, {}))->size(), 1U);
  EXPECT_EQ(*Await((*lease)->TableNames({})), (std::vector<std::string>{"emails", "users"}));
  const auto missing = Await((*lease)->DescribeTable({"", "usres"}, {}));
  ASSERT_FALSE(missing.has_value());
  EXPECT_EQ(missing.error().code, ErrorCode::kInvalidQuery);
  EXPECT_EQ(missing.error().message, "no such table \"usres\" (did you mean \"users\"?)");
}

TEST(SqliteSchema, PlansAreDrawnAsATree) {
  const auto pool = OpenMemory();
  MustExecute(*pool, "create table t (a integer primary key, b)");
  const auto lease = Acquire(*pool, Access::kRead);
  const std::vector<Value> params = {std::int64_t{1}};
  const auto plan = Await((*lease)->Explain(
      {"select * from t where a = ? union all select * from t order by b", params, {}}, false, {}));
  ASSERT_TRUE(plan.has_value()) << plan.error().message;
  EXPECT_NE(plan->find("SEARCH t USING INTEGER PRIMARY KEY"), std::string::npos) << *plan;
  EXPECT_NE(plan->find("\n├─ "), std::string::npos) << *plan;
  EXPECT_NE(plan->find("└─ "), std::string::npos) << *plan;
  EXPECT_TRUE(Await((*lease)->Explain({"delete from t", {}, {}}, false, {})).has_value());
  const auto analyzed = Await((*lease)->Explain({"select 1", {}, {}}, true, {}));
  EXPECT_EQ(analyzed.error().code, ErrorCode::kUnsupported);
}

}  // namespace
}  // namespace molt::db::sqlite
