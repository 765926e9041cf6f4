#include "molt/db/sqlite/sqlite_connection.h"

#include <cstdint>
#include <limits>
#include <utility>

#include "molt/db/sqlite/sqlite_errors.h"
#include "molt/db/sqlite/sqlite_schema.h"
#include "molt/db/sqlite/sqlite_stream.h"
#include "molt/db/sqlite/sqlite_transaction.h"

namespace molt::db::sqlite {

namespace {
constexpr std::size_t kControlStatements = 16;
// No table hands out this number by itself, so an insert is told from none.
constexpr std::int64_t kNoRowId = std::numeric_limits<std::int64_t>::min();

// The one statement that the authorizer is not asked about. Unrecognized, behind a comment, it
// still fails: it cannot run in a transaction.
bool IsVacuum(std::string_view sql) {
  const std::size_t start = sql.find_first_not_of(" \t\r\n;");
  return start != std::string_view::npos && sql.size() - start >= 6 &&
         sqlite3_strnicmp(sql.data() + start, "vacuum", 6) == 0;
}
}  // namespace

SqliteConnection::SqliteConnection(const SqliteOptions& options) : guard_(options.busy_wait_max) {}

Result<std::unique_ptr<SqliteConnection>> SqliteConnection::Open(const Location& location,
                                                                 OpenAs as,
                                                                 const SqliteOptions& options) {
  // Made first: the guard must not move once the handle knows it.
  std::unique_ptr<SqliteConnection> connection(new SqliteConnection(options));
  MOLT_ASSIGN(connection->db_, OpenHandle(location, as, connection->guard_));
  sqlite3* db = connection->db_.get();
  connection->statements_.emplace(db, connection->guard_, options.statement_cache_size);
  connection->control_statements_.emplace(db, connection->guard_, kControlStatements);
  return connection;
}

bool SqliteConnection::IsReusable() const {
  return !doubtful_ && statements_->in_use() == 0 && sqlite3_get_autocommit(db_.get()) != 0;
}

Error SqliteConnection::Describe(int code, std::string_view sql,
                                 std::span<const types::Value> params) {
  if (IsFatal(code)) doubtful_ = true;
  Error error = DescribeFailure(db_.get(), code, guard_, sql, params);
  Remember(error);
  return error;
}

void SqliteConnection::Remember(const Error& error) {
  if (error.sqlstate == "SQLITE_READONLY_ROLLBACK" ||
      error.sqlstate == "SQLITE_READONLY_RECOVERY") {
    needs_recovery_ = true;
    doubtful_ = true;
  }
}

Result<StatementLease> SqliteConnection::Prepare(std::string_view sql) {
  auto lease = statements_->Get(sql);
  if (!lease) {
    if (lease.error().code == ErrorCode::kDatabase) doubtful_ = true;
    Remember(lease.error());
  }
  return lease;
}

Status SqliteConnection::RunControl(const char* sql, const ExecContext& context) {
  const Guard::Scope scope(guard_, context, Rights::kDriver);
  MOLT_ASSIGN(const StatementLease lease, control_statements_->Get(sql));
  const int code = sqlite3_step(lease.handle());
  if (code != SQLITE_DONE) return Fail(Describe(code));
  return {};
}

// -- Query and Execute ----------------------------------------------------------------------------

Result<std::unique_ptr<BatchStream>> SqliteConnection::RunQuery(const Statement& statement,
                                                                const BatchLimits& limits,
                                                                const ExecContext& context) {
  MOLT_RETURN_IF_ERROR(CheckContext(context));
  const Guard::Scope scope(guard_, context, Rights::kRead);
  MOLT_ASSIGN(StatementLease lease, Prepare(statement.sql));
  // The authorizer has no say about VACUUM, and may have been asked with other rights before.
  if (!lease->read_only) {
    return InvalidQuery("this statement writes; use execute() for statements that write");
  }
  if (lease->column_count == 0) {
    return InvalidQuery("this statement gives no rows; use execute() for statements that write");
  }
  std::vector<Parameter> formatted;
  MOLT_RETURN_IF_ERROR(BindAll(*lease, statement.params, formatted));
  return std::make_unique<SqliteStream>(*this, std::move(lease), statement, limits,
                                        std::move(formatted));
}

Result<ExecuteResult> SqliteConnection::RunExecute(const Statement& statement,
                                                   const ExecContext& context) {
  MOLT_RETURN_IF_ERROR(CheckContext(context));
  const Guard::Scope scope(guard_, context, Rights::kWrite);
  // In this order: the statement is reset before a failed transaction is rolled back.
  SqliteTransaction transaction(*this);
  std::vector<Parameter> formatted;
  MOLT_ASSIGN(StatementLease lease, Prepare(statement.sql));
  const bool explains = sqlite3_stmt_isexplain(lease.handle()) != 0;
  if (explains || (lease->read_only && lease->column_count > 0)) {
    return InvalidQuery("this statement only reads; fetch its rows instead of using execute()");
  }
  if (IsVacuum(statement.sql)) return Unsupported("VACUUM is not supported");
  MOLT_RETURN_IF_ERROR(BindAll(*lease, statement.params, formatted));
  // A transaction, although one statement is one by itself: with OR FAIL it would keep its rows.
  MOLT_RETURN_IF_ERROR(transaction.Begin(context));
  sqlite3_set_last_insert_rowid(db_.get(), kNoRowId);
  int code = SQLITE_ROW;
  while (code == SQLITE_ROW) code = sqlite3_step(lease.handle());  // rows of RETURNING are dropped
  if (code != SQLITE_DONE) return Fail(Describe(code, statement.sql, statement.params));
  ExecuteResult result;
  if ((lease->effects & kChangesRows) != 0 && (lease->effects & kChangesSchema) == 0) {
    result.rows_affected = sqlite3_changes64(db_.get());
    const std::int64_t row_id = sqlite3_last_insert_rowid(db_.get());
    if ((lease->effects & kInserts) != 0 && row_id != kNoRowId) result.last_insert_id = row_id;
  }
  lease.Release();
  MOLT_RETURN_IF_ERROR(transaction.Commit(context));
  return result;
}

// Each set is a savepoint within one transaction.
Result<ExecuteResult> SqliteConnection::RunExecuteMany(std::string_view sql, const ParamSets& sets,
                                                       const ExecContext& context) {
  MOLT_RETURN_IF_ERROR(CheckContext(context));
  const bool outermost = !in_block_;
  if (outermost) MOLT_RETURN_IF_ERROR(RunBegin({}, context));
  ExecuteResult all;
  Status done;
  for (std::size_t i = 0; done && i < sets.size(); ++i) {
    const Statement statement{sql, sets[i], {}};
    auto result = RunExecute(statement, context);
    if (!result) {
      Error error = std::move(result).error();
      error.message += " (row " + std::to_string(i + 1) + ")";
      done = Fail(std::move(error));
    } else {
      all.rows_affected += result->rows_affected;
    }
  }
  if (!outermost) {
    if (!done) return Fail(std::move(done).error());
    return all;
  }
  if (done) done = RunStep(TransactionStep::kCommit, 0, context);
  if (!done) {
    MOLT_RETURN_IF_ERROR(RunStep(TransactionStep::kRollback, 0, context));
    return Fail(std::move(done).error());
  }
  return all;
}

Result<std::string> SqliteConnection::RunExplain(const Statement& statement, bool analyze,
                                                 const ExecContext& context) {
  if (analyze) {
    return Unsupported(
        "explain(analyze=True) is not supported on SQLite: it does not measure its "
        "plans; use explain()");
  }
  MOLT_RETURN_IF_ERROR(CheckContext(context));
  const Guard::Scope scope(guard_, context, Rights::kExplain);
  const std::string sql = "EXPLAIN QUERY PLAN " + std::string(statement.sql);
  std::vector<Parameter> formatted;
  MOLT_ASSIGN(const StatementLease lease, Prepare(sql));
  if (sqlite3_stmt_isexplain(lease.handle()) != 2) return InvalidQuery("the SQL is empty");
  MOLT_RETURN_IF_ERROR(BindAll(*lease, statement.params, formatted));
  return DrawPlan(db_.get(), guard_, lease.handle());
}

// -- Transactions ---------------------------------------------------------------------------------

Status SqliteConnection::RunBegin(const TransactionOptions& options, const ExecContext& context) {
  MOLT_RETURN_IF_ERROR(CheckContext(context));
  // A read sees one state of the database anyway.
  const bool weaker = options.isolation == Isolation::kReadCommitted ||
                      options.isolation == Isolation::kRepeatableRead;
  if (weaker && !options.read_only) {
    return Unsupported("SQLite's transactions are always serializable: leave isolation out");
  }
  MOLT_RETURN_IF_ERROR(RunControl(options.read_only ? "BEGIN" : "BEGIN IMMEDIATE", context));
  in_block_ = true;
  return {};
}

Status SqliteConnection::RunStep(TransactionStep step, int depth, const ExecContext& context) {
  const std::string savepoint = "molt_" + std::to_string(depth);
  switch (step) {
    case TransactionStep::kCommit:
      if (sqlite3_get_autocommit(db_.get()) != 0) {
        return DatabaseError("the transaction was rolled back by a failure before");
      }
      MOLT_RETURN_IF_ERROR(RunControl("COMMIT", context));
      in_block_ = false;
      return {};
    case TransactionStep::kRollback:
      in_block_ = false;
      if (sqlite3_get_autocommit(db_.get()) != 0) return {};
      return RunControl("ROLLBACK", ExecContext{});
    case TransactionStep::kSavepoint:
      return RunControl(("SAVEPOINT " + savepoint).c_str(), context);
    case TransactionStep::kRelease:
      return RunControl(("RELEASE " + savepoint).c_str(), context);
    case TransactionStep::kRollbackTo:
      MOLT_RETURN_IF_ERROR(RunControl(("ROLLBACK TO " + savepoint).c_str(), ExecContext{}));
      return RunControl(("RELEASE " + savepoint).c_str(), ExecContext{});
  }
  return {};
}

// -- The interface: coroutines that never suspend -------------------------------------------------

Async<std::unique_ptr<BatchStream>> SqliteConnection::Query(const Statement& statement,
                                                            const BatchLimits& limits,
                                                            const ExecContext& context) {
  co_return RunQuery(statement, limits, context);
}

Async<ExecuteResult> SqliteConnection::Execute(const Statement& statement,
                                               const ExecContext& context) {
  co_return RunExecute(statement, context);
}

Async<std::int64_t> SqliteConnection::Insert(const TableName& table,
                                             const std::vector<std::string>& columns,
                                             BatchSource& source, const ExecContext& context) {
  co_return RunInsert(table, columns, source, context);
}

Async<types::Schema> SqliteConnection::DescribeTable(const TableName& table,
                                                     const ExecContext& context) {
  MOLT_CO_RETURN_IF_ERROR(CheckContext(context));
  const Guard::Scope scope(guard_, context, Rights::kRead);
  co_return DescribeColumns(db_.get(), guard_, table);
}

Async<std::vector<std::string>> SqliteConnection::TableNames(const ExecContext& context) {
  MOLT_CO_RETURN_IF_ERROR(CheckContext(context));
  const Guard::Scope scope(guard_, context, Rights::kRead);
  co_return ListTables(db_.get(), guard_);
}

Async<ExecuteResult> SqliteConnection::ExecuteMany(std::string_view sql, const ParamSets& sets,
                                                   const ExecContext& context) {
  co_return RunExecuteMany(sql, sets, context);
}

Async<ScanPlan> SqliteConnection::PlanScan(const TableName&, int, const ExecContext&) {
  co_return Unsupported("parallel reads are not supported on SQLite; leave parallel out");
}

Async<void> SqliteConnection::Begin(const TransactionOptions& options, const ExecContext& context) {
  co_return RunBegin(options, context);
}

Async<void> SqliteConnection::Control(TransactionStep step, int depth, const ExecContext& context) {
  co_return RunStep(step, depth, context);
}

Async<std::string> SqliteConnection::Explain(const Statement& statement, bool analyze,
                                             const ExecContext& context) {
  co_return RunExplain(statement, analyze, context);
}

}  // namespace molt::db::sqlite
