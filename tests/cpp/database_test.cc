// engine::Database over the SQLite driver: the whole way of a query, without Python.
#include "molt/engine/database.h"

#include <condition_variable>
#include <mutex>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "molt/db/sqlite/sqlite_pool.h"

namespace molt::engine {
namespace {

using query::Expr;
using query::From;
using query::Query;
using query::Table;
using ::testing::HasSubstr;

class DatabaseTest : public ::testing::Test {
 protected:
  DatabaseTest() {
    db::sqlite::SqliteOptions options;
    options.memory = true;
    database_ =
        std::make_unique<Database>(db::sqlite::OpenSqlite(options).value(), DatabaseOptions{});
    Run("create table users (id integer primary key, email text not null, age integer)");
    Run("insert into users values (1, 'a@austin.edu', 30), (2, 'b@x.org', null), "
        "(3, 'c@austin.edu', 41)");
  }

  Result<db::ExecuteResult> TryRun(const std::string& sql) {
    return database_->RunBlocking<db::ExecuteResult>(
        database_->Execute(Query::FromRaw(Expr::Raw(sql, {})), {}));
  }
  void Run(const std::string& sql) {
    const auto result = TryRun(sql);
    ASSERT_TRUE(result) << result.error().message;
  }
  Result<Batches> Fetch(const Query& query, const db::ExecContext& context = {}) {
    return database_->RunBlocking<Batches>(database_->Fetch(query, false, context));
  }

  // Counts for ever.
  static Query Runaway() {
    return Query::FromRaw(Expr::Raw(
        "with recursive n(i) as (select 1 union all select i + 1 from n) select count(*) from n",
        {}));
  }

