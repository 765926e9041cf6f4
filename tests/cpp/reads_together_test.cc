// engine::ReadsTogether over the SQLite driver.
#include "molt/engine/reads_together.h"

#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <variant>

#include <gtest/gtest.h>

#include "molt/db/sqlite/sqlite_pool.h"
#include "molt/engine/database.h"

namespace molt::engine {
namespace {

class ReadsTogetherTest : public ::testing::Test {
 protected:
  ReadsTogetherTest() {
    std::filesystem::create_directory(folder_);
    database_ = Open();
    Run("create table t (n integer)");
    Run("insert into t values (1)");
    other_ = Open();
    EXPECT_EQ(Count(*database_), 1);
    EXPECT_EQ(Count(*other_), 1);
  }
  ~ReadsTogetherTest() override {
    database_.reset();
    other_.reset();
    std::filesystem::remove_all(folder_);
  }

  std::shared_ptr<Database> Open() {
    db::sqlite::SqliteOptions options;
    options.path = (folder_ / "test.db").string();
    options.mode = db::sqlite::OpenMode::kReadWriteCreate;
    options.busy_wait_max = std::chrono::milliseconds(50);
    pool_ = db::sqlite::OpenSqlite(options).value();
    DatabaseOptions database_options;
    database_options.trial_time = std::chrono::seconds(5);
    return std::make_shared<Database>(pool_, database_options);
  }
  static void Run(Database& database, const std::string& sql, bool succeeds = true) {
    const auto result = database.RunBlocking<db::ExecuteResult>(
        database.Execute(NativeSql{sql, {}, {}}, RequestContext()));
    EXPECT_EQ(result.has_value(), succeeds) << sql;
  }
  void Run(const std::string& sql) { Run(*database_, sql); }

  static std::int64_t Number(const Result<Batches>& batches) {
    if (!batches) return -2;
    return std::get<std::int64_t>(batches->front()->columns[0].ValueAt(0));
  }
  static std::int64_t Count(Database& database) {
    return Number(database.RunBlocking<Batches>(
        database.Fetch(NativeSql{kCount, {}, {}}, false, RequestContext())));
  }
  // A trial of the same; -1 if it did not run.
  static std::int64_t Try(Database& database, ReadsTogether& together,
                          const std::string& sql = kCount) {
    const Source source = NativeSql{sql, {}, {}};
    const auto make = [&](const RequestContext& context) {
      return database.Fetch(source, false, context);
    };
    const auto result = database.Try<Batches>(source, {}, make, together);
    return result ? Number(*result) : -1;
  }

  static constexpr const char* kCount = "select count(*) from t";
  const std::filesystem::path folder_ =
      std::filesystem::temp_directory_path() / ("molt-together-" + std::to_string(getpid()));
  std::shared_ptr<db::Pool> pool_;  // of what was opened last
  std::shared_ptr<Database> database_;
  std::shared_ptr<Database> other_;
};

TEST_F(ReadsTogetherTest, AllSeeOneStateAndTheNextSeeWhatIsCommittedAfterwards) {
  {
    ReadsTogether together(true);
    EXPECT_EQ(Try(*database_, together), 1);
    Run(*other_, "insert into t values (2)", false);  // the file is being read
    EXPECT_EQ(Try(*database_, together), 1);
  }
  Run(*other_, "insert into t values (2)");
  ReadsTogether together(true);
  EXPECT_EQ(Try(*database_, together), 2);
}

TEST_F(ReadsTogetherTest, NothingIsReadBeforeTheFirstOfThem) {
  ReadsTogether together(true);
  Run(*other_, "insert into t values (2)");
  EXPECT_EQ(Try(*database_, together), 2);
}

TEST_F(ReadsTogetherTest, EachIsByItselfWhereThatIsNotWorthIt) {
  ReadsTogether together(false);
  EXPECT_EQ(Try(*database_, together), 1);
  Run(*other_, "insert into t values (2)");
  EXPECT_EQ(Try(*database_, together), 2);
}

TEST_F(ReadsTogetherTest, AFailureEndsThemAndTheNextBeginAnew) {
  ReadsTogether together(true);
  EXPECT_EQ(Try(*database_, together), 1);
  EXPECT_EQ(Try(*database_, together, "select nonsense from t"), -2);
  Run(*other_, "insert into t values (2)");
  EXPECT_EQ(Try(*database_, together), 2);
}

TEST_F(ReadsTogetherTest, DatabasesAreKeptApart) {
  ReadsTogether together(true);
  EXPECT_EQ(Try(*database_, together), 1);
  EXPECT_EQ(Try(*other_, together), 1);
  EXPECT_EQ(Try(*database_, together), 1);
}

TEST_F(ReadsTogetherTest, TheConnectionGoesBackWhenTheyEnd) {
  {
    ReadsTogether together(true);
    EXPECT_EQ(Try(*other_, together), 1);
    EXPECT_EQ(pool_->Use().in_use, 1);
  }
  EXPECT_EQ(pool_->Use().in_use, 0);
}

TEST_F(ReadsTogetherTest, ReadsRunByThemselvesWhereNoConnectionIsFree) {
  // A statement that holds the only connection that is open.
  const auto cursor = database_->RunBlocking<std::unique_ptr<Cursor>>(
      database_->Open(NativeSql{kCount, {}, {}}, {}, RequestContext()));
  ASSERT_TRUE(cursor);
  ReadsTogether together(true);
  EXPECT_EQ(Try(*database_, together), -1);  // nor does a trial open another
}

}  // namespace
}  // namespace molt::engine
