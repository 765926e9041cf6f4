#include <sys/resource.h>

#include <cmath>
#include <csignal>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "molt/db/sqlite/sqlite_test_util.h"

namespace molt::db::sqlite {
namespace {

using types::Null;
using types::TypeId;
using types::Value;

Value Count(Pool& pool, const std::string& table = "t") {
  return Scalar(pool, "select count(*) from " + table);
}

ExecuteResult MustExecute(Pool& pool, std::string_view sql, const std::vector<Value>& params = {}) {
  const auto done = Execute(pool, sql, params);
  EXPECT_TRUE(done.has_value()) << sql << ": " << done.error().message;
  return done ? *done : ExecuteResult{};
}

TEST(SqliteExecute, TellsRowsAndTheNewRowsNumber) {
  const auto pool = OpenMemory();
  EXPECT_EQ(MustExecute(*pool, "create table t (a integer primary key, b unique)").rows_affected,
            0);
  ExecuteResult done = MustExecute(*pool, "insert into t (b) values (?), (?)", {true, Null{}});
  EXPECT_EQ(done.rows_affected, 2);
  EXPECT_EQ(done.last_insert_id, 2);
  done = MustExecute(*pool, "insert into t (b) values (5) returning a, b");
  EXPECT_EQ(done.last_insert_id, 3);
  done = MustExecute(*pool, "update t set b = a + 100");
  EXPECT_EQ(done.rows_affected, 3);
  EXPECT_FALSE(done.last_insert_id.has_value());
  done = MustExecute(*pool, "insert or ignore into t (b) values (101)");
  EXPECT_EQ(done.rows_affected, 0);
  EXPECT_FALSE(done.last_insert_id.has_value());
  done = MustExecute(*pool, "insert into t (b) values (101) on conflict do update set b = 102.5");
  EXPECT_EQ(done.rows_affected, 1);
  EXPECT_FALSE(done.last_insert_id.has_value());
  EXPECT_EQ(MustExecute(*pool, "create table u as select * from t").rows_affected, 0);
  EXPECT_EQ(MustExecute(*pool, "drop table if exists missing").rows_affected, 0);
  EXPECT_EQ(MustExecute(*pool, "delete from t").rows_affected, 3);
}

TEST(SqliteExecute, AFailedStatementLeavesNothing) {
  const auto pool = OpenMemory();
  MustExecute(*pool, "create table t (a integer primary key)");
  // OR FAIL would keep the rows before the one that fails.
  const auto done = Execute(*pool, "insert or fail into t values (1), (2), (1)");
  ASSERT_FALSE(done.has_value());
  EXPECT_EQ(done.error().code, ErrorCode::kDatabase);
  EXPECT_EQ(done.error().sqlstate, "SQLITE_CONSTRAINT_PRIMARYKEY");
  EXPECT_EQ(done.error().message, "UNIQUE constraint failed: t.a");
  EXPECT_EQ(Count(*pool), Value(std::int64_t{0}));
  EXPECT_FALSE(Execute(*pool, "insert or rollback into t values (1), (1)").has_value());
  EXPECT_EQ(MustExecute(*pool, "insert into t values (1)").rows_affected, 1);
}

TEST(SqliteExecute, ATimedOutOrCancelledWriteLeavesNothing) {
  const auto pool = OpenMemory();
  MustExecute(*pool, "create table t (a)");
  const char* endless =
      "insert into t with recursive c(x) as (select 1 union all select x + 1 from c) select x from "
      "c";
  ExecContext context;
  context.deadline = Deadline::After(std::chrono::milliseconds(50));
  EXPECT_EQ(Execute(*pool, endless, {}, context).error().code, ErrorCode::kTimeout);
  EXPECT_EQ(Count(*pool), Value(std::int64_t{0}));

  CancelSource source;
  std::thread canceller([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    source.Cancel();
  });
  EXPECT_EQ(Execute(*pool, endless, {}, {{}, source.Token()}).error().code, ErrorCode::kCancelled);
  canceller.join();
  EXPECT_EQ(Count(*pool), Value(std::int64_t{0}));
  EXPECT_EQ(MustExecute(*pool, "insert into t values (1)").rows_affected, 1);
}

TEST(SqliteInsert, EveryTypeComesBackAsItWas) {
  const auto pool = OpenMemory();
  MustExecute(*pool,
              "create table \"odd \"\"name\" (b bool, i integer, f real, s text, x blob,"
              " d date, h time, ts timestamp, tz timestamptz, \"m m\")");
  const std::vector<std::string> columns = {"b", "i", "f", "s", "x", "d", "h", "ts", "tz", "m m"};
  const types::Schema schema = {{"b", TypeId::kBool},         {"i", TypeId::kInt64},
                                {"f", TypeId::kFloat64},      {"s", TypeId::kUtf8},
                                {"x", TypeId::kBinary},       {"d", TypeId::kDate},
                                {"h", TypeId::kTime},         {"ts", TypeId::kTimestamp},
                                {"tz", TypeId::kTimestampTz}, {"m", TypeId::kUnknown}};
  const Rows rows = {
      {true, std::int64_t{1}, 0.5, std::string("é"), types::Bytes{"\xff"}, types::Date{-1},
       types::Time{1}, types::Timestamp{-1, false}, types::Timestamp{1, true}, std::int64_t{1}},
      std::vector<Value>(10, Null{}),
      {false, std::int64_t{-1}, -0.5, std::string(), types::Bytes{}, types::Date{1}, types::Time{0},
       types::Timestamp{1, false}, types::Timestamp{0, true}, std::string("two")},
  };
  VectorSource source({MakeBatch(schema, rows), MakeBatch(schema, {}), MakeBatch(schema, rows)});
  const auto inserted = Insert(*pool, "odd \"name", columns, source);
  ASSERT_TRUE(inserted.has_value()) << inserted.error().message;
  EXPECT_EQ(*inserted, 6);
  const auto answer = Query(*pool, "select * from \"odd \"\"name\" limit 3");
  EXPECT_EQ(answer->rows, rows);
}

TEST(SqliteInsert, TypesOfOtherEnginesAreStoredLikeTheirValues) {
  const auto pool = OpenMemory();
  MustExecute(*pool, "create table t (s, i, f, m, d, u, j, n, z)");
  const types::Schema schema = {
      {"s", TypeId::kInt16},   {"i", TypeId::kInt32},
      {"f", TypeId::kFloat32}, {"m", types::LogicalType::Decimal128(5, 2)},
      {"d", TypeId::kDecimal}, {"u", TypeId::kUuid},
      {"j", TypeId::kJson},    {"n", types::LogicalType::Network()},
      {"z", TypeId::kTimeTz}};
  const Rows rows = {
      {std::int64_t{1}, std::int64_t{-2}, 0.5, types::Decimal{"1.50"}, types::Decimal{"7"},
       types::Uuid{}, types::Json{"[]"}, types::Inet{"10.0.0.0/8", true}, types::TimeTz{0, 0}},
      std::vector<Value>(9, Null{})};
  VectorSource source({MakeBatch(schema, rows)});
  const auto inserted = Insert(*pool, "t", {"s", "i", "f", "m", "d", "u", "j", "n", "z"}, source);
  ASSERT_TRUE(inserted.has_value()) << inserted.error().message;
  const auto answer = Query(*pool, "select * from t");
  const Rows stored = {{std::int64_t{1}, std::int64_t{-2}, 0.5, 1.5, std::int64_t{7},
                        std::string("00000000-0000-0000-0000-000000000000"), std::string("[]"),
                        std::string("10.0.0.0/8"), std::string("00:00:00+00:00")},
                       std::vector<Value>(9, Null{})};
  EXPECT_EQ(answer->rows, stored);
}

TEST(SqliteInsert, AListNamesItsColumnAndRow) {
  const auto pool = OpenMemory();
  MustExecute(*pool, "create table t (a)");
  VectorSource source({MakeBatch({{"a", types::LogicalType::ListOf(TypeId::kInt64)}},
                                 {{Null{}}, {types::List()}})});
  const auto inserted = Insert(*pool, "t", {"a"}, source);
  ASSERT_FALSE(inserted.has_value());
  EXPECT_EQ(inserted.error().code, ErrorCode::kUnsupported);
  EXPECT_EQ(inserted.error().message.find("the value for column \"a\" is a list"), 0U);
  EXPECT_NE(inserted.error().message.find("(row 2)"), std::string::npos);
}

TEST(SqliteInsert, AFailingRowIsNamedAndNothingStays) {
  const auto pool = OpenMemory();
  MustExecute(*pool, "create table t (a integer unique, f real)");
  const types::Schema schema = {{"a", TypeId::kInt64}, {"f", TypeId::kFloat64}};
  const Rows good = {{std::int64_t{1}, 1.0}, {std::int64_t{2}, 1.0}};
  const std::vector<std::pair<Rows, std::string>> cases = {
      {{{std::int64_t{3}, 1.0}, {std::int64_t{2}, 1.0}}, "UNIQUE constraint failed: t.a (row 4)"},
      {{{std::int64_t{3}, static_cast<double>(NAN)}},
       "the value for column \"f\" is NaN, which SQLite would store as NULL (row 3)"},
  };
  for (const auto& [bad, message] : cases) {
    VectorSource source({MakeBatch(schema, good), MakeBatch(schema, bad)});
    const auto inserted = Insert(*pool, "t", {"a", "f"}, source);
    ASSERT_FALSE(inserted.has_value());
    EXPECT_EQ(inserted.error().message, message);
    EXPECT_EQ(Count(*pool), Value(std::int64_t{0}));
  }
  VectorSource source({MakeBatch(schema, good)});
  EXPECT_EQ(Insert(*pool, "t", {"a", "f"}, source), 2);
}

TEST(SqliteInsert, WrongNamesAndShapesAreErrors) {
  const auto pool = OpenMemory();
  MustExecute(*pool, "create table users (id integer, email text)");
  const types::Schema schema = {{"a", TypeId::kInt64}};
  const auto attempt = [&](const std::string& table, const std::vector<std::string>& columns) {
    VectorSource source({MakeBatch(schema, {{std::int64_t{1}}})});
    const auto inserted = Insert(*pool, table, columns, source);
    EXPECT_FALSE(inserted.has_value());
    EXPECT_EQ(inserted.error().code, ErrorCode::kInvalidQuery);
    return inserted.error().message;
  };
  EXPECT_EQ(attempt("usres", {"id"}), "no such table: usres (did you mean \"users\"?)");
  EXPECT_EQ(attempt("users", {"emial"}),
            "table users has no column named emial (did you mean \"email\"?)");
  EXPECT_EQ(attempt("users", {"id", "email"}), "a batch has 1 columns, 2 are to be inserted");
  EXPECT_EQ(attempt("users", {}), "there are no columns to insert into");
  EXPECT_EQ(attempt("users", {std::string("i\0d", 3)}),
            "a table or column name contains a zero byte");
  EXPECT_EQ(attempt("users\"; drop table users; --", {"id"}).find("no such table"), 0U);
  EXPECT_EQ(Count(*pool, "users"), Value(std::int64_t{0}));
}

// Fails, or cancels, after some batches.
class TroubledSource : public BatchSource {
 public:
  TroubledSource(types::RecordBatchPtr batch, CancelSource* cancel)
      : batch_(std::move(batch)), cancel_(cancel) {}
  Result<types::RecordBatchPtr> Next() override {
    if (++calls_ < 3) return batch_;
    if (cancel_ == nullptr) return InvalidQuery("the rows ran out");
    cancel_->Cancel();
    return batch_;
  }