  Table users_{"users"};
  std::unique_ptr<Database> database_;
};

TEST_F(DatabaseTest, RunsAQueryOnTheCallingThread) {
  const auto batches = Fetch(From(users_)
                                 .Where(users_["email"].EndsWith("@austin.edu"))
                                 .Select({users_["id"]})
                                 .OrderBy({users_["id"].Desc()}));
  ASSERT_TRUE(batches) << batches.error().message;
  ASSERT_EQ(batches->size(), 1U);
  const types::RecordBatch& batch = *batches->front();
  ASSERT_EQ(batch.num_rows, 2);
  EXPECT_EQ(batch.columns[0].ValueAt(0), types::Value(std::int64_t{3}));
  EXPECT_EQ(batch.columns[0].ValueAt(1), types::Value(std::int64_t{1}));
}

TEST_F(DatabaseTest, ManyRequestsRunOnItsThreads) {
  constexpr int kRequests = 200;
  std::mutex mutex;
  std::condition_variable all_done;
  int done = 0;
  int right = 0;
  for (int i = 0; i < kRequests; ++i) {
    const std::int64_t id = i % 3 + 1;
    const Query query = From(users_).Where(users_["id"] == id).Select({users_["id"]});
    database_->Submit<Batches>(
        database_->Fetch(query, false, {}), [&, id](const Result<Batches>& batches) {
          const bool is_right = batches && batches->front()->num_rows == 1 &&
                                batches->front()->columns[0].ValueAt(0) == types::Value(id);
          const std::lock_guard lock(mutex);
          right += is_right ? 1 : 0;
          if (++done == kRequests) all_done.notify_one();
        });
  }
  std::unique_lock lock(mutex);
  ASSERT_TRUE(all_done.wait_for(lock, std::chrono::seconds(60), [&] { return done == kRequests; }));
  EXPECT_EQ(right, kRequests);
}

TEST_F(DatabaseTest, NamesTheNearestColumnOfAnOpenTable) {
  const auto batches = Fetch(From(users_).Where(users_["emial"] == "x"));
  ASSERT_FALSE(batches);
  EXPECT_EQ(batches.error().code, ErrorCode::kInvalidQuery);
  EXPECT_THAT(batches.error().message, HasSubstr("did you mean \"email\"?"));
}

TEST_F(DatabaseTest, NamesTheNearestTable) {
  const Table table("usres");
  const auto batches = Fetch(From(table));
  ASSERT_FALSE(batches);
  EXPECT_THAT(batches.error().message, HasSubstr("did you mean \"users\"?"));
}

TEST_F(DatabaseTest, SeesATableThatChangedUnderACachedQuery) {
  const Query query = From(users_).Select({users_["id"]}).Limit(1);
  ASSERT_TRUE(Fetch(query));
  Run("alter table users rename column id to number");
  EXPECT_FALSE(Fetch(query));
  const auto renamed = Fetch(From(users_).Select({users_["number"]}));
  EXPECT_TRUE(renamed) << renamed.error().message;
}

TEST_F(DatabaseTest, StopsAtTheDeadline) {
  db::ExecContext context;
  context.deadline = Deadline::After(std::chrono::milliseconds(30));
  const auto batches = Fetch(Runaway(), context);
  ASSERT_FALSE(batches);
  EXPECT_EQ(batches.error().code, ErrorCode::kTimeout);
  EXPECT_TRUE(Fetch(From(users_)));  // service is back
}

TEST_F(DatabaseTest, StopsWhenCancelled) {
  CancelSource source;
  db::ExecContext context;
  context.cancel = source.Token();
  std::mutex mutex;
  std::condition_variable done;
  std::optional<Result<Batches>> outcome;
  database_->Submit<Batches>(database_->Fetch(Runaway(), false, context),
                             [&](Result<Batches> result) {
                               const std::lock_guard lock(mutex);
                               outcome = std::move(result);
                               done.notify_one();
                             });
  source.Cancel();
  std::unique_lock lock(mutex);
  ASSERT_TRUE(done.wait_for(lock, std::chrono::seconds(30), [&] { return outcome.has_value(); }));
  ASSERT_FALSE(outcome->has_value());
  EXPECT_EQ(outcome->error().code, ErrorCode::kCancelled);
}

TEST_F(DatabaseTest, TriesOnlyWhatItHasSeenBefore) {
  const Query query = From(users_).Select({users_["id"]}).Limit(1);
  EXPECT_FALSE(database_->TryFetch(query, false, {}).has_value());
  ASSERT_TRUE(Fetch(query));
  const auto tried = database_->TryFetch(query, false, {});
  ASSERT_TRUE(tried.has_value());
  ASSERT_TRUE(tried->has_value());
  EXPECT_EQ((**tried).front()->num_rows, 1);
}

TEST_F(DatabaseTest, ATrialThatTakesTooLongIsGivenUpAndNotRepeatedAtOnce) {
  // The structure is known, but has not come to an end yet.
  db::ExecContext short_time;
  short_time.deadline = Deadline::After(std::chrono::milliseconds(1));
  ASSERT_FALSE(Fetch(Runaway(), short_time));
  EXPECT_FALSE(database_->TryFetch(Runaway(), false, {}).has_value());
  EXPECT_FALSE(database_->TryFetch(Runaway(), false, {}).has_value());
  EXPECT_TRUE(Fetch(From(users_)));  // the connection is as good as before
}

TEST_F(DatabaseTest, ATrialDoesNotWaitForAConnection) {
  const Query query = From(users_).Select({users_["id"]});
  ASSERT_TRUE(Fetch(query));
  std::vector<std::unique_ptr<Cursor>> all;
  for (int i = 0; i < 4; ++i) {
    auto cursor = database_->RunBlocking<std::unique_ptr<Cursor>>(
        database_->Open(query, db::BatchLimits{.rows = 1, .bytes = 1 << 20}, {}));
    ASSERT_TRUE(cursor) << cursor.error().message;
    all.push_back(std::move(*cursor));
  }
  EXPECT_FALSE(database_->TryFetch(query, false, {}).has_value());
  all.clear();
  EXPECT_TRUE(database_->TryFetch(query, false, {}).has_value());
}

TEST_F(DatabaseTest, AFailedStatementLeavesNothing) {
  const auto failed = TryRun("insert into users values (9, 'z', 1), (1, 'twice', 1)");
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().sqlstate, "SQLITE_CONSTRAINT_PRIMARYKEY");
  const auto batches = Fetch(From(users_).Where(users_["id"] == 9));
  ASSERT_TRUE(batches);
  EXPECT_EQ(batches->front()->num_rows, 0);
}

TEST_F(DatabaseTest, RefusesWorkAfterClose) {
  database_->Close();
  const auto batches = Fetch(From(users_));
  ASSERT_FALSE(batches);
  EXPECT_EQ(batches.error().code, ErrorCode::kClosed);
}

TEST_F(DatabaseTest, ACursorReadsBatchesOfTheSizeAskedFor) {
  const db::BatchLimits limits{.rows = 2, .bytes = 1 << 20};
  auto cursor =
      database_->RunBlocking<std::unique_ptr<Cursor>>(database_->Open(From(users_), limits, {}));
  ASSERT_TRUE(cursor) << cursor.error().message;
  const std::shared_ptr<Cursor> shared = std::move(*cursor);
  std::vector<std::int64_t> sizes;
  while (true) {
    const auto batch = database_->RunBlocking<types::RecordBatchPtr>(NextBatch(shared, {}));
    ASSERT_TRUE(batch) << batch.error().message;
    if (!*batch) break;
    sizes.push_back((*batch)->num_rows);
  }
  EXPECT_THAT(sizes, ::testing::ElementsAre(2, 1));
}

}  // namespace
}  // namespace molt::engine
