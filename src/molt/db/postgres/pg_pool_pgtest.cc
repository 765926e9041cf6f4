#include <chrono>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "molt/db/postgres/pg_testing.h"

namespace molt::db::postgres {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// The same with a thread that blocks, and with a reactor that is polled.
class PgPoolTest : public ::testing::TestWithParam<bool> {
 protected:
  std::shared_ptr<Pool> Open(int connections, std::size_t statements = 256) {
    PostgresOptions options;
    options.conninfo = ServerFor();
    options.connections_max = connections;
    options.statement_cache_size = statements;
    options.busy_wait_max = Seconds(0.2);
    auto pool = OpenPostgres(options);
    EXPECT_TRUE(pool) << pool.error().message;
    return pool.value();
  }
  Reactor* reactor() { return GetParam() ? &reactor_ : nullptr; }
  ExecContext Context(std::optional<std::chrono::milliseconds> timeout = {}) {
    ExecContext context;
    context.reactor = reactor();
    if (timeout) context.deadline = Deadline::After(*timeout);
    return context;
  }
  Result<Rows> Read(const std::shared_ptr<Pool>& pool, std::string sql,
                    std::vector<types::Value> params = {}, BatchLimits limits = {}) {
    return Await(ReadAll(pool, std::move(sql), std::move(params), Context(), limits), reactor());
  }

  Reactor reactor_;
};

INSTANTIATE_TEST_SUITE_P(, PgPoolTest, ::testing::Bool(),
                         [](const auto& mode) { return mode.param ? "OnAReactor" : "Blocking"; });

TEST_P(PgPoolTest, ReadsTheSameColdAndWarm) {
  const auto pool = Open(1);
  for (int i = 0; i < 3; ++i) {
    const auto rows = Read(pool, "SELECT $1::int8 + 1, $2::text || 'x', NULL::bool",
                           {std::int64_t{41}, std::string("a")});
    ASSERT_TRUE(rows) << rows.error().message;
    EXPECT_THAT(rows->at(0),
                ElementsAre(types::Value(std::int64_t{42}), types::Value(std::string("ax")),
                            types::Value(types::Null{})));
  }
}

TEST_P(PgPoolTest, KeepsNoStatementsForAPooler) {
  const auto pool = Open(1, 0);
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(Read(pool, "SELECT 1"));
  const auto rows = Read(pool, "SELECT count(*) FROM pg_prepared_statements");
  EXPECT_EQ(rows->at(0).at(0), types::Value(std::int64_t{0}));
}

TEST_P(PgPoolTest, CutsBatchesAndReadsThemAll) {
  const auto pool = Open(1);
  BatchLimits limits;
  limits.rows = 7;
  const auto rows = Read(pool, "SELECT g FROM generate_series(1, 1000) AS g", {}, limits);
  ASSERT_TRUE(rows);
  ASSERT_EQ(rows->size(), 1000U);
  EXPECT_EQ(rows->back().at(0), types::Value(std::int64_t{1000}));
}

TEST_P(PgPoolTest, AFailedStatementLeavesAGoodConnection) {
  const auto pool = Open(1);
  const auto failed = Read(pool, "SELECT 1 / (g - 500) FROM generate_series(1, 1000) AS g");
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().sqlstate, "22012");
  EXPECT_TRUE(Read(pool, "SELECT 1"));
}

TEST_P(PgPoolTest, WritesAreRefusedAsReads) {
  const auto pool = Open(1);
  // As below: a table for each mode.
  const std::string table = GetParam() ? "unwritten_on_reactor" : "unwritten_blocking";
  const std::string create = "CREATE TABLE IF NOT EXISTS " + table + " (a int)";
  ASSERT_TRUE(Await(Write(pool, create, {}, Context()), reactor()));
  const auto refused = Read(pool, "INSERT INTO " + table + " VALUES (1) RETURNING a");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kInvalidQuery);
  EXPECT_EQ(Read(pool, "SELECT count(*) FROM " + table)->at(0).at(0),
            types::Value(std::int64_t{0}));
}

TEST_P(PgPoolTest, ADeadlineStopsTheBackendAndTheConnectionComesBack) {
  const auto pool = Open(1);
  // Another one's text than that of the test in the other mode, which may run meanwhile.
  const std::string sql = GetParam() ? "SELECT pg_sleep(30)" : "SELECT pg_sleep(31)";
  const auto slept = Await(ReadAll(pool, sql, {}, Context(50ms)), reactor());
  ASSERT_FALSE(slept);
  EXPECT_EQ(slept.error().code, ErrorCode::kTimeout);
  // The only connection: this waits until it has been made clean again.
  EXPECT_EQ(Read(pool, "SELECT count(*) FROM pg_stat_activity WHERE query = '" + sql +
                           "' AND state = 'active'")
                ->at(0)
                .at(0),
            types::Value(std::int64_t{0}));
}

