#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "molt/db/sqlite/sqlite_handle.h"
#include "molt/db/sqlite/sqlite_test_util.h"

namespace molt::db::sqlite {
namespace {

using std::chrono::milliseconds;
using types::Value;

constexpr const char* kEndless =
    "with recursive c(x) as (select 1 union all select x + 1 from c) select sum(x) from c";

Error OpenError(const std::string& path, OpenMode mode = OpenMode::kReadWrite) {
  SqliteOptions options;
  options.path = path;
  options.mode = mode;
  auto pool = OpenSqlite(options);
  EXPECT_FALSE(pool.has_value());
  return pool ? Error{} : pool.error();
}

TEST(SqliteOpen, AMissingFileIsAnErrorAndIsNotCreated) {
  const TemporaryFolder folder;
  const std::string path = folder.File("missing.db");
  for (const OpenMode mode : {OpenMode::kReadOnly, OpenMode::kReadWrite}) {
    const Error error = OpenError(path, mode);
    EXPECT_EQ(error.code, ErrorCode::kDatabase);
    EXPECT_EQ(error.message, "there is no file \"" + path +
                                 "\"; to create the database, add ?mode=rwc to the URL");
    EXPECT_FALSE(std::filesystem::exists(path));
  }
  OpenFile(path);
  EXPECT_TRUE(std::filesystem::exists(path));
}

TEST(SqliteOpen, WhatIsNoDatabaseIsSaid) {
  const TemporaryFolder folder;
  std::ofstream(folder.File("text")) << std::string(5000, 'x');
  const Error error = OpenError(folder.File("text"));
  EXPECT_EQ(error.sqlstate, "SQLITE_NOTADB");
  EXPECT_EQ(error.message.find("the file is not a database or is damaged"), 0U) << error.message;
  EXPECT_EQ(OpenError(folder.File("")).message,
            "\"" + folder.File("") + "\" is a folder, not a database");
  EXPECT_NE(OpenError(folder.File("no/such/folder.db"), OpenMode::kReadWriteCreate)
                .message.find("cannot open"),
            std::string::npos);
}

TEST(SqliteOpen, ADamagedFileIsAnErrorAndOthersStillWork) {
  const TemporaryFolder folder;
  const std::string path = folder.File("data.db");
  {
    const auto pool = OpenFile(path);
    ASSERT_TRUE(Execute(*pool, "create table t (a)").has_value());
    ASSERT_TRUE(Execute(*pool, "insert into t values (1)").has_value());
  }
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(4096);
  file << std::string(4096, '\x55');
  file.close();
  const auto pool = OpenFile(path);
  const auto answer = Query(*pool, "select * from t");
  ASSERT_FALSE(answer.has_value());
  EXPECT_EQ(answer.error().code, ErrorCode::kDatabase);
  EXPECT_EQ(Scalar(*pool, "select 1"), Value(std::int64_t{1}));
}

TEST(SqliteOpen, OddPathsAreTakenAsTheyAre) {
  const TemporaryFolder folder;
  const std::string path = folder.File("odd?mode=rwc#100%41 ü.db");
  OpenFile(path);
  EXPECT_TRUE(std::filesystem::exists(path));
}

TEST(SqlitePool, DatabasesInMemoryAreSharedWithinAPoolOnly) {
  const auto one = OpenMemory();
  const auto two = OpenMemory();
  ASSERT_TRUE(Execute(*one, "create table t (a)").has_value());
  const auto lease = Acquire(*one, Access::kRead);
  EXPECT_TRUE(Query(*one, "select * from t").has_value());  // on a second reader
  EXPECT_FALSE(Query(*two, "select * from t").has_value());
  EXPECT_TRUE(one->IsProcessLocal());
  EXPECT_TRUE(one->IsBlocking());
  EXPECT_EQ(one->DialectName(), "sqlite");
}

TEST(SqlitePool, WaitsForAConnectionAndSaysWhatItSaw) {
  SqliteOptions options;
  options.max_readers = 2;
  options.busy_wait_max = milliseconds(30);
  const auto pool = OpenMemory(options);
  auto first = Acquire(*pool, Access::kRead);
  const auto second = Acquire(*pool, Access::kRead);
  const auto third = Acquire(*pool, Access::kRead);
  ASSERT_FALSE(third.has_value());
  EXPECT_EQ(third.error().code, ErrorCode::kBusy);
  EXPECT_TRUE(third.error().retryable);
  EXPECT_EQ(third.error().message,
            "no free connection after 0.0 s: 2 open, 0 idle, 2 in use, 1 waiting (max_readers=2)");
  ExecContext hurried;
  hurried.deadline = Deadline::After(milliseconds(5));
  EXPECT_EQ(Acquire(*pool, Access::kRead, hurried).error().code, ErrorCode::kTimeout);
  EXPECT_TRUE(Acquire(*pool, Access::kWrite).has_value());
  *first = Lease();
  EXPECT_TRUE(Acquire(*pool, Access::kRead).has_value());
}

TEST(SqlitePool, AWaitingCallerGetsTheNextConnection) {
  SqliteOptions options;
  options.max_readers = 1;
  const auto pool = OpenMemory(options);
  auto held = Acquire(*pool, Access::kRead);
  std::thread waiter([&] { EXPECT_TRUE(Query(*pool, "select 1").has_value()); });
  std::this_thread::sleep_for(milliseconds(20));
  *held = Lease();
  waiter.join();
}

TEST(SqlitePool, CancelAndCloseEndTheWait) {
  SqliteOptions options;
  options.max_readers = 1;
  const auto pool = OpenMemory(options);
  const auto held = Acquire(*pool, Access::kRead);
  CancelSource source;
  std::thread cancelled([&] {
    const auto lease = Acquire(*pool, Access::kRead, {{}, source.Token()});
    EXPECT_EQ(lease.error().code, ErrorCode::kCancelled);
  });
  std::this_thread::sleep_for(milliseconds(20));
  source.Cancel();
  cancelled.join();
  std::thread closed(
      [&] { EXPECT_EQ(Acquire(*pool, Access::kRead).error().code, ErrorCode::kClosed); });
  std::this_thread::sleep_for(milliseconds(20));
  pool->Close();
  closed.join();
  EXPECT_EQ(Acquire(*pool, Access::kWrite).error().code, ErrorCode::kClosed);
  // What is still leased works until it comes back.
  const auto stream = Await((*held)->Query({"select 1", {}, {}}, {}, {}));
  EXPECT_EQ(Drain(**stream)->rows.size(), 1U);
}

TEST(SqlitePool, DeadlineAndCancelStopARunningQuery) {
  const auto pool = OpenMemory();
  ExecContext context;
  context.deadline = Deadline::After(milliseconds(50));
  const auto late = Query(*pool, kEndless, {}, {}, {}, context);
  EXPECT_EQ(late.error().code, ErrorCode::kTimeout);
  EXPECT_EQ(late.error().message, "the timeout passed while the statement ran");
  EXPECT_EQ(Query(*pool, "select 1", {}, {}, {}, context).error().code, ErrorCode::kTimeout);

  CancelSource source;
  std::thread canceller([&] {
    std::this_thread::sleep_for(milliseconds(50));
    source.Cancel();
  });
  const ExecContext cancellable{{}, source.Token()};
  EXPECT_EQ(Query(*pool, kEndless, {}, {}, {}, cancellable).error().code, ErrorCode::kCancelled);
  canceller.join();
  EXPECT_EQ(Scalar(*pool, "select 1"), Value(std::int64_t{1}));
}

TEST(SqlitePool, AStreamThatFailedStaysFailedAndFreesItsConnection) {
  SqliteOptions options;
  options.max_readers = 1;
  const auto pool = OpenMemory(options);
  {
    const auto lease = Acquire(*pool, Access::kRead);
    const auto stream = Await(
        (*lease)->Query({"select abs(column1) from (values (1), (-9223372036854775808))", {}, {}},
                        {.rows = 1}, {}));
    EXPECT_TRUE(Await((*stream)->Next({})).has_value());
    EXPECT_EQ(Await((*stream)->Next({})).error().message, "integer overflow");
    EXPECT_EQ(Await((*stream)->Next({})).error().code, ErrorCode::kClosed);
  }
  EXPECT_EQ(Scalar(*pool, "select 1"), Value(std::int64_t{1}));
}

class SqliteLocks : public testing::Test {
 protected:
  std::shared_ptr<Pool> Open(milliseconds wait) {
    SqliteOptions options;
    options.busy_wait_max = wait;
    return OpenFile(path_, options);
  }

