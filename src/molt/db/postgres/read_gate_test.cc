#include "molt/db/postgres/read_gate.h"

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <sys/wait.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace molt::db::postgres {
namespace {

using testing::AnyOf;
using testing::HasSubstr;
using testing::Not;

constexpr std::string_view kUseExecute = "; use execute() for statements that write";

// The statements of a file in tests/hostile, which says how it is written.
std::vector<std::string> Corpus(const std::string& name) {
  constexpr std::string_view kNewline = "⏎";
  const auto root = std::filesystem::path(__FILE__).parent_path() / "../../../..";
  std::ifstream file(root / "tests/hostile" / name);
  std::vector<std::string> statements;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line[0] == '#') continue;
    for (std::size_t at = 0; (at = line.find(kNewline, at)) != std::string::npos;) {
      line.replace(at, kNewline.size(), "\n");
    }
    statements.push_back(line);
  }
  return statements;
}

// Why it is refused; empty if it is not.
std::string Refusal(const Status& status) {
  if (status) return {};
  EXPECT_EQ(status.error().code, ErrorCode::kInvalidQuery) << status.error().message;
  return status.error().message;
}

std::string ReadRefusal(std::string_view sql) { return Refusal(ReadGate(0).CheckRead(sql)); }
std::string WriteRefusal(std::string_view sql) { return Refusal(ReadGate(0).CheckWrite(sql)); }

std::string Repeat(std::string_view unit, std::size_t times) {
  std::string text;
  for (std::size_t i = 0; i < times; ++i) text += unit;
  return text;
}

// As many times as fit into the longest text.
std::string Fill(std::string_view unit) { return Repeat(unit, 262'000 / unit.size()); }

TEST(ReadGate, NoHostileStatementIsARead) {
  const auto statements = Corpus("postgres_reads.txt");
  ASSERT_GT(statements.size(), 400U);
  ReadGate gate;
  for (const auto& sql : statements) EXPECT_FALSE(gate.CheckRead(sql).has_value()) << sql;
}

// A typing mistake in the corpus must not pass for a refusal.
TEST(ReadGate, HostileStatementsAreRefusedForWhatTheyDo) {
  ReadGate gate;
  for (const auto& sql : Corpus("postgres_reads.txt")) {
    EXPECT_THAT(Refusal(gate.CheckRead(sql)), Not(HasSubstr("as PostgreSQL"))) << sql;
  }
}

TEST(ReadGate, HarmlessStatementsAreReadsAndNoWrites) {
  const auto statements = Corpus("postgres_allowed.txt");
  ASSERT_GT(statements.size(), 60U);
  ReadGate gate;
  for (const auto& sql : statements) {
    EXPECT_EQ(Refusal(gate.CheckRead(sql)), "") << sql;
    EXPECT_EQ(Refusal(gate.CheckWrite(sql)),
              "this statement only reads; fetch its rows instead of using execute()")
        << sql;
  }
}

TEST(ReadGate, SaysWhatIsWrittenAndWhatToDo) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"delete from t", "DELETE"},
      {"with x as (insert into t values (1) returning a) select * from x", "INSERT"},
      {"select 1 into w", "SELECT INTO"},
      {"create table w as select 1", "CREATE TABLE AS"},
      {"create table w (a int)", "CREATE TABLE"},
      {"create unique index on t (a)", "CREATE INDEX"},
      {"refresh materialized view m", "REFRESH MATERIALIZED VIEW"},
      {"explain analyze update t set a = 1", "UPDATE"},
      {"copy t to '/tmp/x'", "COPY"},
      {"call p()", "CALL"},
      {"do ''", "DO"},
  };
  for (const auto& [sql, what] : cases) {
    EXPECT_EQ(ReadRefusal(sql), "this statement writes (" + what + ")" + std::string(kUseExecute));
  }
  EXPECT_EQ(ReadRefusal("select * from t for no key update"),
            "this statement locks rows (FOR NO KEY UPDATE), which no read may; fetch it in a "
            "transaction() that may write");
  EXPECT_EQ(ReadRefusal("select pg_catalog.NextVal('s')"),
            "the function nextval() is not allowed in a read: it advances a sequence; use "
            "execute(), or fetch it in a transaction() that may write");
  EXPECT_EQ(ReadRefusal("commit"),
            "COMMIT is not allowed: every call is a transaction of its own; use transaction()");
  EXPECT_EQ(ReadRefusal("select 1; select 2"),
            "the SQL text holds 2 statements; give one at a time");
  EXPECT_EQ(ReadRefusal(" -- nothing"), "the SQL text holds no statement");
  EXPECT_EQ(ReadRefusal(""), "the SQL text holds no statement");
}