 private:
  types::RecordBatchPtr batch_;
  CancelSource* cancel_;
  int calls_ = 0;
};

TEST(SqliteInsert, AFailingSourceAndACancelLeaveNothing) {
  const auto pool = OpenMemory();
  MustExecute(*pool, "create table t (a)");
  const auto batch = MakeBatch({{"a", TypeId::kInt64}}, Rows(5000, {std::int64_t{1}}));
  TroubledSource failing(batch, nullptr);
  EXPECT_EQ(Insert(*pool, "t", {"a"}, failing).error().message, "the rows ran out");
  CancelSource cancel;
  TroubledSource cancelled(batch, &cancel);
  EXPECT_EQ(Insert(*pool, "t", {"a"}, cancelled, {{}, cancel.Token()}).error().code,
            ErrorCode::kCancelled);
  EXPECT_EQ(Count(*pool), Value(std::int64_t{0}));
  EXPECT_EQ(MustExecute(*pool, "insert into t values (1)").rows_affected, 1);
}

TEST(SqliteInsert, AFullDiskIsAnErrorAndLeavesNothing) {
  const TemporaryFolder folder;
  const auto pool = OpenFile(folder.File("data.db"));
  MustExecute(*pool, "create table t (a)");
  const auto batch = MakeBatch({{"a", TypeId::kUtf8}}, Rows(20000, {std::string(1000, 'x')}));
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto old_handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit limited = before;
  limited.rlim_cur = 1 << 20;
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &limited), 0);
  VectorSource source({batch});
  const auto inserted = Insert(*pool, "t", {"a"}, source);
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
  std::signal(SIGXFSZ, old_handler);
  ASSERT_FALSE(inserted.has_value());
  EXPECT_EQ(inserted.error().code, ErrorCode::kDatabase);
  EXPECT_EQ(Count(*pool), Value(std::int64_t{0}));
  VectorSource again({batch});
  EXPECT_EQ(Insert(*pool, "t", {"a"}, again), 20000);
}

}  // namespace
}  // namespace molt::db::sqlite