  TemporaryFolder folder_;
  const std::string path_ = folder_.File("data.db");
};

TEST_F(SqliteLocks, AForeignLockIsWaitedForAndThenReported) {
  const auto pool = Open(milliseconds(60));
  ASSERT_TRUE(Execute(*pool, "create table t (a)").has_value());
  sqlite3* opened = nullptr;
  ASSERT_EQ(sqlite3_open(path_.c_str(), &opened), SQLITE_OK);
  const DatabaseHandle foreign(opened);
  ASSERT_EQ(sqlite3_exec(opened, "begin exclusive", nullptr, nullptr, nullptr), SQLITE_OK);
  for (const auto& error : {Execute(*pool, "insert into t values (1)").error(),
                            Query(*pool, "select * from t").error()}) {
    EXPECT_EQ(error.code, ErrorCode::kBusy);
    EXPECT_TRUE(error.retryable);
    EXPECT_EQ(error.message, "database is locked by another connection or process (waited 0.1 s)");
  }
  ExecContext hurried;
  hurried.deadline = Deadline::After(milliseconds(10));
  EXPECT_EQ(Execute(*pool, "insert into t values (1)", {}, hurried).error().code,
            ErrorCode::kTimeout);
  ASSERT_EQ(sqlite3_exec(opened, "rollback", nullptr, nullptr, nullptr), SQLITE_OK);
  EXPECT_TRUE(Execute(*pool, "insert into t values (1)").has_value());
}

TEST_F(SqliteLocks, ACommitThatCannotGetItsLockIsRolledBack) {
  const auto pool = Open(milliseconds(30));
  ASSERT_TRUE(Execute(*pool, "create table t (a)").has_value());
  ASSERT_TRUE(Execute(*pool, "insert into t values (1), (2)").has_value());
  {
    const auto lease = Acquire(*pool, Access::kRead);
    const auto stream = Await((*lease)->Query({"select * from t", {}, {}}, {.rows = 1}, {}));
    ASSERT_TRUE(Await((*stream)->Next({})).has_value());
    EXPECT_EQ(Execute(*pool, "delete from t").error().code, ErrorCode::kBusy);
    EXPECT_EQ(Drain(**stream)->rows.size(), 1U);
  }
  EXPECT_EQ(Execute(*pool, "delete from t")->rows_affected, 2);
}

TEST_F(SqliteLocks, AWriteThatAnotherProcessLeftHalfDoneIsUndone) {
  const auto pool = Open(milliseconds(100));
  ASSERT_TRUE(Execute(*pool, "create table t (a)").has_value());
  ASSERT_TRUE(Execute(*pool, "insert into t values (1)").has_value());
  const auto copy = [&](const std::string& from, const std::string& to) {
    std::filesystem::copy_file(from, to, std::filesystem::copy_options::overwrite_existing);
  };
  // The files as a process that dies in its transaction leaves them.
  const std::string crashed = folder_.File("crashed.db");
  {
    sqlite3* opened = nullptr;
    ASSERT_EQ(sqlite3_open(path_.c_str(), &opened), SQLITE_OK);
    const DatabaseHandle foreign(opened);
    const char* half =
        "pragma cache_size = 1; begin; insert into t with recursive c(x) as (select 1"
        " union all select x + 1 from c limit 20000) select x from c";
    ASSERT_EQ(sqlite3_exec(opened, half, nullptr, nullptr, nullptr), SQLITE_OK);
    copy(path_, crashed);
    copy(path_ + "-journal", crashed + "-journal");
  }
  const auto recovered = OpenFile(crashed);  // at once
  EXPECT_EQ(Scalar(*recovered, "select count(*) from t"), Value(std::int64_t{1}));
}

// Readers see a whole number of writes, on whichever threads they run.
void ReadWhileWriting(Pool& pool) {
  ASSERT_TRUE(Execute(pool, "create table t (a integer, b integer)").has_value());
  ASSERT_TRUE(Execute(pool, "insert into t values (1, 0), (2, 0), (3, 0)").has_value());
  constexpr int kWrites = 200;
  std::atomic<bool> done = false;
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; ++i) {
    readers.emplace_back([&] {
      do {
        const auto answer = Query(pool, "select min(b), max(b), count(*) from t");
        ASSERT_TRUE(answer.has_value()) << answer.error().message;
        EXPECT_EQ(answer->rows[0][0], answer->rows[0][1]);
        EXPECT_EQ(answer->rows[0][2], Value(std::int64_t{3}));
      } while (!done);
    });
  }
  std::vector<std::thread> writers;
  for (int i = 0; i < 2; ++i) {
    writers.emplace_back([&] {
      for (int n = 0; n < kWrites; ++n) {
        const auto written = Execute(pool, "update t set b = b + 1");
        ASSERT_TRUE(written.has_value()) << written.error().message;
      }
    });
  }
  for (std::thread& writer : writers) writer.join();
  done = true;
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(Scalar(pool, "select min(b) from t"), Value(std::int64_t{2 * kWrites}));
}

TEST(SqliteThreads, ReadersAndWritersShareADatabaseInMemory) {
  SqliteOptions options;
  options.max_readers = 2;
  options.busy_wait_max = std::chrono::minutes(1);
  ReadWhileWriting(*OpenMemory(options));
}

TEST(SqliteThreads, ReadersAndWritersShareAFile) {
  const TemporaryFolder folder;
  SqliteOptions options;
  options.busy_wait_max = std::chrono::minutes(1);
  ReadWhileWriting(*OpenFile(folder.File("data.db"), options));
}

}  // namespace
}  // namespace molt::db::sqlite