TEST(ReadGate, SyntaxErrorsSayWhereAndEchoNoLiteral) {
  EXPECT_EQ(ReadRefusal("select 'é',\n  'ž' fro t where"),
            "syntax error at line 2, column 11, near \"t\" (as PostgreSQL 15 reads it)");
  EXPECT_EQ(ReadRefusal("select (1"),
            "syntax error at end of input at line 1, column 10 (as PostgreSQL 15 reads it)");
  const std::vector<std::string> secrets = {"select 'a' 'hunter2'", "select 'hunter2",
                                            "select $$hunter2",     "select 1 \"hunter2",
                                            "select /* hunter2",    "select a 'hunter2",
                                            "select 1 E'hunter2'",  "select 1 $$hunter2$$",
                                            "select a b 12hunter2", "select x'hunter2'",
                                            "select U&'\\hunter2'", "select a U&'hunter2'",
                                            "select E'\\uhunter2'", "select B'hunter2' B'hunter2'"};
  for (const auto& sql : secrets) {
    const std::string why = ReadRefusal(sql);
    EXPECT_THAT(why, Not(HasSubstr("hunter2"))) << sql;
    EXPECT_THAT(why, AnyOf("", HasSubstr("line 1, column "))) << sql;
  }
  EXPECT_EQ(ReadGate().CheckRead("selec").error().sqlstate, "42601");
}

TEST(ReadGate, LetsExecuteRunWhatWrites) {
  const std::vector<std::string> allowed = {
      "insert into t values ($1, $2)",
      "insert into t values (1) returning a",
      "with x as (delete from t returning *) select count(*) from x",
      "select nextval('s')",
      "select pg_advisory_lock(1)",
      "select * from t for update",
      "select 1 into w",
      "create table w (a int)",
      "truncate t",
      "vacuum t",
      "call p()",
      "do $$ begin commit; end $$",
      "lock table t",
      "notify c",
      "set local work_mem = '1MB'",
      "set constraints all deferred",
      "copy t from '/tmp/x'",
      "copy t to program 'cat'",
      "declare c cursor for select 1",
      "explain analyze delete from t",
  };
  for (const auto& sql : allowed) EXPECT_EQ(WriteRefusal(sql), "") << sql;
}

TEST(ReadGate, KeepsExecuteFromWhatIsTheDrivers) {
  const std::vector<std::pair<std::string, std::string>> refused = {
      {"begin", "BEGIN is not allowed"},
      {"start transaction", "START TRANSACTION is not allowed"},
      {"commit and chain", "COMMIT is not allowed"},
      {"abort", "ROLLBACK is not allowed"},
      {"rollback to x", "ROLLBACK TO is not allowed"},
      {"savepoint x", "SAVEPOINT is not allowed"},
      {"release x", "RELEASE is not allowed"},
      {"prepare transaction 'x'", "PREPARE TRANSACTION is not allowed"},
      {"commit prepared 'x'", "COMMIT PREPARED is not allowed"},
      {"rollback prepared 'x'", "ROLLBACK PREPARED is not allowed"},
      {"copy t from stdin", "use insert() for many rows"},
      {"copy (delete from t returning a) to stdout", "use insert() for many rows"},
      {"prepare q as delete from t", "PREPARE, EXECUTE and DEALLOCATE are not allowed"},
      {"execute q", "PREPARE, EXECUTE and DEALLOCATE are not allowed"},
      {"deallocate all", "PREPARE, EXECUTE and DEALLOCATE are not allowed"},
      {"discard all", "DISCARD is not allowed"},
      {"listen c", "LISTEN and UNLISTEN are not allowed"},
      {"set transaction read write", "use transaction()"},
      {"set session characteristics as transaction read write", "use transaction()"},
      {"set transaction_read_only = off", "use transaction()"},
      {"set default_transaction_isolation = serializable", "use transaction()"},
      {"set names 'latin1'", "the driver relies on it"},
      {"set standard_conforming_strings = off", "the driver relies on it"},
      {"delete from t; delete from t", "give one at a time"},
      {"", "holds no statement"},
  };
  for (const auto& [sql, why] : refused) EXPECT_THAT(WriteRefusal(sql), HasSubstr(why)) << sql;
}