TEST_P(PgPoolTest, CancellingEndsTheQuery) {
  const auto pool = Open(1);
  CancelSource source;
  ExecContext context = Context();
  context.cancel = source.Token();
  std::thread canceller([&] {
    std::this_thread::sleep_for(50ms);
    source.Cancel();
  });
  const auto slept = Await(ReadAll(pool, "SELECT pg_sleep(30)", {}, context), reactor());
  canceller.join();
  ASSERT_FALSE(slept);
  EXPECT_EQ(slept.error().code, ErrorCode::kCancelled);
  EXPECT_TRUE(Read(pool, "SELECT 1"));
}

TEST_P(PgPoolTest, AStreamThatIsDroppedGivesItsConnectionBack) {
  const auto pool = Open(1);
  {
    const auto lease = Await(pool->Acquire(Access::kRead, Context()), reactor());
    ASSERT_TRUE(lease);
    const Statement statement{"SELECT repeat('x', 1000) FROM generate_series(1, 1000000)", {}, {}};
    BatchLimits limits;
    limits.rows = 10;
    const ExecContext context = Context();
    auto stream = Await((*lease)->Query(statement, limits, context), reactor());
    ASSERT_TRUE(stream);
    EXPECT_EQ(Await((*stream)->Next(context), reactor()).value()->num_rows, 10);
  }
  EXPECT_TRUE(Read(pool, "SELECT 1"));
}

TEST_P(PgPoolTest, WaitsForAConnectionAndThenSaysWhyNot) {
  const auto pool = Open(1);
  const auto held = Await(pool->Acquire(Access::kRead, Context()), reactor());
  ASSERT_TRUE(held);
  const auto refused = Await(pool->Acquire(Access::kRead, Context()), reactor());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kBusy);
  EXPECT_THAT(refused.error().message, HasSubstr("1 open, 0 idle, 1 in use"));
}

TEST_P(PgPoolTest, WhatASessionKeepsDoesNotReachTheNextUser) {
  const auto pool = Open(1);
  for (const char* sql : {"SET search_path = nowhere", "CREATE TEMP TABLE leaves (a int)",
                          "DO $$ BEGIN EXECUTE 'LISTEN leaves'; END $$"}) {
    ASSERT_TRUE(Await(Write(pool, sql, {}, Context()), reactor())) << sql;
  }
  const auto rows = Read(pool,
                         "SELECT current_setting('search_path'), to_regclass('leaves') IS NULL, "
                         "(SELECT count(*) FROM pg_listening_channels())");
  ASSERT_TRUE(rows) << rows.error().message;
  EXPECT_NE(rows->at(0).at(0), types::Value(std::string("nowhere")));
  EXPECT_EQ(rows->at(0).at(1), types::Value(true));
  EXPECT_EQ(rows->at(0).at(2), types::Value(std::int64_t{0}));
}

TEST_P(PgPoolTest, AStatementWhoseTableChangedIsMadeAnew) {
  const auto pool = Open(2);
  // Its own: the other case of this test may run at the same time, on the same server.
  const std::string table = GetParam() ? "changes_on_reactor" : "changes_blocking";
  const std::string select = "SELECT * FROM " + table;
  const auto write = [&](const std::string& sql) {
    ASSERT_TRUE(Await(Write(pool, sql, {}, Context()), reactor())) << sql;
  };
  write("DROP TABLE IF EXISTS " + table);
  write("CREATE TABLE " + table + " (a int)");
  write("INSERT INTO " + table + " VALUES (7)");
  EXPECT_EQ(Read(pool, select)->at(0), Rows::value_type{std::int64_t{7}});
  write("ALTER TABLE " + table + " ALTER a TYPE text");
  EXPECT_EQ(Read(pool, select)->at(0), Rows::value_type{std::string("7")});
  write("ALTER TABLE " + table + " ADD b bool");
  EXPECT_EQ(Read(pool, select)->at(0).size(), 2U);
}

TEST_P(PgPoolTest, OverTls) {
  PostgresOptions options;
  options.conninfo = ServerFor("MOLT_TEST_POSTGRES_TLS");
  options.connections_max = 1;
  auto pool = OpenPostgres(options);
  ASSERT_TRUE(pool) << pool.error().message;
  EXPECT_EQ(Read(*pool, "SELECT repeat('x', 3000000)")->at(0).at(0),
            types::Value(std::string(3'000'000, 'x')));
  const auto slept = Await(ReadAll(*pool, "SELECT pg_sleep(30)", {}, Context(50ms)), reactor());
  EXPECT_EQ(slept.error().code, ErrorCode::kTimeout);
  EXPECT_TRUE(Read(*pool, "SELECT 1"));
}

}  // namespace
}  // namespace molt::db::postgres
