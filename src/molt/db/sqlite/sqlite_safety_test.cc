#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "molt/db/sqlite/sqlite_test_util.h"

namespace molt::db::sqlite {
namespace {

using types::Value;

std::string ReadAll(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

class SqliteSafety : public testing::Test {
 protected:
  void SetUp() override {
    pool_ = OpenFile(path_);
    ASSERT_TRUE(Execute(*pool_, "create table t (a integer primary key, b text)").has_value());
    ASSERT_TRUE(Execute(*pool_, "insert into t values (1, 'one')").has_value());
  }

  TemporaryFolder folder_;
  const std::string path_ = folder_.File("data.db");
  std::shared_ptr<Pool> pool_;
};

TEST_F(SqliteSafety, NoReadChangesAnything) {
  const std::string outside = folder_.File("outside.db");
  const std::vector<std::string> hostile = {
      "insert into t values (2, 'two')",
      "insert into t values (2, 'two') returning a",
      "with x as (select 1) insert into t select 2, 'two' from x",
      "replace into t values (1, 'two')",
      "update t set b = 'x'",
      "delete from t",
      "explain delete from t",
      "create table u (a)",
      "create table if not exists t (a)",
      "create temp table u (a)",
      "create table u as select * from t",
      "create index i on t (b)",
      "create view v as select 1",
      "create trigger g after insert on t begin select 1; end",
      "create virtual table f using fts5(a)",
      "alter table t add column c",
      "drop table t",
      "drop table if exists t",
      "reindex",
      "analyze",
      "vacuum",
      "vacuum into '" + outside + "'",
      "/* a comment */ vacuum into '" + outside + "'",
      "attach '" + outside + "' as o",
      "detach main",
      "begin",
      "begin immediate",
      "commit",
      "rollback",
      "savepoint s",
      "release s",
      "pragma journal_mode = wal",
      "pragma user_version = 7",
      "pragma writable_schema = on",
      "pragma query_only = off",
      "pragma wal_checkpoint",
      "pragma optimize",
      "select * from pragma_user_version(7)",
      "select load_extension('x')",
      "select fts3_tokenizer('simple')",
      "select sqlite_log(1, 'x')",
      "select writefile('" + outside + "', 'x')",
      "select 1; delete from t",
      "select 1;; ; -- harmless\n delete from t",
      "update sqlite_master set sql = ''",
      "select * from t for update",
  };
  const std::string before = ReadAll(path_);
  for (const std::string& sql : hostile) {
    const auto answer = Query(*pool_, sql);
    ASSERT_FALSE(answer.has_value()) << sql;
    EXPECT_EQ(answer.error().code, ErrorCode::kInvalidQuery) << sql << answer.error().message;
  }
  EXPECT_EQ(ReadAll(path_), before);
  EXPECT_FALSE(std::filesystem::exists(outside));
  EXPECT_EQ(Scalar(*pool_, "select count(*) from t"), Value(std::int64_t{1}));
  EXPECT_EQ(Scalar(*pool_, "pragma user_version"), Value(std::int64_t{0}));
}

TEST_F(SqliteSafety, WritesStayInTheDatabaseAndInTheirTransaction) {
  const std::string outside = folder_.File("outside.db");
  const std::vector<std::string> hostile = {
      "vacuum",
      "vacuum into '" + outside + "'",
      "/* a comment */ vacuum into '" + outside + "'",
      "attach '" + outside + "' as o",
      "detach main",
      "begin",
      "commit",
      "rollback",
      "end",
      "savepoint s",
      "pragma journal_mode = wal",
      "pragma foreign_keys = on",
      "pragma user_version = 7",
      "create temp table t (a)",
      "create temporary view t as select 1",
      "create temp trigger g after insert on t begin select 1; end",
      "insert into t values (2, load_extension('x'))",
      "insert into t values (2, 'two'); delete from t",
      "update sqlite_master set sql = ''",
      "delete from sqlite_schema",
      "insert into t values (2, \"nothing\")",
      "select * from t",
      "values (1)",
      "explain delete from t",
      "pragma table_info(t)",
  };
  const std::string before = ReadAll(path_);
  for (const std::string& sql : hostile) {
    const auto done = Execute(*pool_, sql);
    ASSERT_FALSE(done.has_value()) << sql;
  }
  EXPECT_EQ(ReadAll(path_), before);
  EXPECT_FALSE(std::filesystem::exists(outside));
  EXPECT_TRUE(Execute(*pool_, "insert into t values (3, 'three')").has_value());
}

TEST_F(SqliteSafety, RefusalsSayWhatToDo) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"insert into t values (2, '')",
       "this statement writes (INSERT); use execute() for statements that write"},
      {"drop table t",
       "this statement writes (it changes the schema); use execute() for statements that write"},
      {"attach 'x' as y", "ATTACH is not allowed"},
      {"begin", "BEGIN is not allowed: every call is a transaction of its own"},
      {"pragma journal_mode = wal", "PRAGMA journal_mode is not allowed"},
      {"select load_extension('x')", "the function load_extension is not allowed"},
      {"select 1; select 2",
       "only one statement is allowed; there is more after the first one's `;`"},
  };
  for (const auto& [sql, message] : cases) EXPECT_EQ(Query(*pool_, sql).error().message, message);
}

TEST_F(SqliteSafety, HarmlessReadsPass) {
  for (const char* sql : {"select * from t; -- end", "select 1;;; /* end */ ", "values (1)",
                          "with recursive c(x) as (select 1 union all select x + 1 from c limit 3)"
                          " select * from c",
                          "pragma table_info(t)", "pragma user_version", "pragma index_list(t)",
                          "select * from pragma_table_xinfo('t')", "explain select * from t",
                          "explain query plan select * from t", "select * from json_each('[1]')",
                          "select * from sqlite_schema"}) {
    const auto answer = Query(*pool_, sql);
    EXPECT_TRUE(answer.has_value()) << sql << ": " << answer.error().message;
  }
}

TEST_F(SqliteSafety, AWriteThatWasPreparedDoesNotRunAsARead) {
  const auto lease = Acquire(*pool_, Access::kWrite);
  const Statement write{"insert into t values (null, 'x')", {}, {}};
  ASSERT_TRUE(Await((*lease)->Execute(write, {})).has_value());
  EXPECT_FALSE(Await((*lease)->Query(write, {}, {})).has_value());
}

TEST_F(SqliteSafety, FullTextTablesCanBeReadAndWritten) {
  ASSERT_TRUE(Execute(*pool_, "create virtual table f using fts5(body)").has_value());
  const auto done = Execute(*pool_, "insert into f values ('hello world'), ('bye')");
  ASSERT_TRUE(done.has_value()) << done.error().message;
  EXPECT_EQ(Scalar(*pool_, "select count(*) from f where f match ?", {std::string("hello")}),
            Value(std::int64_t{1}));
}

TEST_F(SqliteSafety, AReadOnlyDatabaseHasNoWriter) {
  SqliteOptions options;
  options.path = path_;
  options.mode = OpenMode::kReadOnly;
  const auto pool = OpenSqlite(options);
  EXPECT_EQ(Acquire(**pool, Access::kWrite).error().code, ErrorCode::kInvalidQuery);
  EXPECT_EQ(Scalar(**pool, "select count(*) from t"), Value(std::int64_t{1}));
}

}  // namespace
}  // namespace molt::db::sqlite