TEST(ReadGate, SurvivesTheDeepestTexts) {
  const std::vector<std::string> texts = {
      "select 1" + Fill("+1"),
      "select a" + Fill("||a"),
      "select a" + Fill("::a"),
      "select a" + Fill(" isnull"),
      "select a" + Fill(" collate a"),
      "select a" + Fill(" and not a or a"),
      "select a" + Fill(".a"),
      "select (a)" + Fill(".a"),
      "select a" + Fill("[1]"),
      "select a" + Fill("[a"),
      "select " + Fill("("),
      "select " + Fill("not "),
      "select " + Fill("- "),
      "select " + Fill("case when "),
      "select " + Fill("f("),
      "select " + Fill("array["),
      Fill("select("),
      Fill("with a as ("),
      "table a" + Fill(" union table a"),
      "values(1)" + Fill("union values(1)"),
      "select from a" + Fill(" natural join a"),
      "select from a" + Fill(",a"),
      "select " + Repeat("(", 9'000) + "1" + Repeat(")", 9'000),
      "select " + Repeat("f(", 4'500) + "1" + Repeat(")", 4'500),
      Repeat("select (", 3'000) + "select 1" + Repeat(")", 3'000),
      "select " + Repeat("case when ", 3'000) + "1" + Repeat(" then 1 end", 3'000),
      "select " + Fill("/*"),
      "select " + Fill("'"),
      "select " + Fill("$a"),
      Fill(";"),
  };
  ReadGate gate;
  for (const auto& sql : texts) {
    const std::string why = Refusal(gate.CheckRead(sql));
    EXPECT_THAT(why, AnyOf("", HasSubstr("at line 1, column "), HasSubstr("operator characters"),
                           HasSubstr("holds no statement")))
        << sql.substr(0, 40);
  }
  EXPECT_EQ(Refusal(gate.CheckRead("select 1")), "");
}

TEST(ReadGate, FindsAFunctionAtTheBottomOfTheDeepestTree) {
  EXPECT_THAT(ReadRefusal("select nextval('s')" + Fill("+1")), HasSubstr("nextval()"));
  EXPECT_THAT(ReadRefusal("select " + Repeat("f(", 4'000) + "nextval('s')" + Repeat(")", 4'000)),
              HasSubstr("nextval()"));
}

TEST(ReadGate, RefusesTextsThatAreNotWorthParsing) {
  EXPECT_THAT(ReadRefusal(std::string(std::size_t{256} << 10, ' ')),
              HasSubstr("holds no statement"));
  EXPECT_THAT(ReadRefusal(std::string((std::size_t{256} << 10) + 1, ' ')),
              HasSubstr("262145 bytes; at most 262144 are allowed"));
  EXPECT_THAT(ReadRefusal(std::string("select 'a\0b'", 12)), HasSubstr("contains a NUL"));
  // It would take the scanner half a minute each.
  for (const std::string_view unit : {"+", "+-", "/*", "*/", "-+"}) {
    const auto start = std::chrono::steady_clock::now();
    EXPECT_NE(ReadRefusal("select " + Fill(unit)), "");
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5)) << unit;
  }
  EXPECT_EQ(ReadRefusal("select 1 -- " + Repeat("=", 512)), "");
}

TEST(ReadGate, SurvivesBytesThatAreNoText) {
  ReadGate gate;
  for (int byte = 1; byte < 256; ++byte) {
    const std::string odd(3, static_cast<char>(byte));
    for (const std::string& sql : {odd, "select '" + odd + "'", "select \"" + odd + "\""}) {
      static_cast<void>(Refusal(gate.CheckRead(sql)));
    }
  }
}

TEST(ReadGate, KeepsItsVerdictWhateverElseIsAsked) {
  ReadGate gate(2);
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 5; ++i) {
      const std::string number = std::to_string(i);
      EXPECT_TRUE(gate.CheckRead("select " + number).has_value());
      EXPECT_FALSE(gate.CheckWrite("select " + number).has_value());
      EXPECT_FALSE(gate.CheckRead("delete from t where a = " + number).has_value());
      EXPECT_TRUE(gate.CheckWrite("delete from t where a = " + number).has_value());
    }
  }
}

TEST(ReadGate, ServesManyThreads) {
  ReadGate gate(8);
  std::atomic<int> wrong = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&gate, &wrong, t] {
      for (int i = 0; i < 200; ++i) {
        const std::string number = std::to_string(i % 20 + t);
        if (!gate.CheckRead("select " + number)) ++wrong;
        if (gate.CheckRead("delete from t where a = " + number)) ++wrong;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

TEST(ReadGate, AForkedChildCanLetGoOfIt) {
  auto gate = std::make_unique<ReadGate>();
  ASSERT_TRUE(gate->CheckRead("select 1").has_value());
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    alarm(10);
    gate.reset();
    _exit(0);
  }
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace molt::db::postgres
