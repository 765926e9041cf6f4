// Reads that share one connection: many in flight, each with its own outcome.
#include <chrono>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "molt/db/postgres/pg_testing.h"

namespace molt::db::postgres {
namespace {

using namespace std::chrono_literals;

using Outcome = std::shared_ptr<std::optional<Result<std::int64_t>>>;

class PgPipelineTest : public ::testing::Test {
 protected:
  PgPipelineTest() {
    PostgresOptions options;
    options.conninfo = ServerFor();
    options.connections_max = 1;
    auto pool = OpenPostgres(options);
    EXPECT_TRUE(pool) << pool.error().message;
    pool_ = *pool;
    // Only what is known to be quick is sent early.
    for (int i = 0; i < 3; ++i) WaitFor({Start(i, 1, 0)});
  }

  // SELECT 60 / `divisor` + `n`, after a sleep.
  static Async<std::int64_t> Ask(std::shared_ptr<Pool> pool, std::int64_t n, std::int64_t divisor,
                                 double sleep, ExecContext context) {
    const std::string sql = "SELECT 60 / $2::int8 + $1::int8, pg_sleep($3::float8)::text";
    const std::vector<types::Value> params = {n, divisor, sleep};
    const Statement statement{sql, params, {}};
    const BatchLimits limits;
    MOLT_CO_ASSIGN(const Lease lease, co_await pool->AcquireForRead(statement, limits, context));
    MOLT_CO_ASSIGN(const auto stream, co_await lease->Query(statement, limits, context));
    MOLT_CO_ASSIGN(const types::RecordBatchPtr batch, co_await stream->Next(context));
    co_return std::get<std::int64_t>(batch->columns[0].ValueAt(0));
  }

  Outcome Start(std::int64_t n, std::int64_t divisor, double sleep, CancelToken cancel = {},
                std::optional<std::chrono::milliseconds> timeout = {}) {
    ExecContext context;
    context.reactor = &reactor_;
    context.cancel = std::move(cancel);
    if (timeout) context.deadline = Deadline::After(*timeout);
    auto outcome = std::make_shared<std::optional<Result<std::int64_t>>>();
    asio::co_spawn(InlineExecutor(executor_context_), Ask(pool_, n, divisor, sleep, context),
                   [outcome](const std::exception_ptr& failure, Result<std::int64_t> result) {
                     if (failure) std::rethrow_exception(failure);
                     *outcome = std::move(result);
                   });
    return outcome;
  }
  void WaitFor(const std::vector<Outcome>& outcomes) {
    const Deadline deadline = Deadline::After(30s);
    for (const Outcome& outcome : outcomes) {
      while (!outcome->has_value() && !deadline.HasPassed()) {
        pollfd entry{reactor_.fd(), POLLIN, 0};
        poll(&entry, 1, 1000);
        reactor_.Poll();
      }
      ASSERT_TRUE(outcome->has_value()) << "it hangs";
    }
  }

  asio::execution_context executor_context_;
  Reactor reactor_;
  std::shared_ptr<Pool> pool_;
};

void ExpectAnswer(const Outcome& outcome, std::int64_t value) {
  ASSERT_TRUE(**outcome) << (*outcome)->error().message;
  EXPECT_EQ((*outcome)->value(), value);
}

TEST_F(PgPipelineTest, EachGetsItsOwnAnswer) {
  std::vector<Outcome> outcomes;
  for (int i = 0; i < 50; ++i) outcomes.push_back(Start(i, 2, 0));
  WaitFor(outcomes);
  for (int i = 0; i < 50; ++i) ExpectAnswer(outcomes[static_cast<std::size_t>(i)], 30 + i);
}

TEST_F(PgPipelineTest, AnErrorIsOfItsOwnRequestOnly) {
  std::vector<Outcome> outcomes;
  for (int i = 0; i < 50; ++i) outcomes.push_back(Start(i, i % 3, 0));
  WaitFor(outcomes);
  for (int i = 0; i < 50; ++i) {
    const Outcome& outcome = outcomes[static_cast<std::size_t>(i)];
    if (i % 3 == 0) {
      ASSERT_FALSE(**outcome);
      EXPECT_EQ((*outcome)->error().sqlstate, "22012");
    } else {
      ExpectAnswer(outcome, 60 / (i % 3) + i);
    }
  }
}

TEST_F(PgPipelineTest, WhoGivesUpHitsNobodyElse) {
  for (int round = 0; round < 20; ++round) {
    // One that turns out to be slow, in each place of the pipeline in turn.
    const int slow = round % 8;
    CancelSource cancel;
    std::vector<Outcome> outcomes;
    for (int i = 0; i < 16; ++i) {
      outcomes.push_back(i == slow ? Start(i, 1, 30, cancel.Token(), 20ms) : Start(i, 1, 0));
    }
    if (round % 2 == 1) cancel.Cancel();
    WaitFor(outcomes);
    for (int i = 0; i < 16; ++i) {
      const Outcome& outcome = outcomes[static_cast<std::size_t>(i)];
      if (i == slow) {
        ASSERT_FALSE(**outcome);
        EXPECT_EQ((*outcome)->error().code,
                  round % 2 == 1 ? ErrorCode::kCancelled : ErrorCode::kTimeout);
      } else {
        ExpectAnswer(outcome, 60 + i);
      }
    }
  }
}

TEST_F(PgPipelineTest, ALostConnectionIsNoOnesAnswer) {
  const auto killer = OpenPostgres([] {
    PostgresOptions options;
    options.conninfo = ServerFor();
    return options;
  }());
  ASSERT_TRUE(killer);
  std::vector<Outcome> outcomes;
  for (int i = 0; i < 12; ++i) outcomes.push_back(Start(i, 1, i == 0 ? 0.2 : 0));
  const auto killed =
      Await(Write(*killer,
                  "DO $$ BEGIN PERFORM pg_terminate_backend(pid) FROM pg_stat_activity WHERE "
                  "query LIKE 'SELECT 60 /%' AND state = 'active'; END $$"));
  ASSERT_TRUE(killed) << killed.error().message;
  WaitFor(outcomes);
  for (int i = 0; i < 12; ++i) {
    const Outcome& outcome = outcomes[static_cast<std::size_t>(i)];
    if (i == 0 && !**outcome) {
      EXPECT_EQ((*outcome)->error().code, ErrorCode::kDatabase);
    } else {
      ExpectAnswer(outcome, 60 + i);
    }
  }
}

}  // namespace
}  // namespace molt::db::postgres
