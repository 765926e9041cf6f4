// One connection to a SQLite database. Its calls block the thread they run on; the coroutines of
// the interface never suspend.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "molt/db/connection.h"
#include "molt/db/sqlite/sqlite_guard.h"
#include "molt/db/sqlite/sqlite_handle.h"
#include "molt/db/sqlite/sqlite_options.h"
#include "molt/db/sqlite/sqlite_statement_cache.h"

namespace molt::db::sqlite {

class SqliteConnection final : public Connection {
 public:
  [[nodiscard]] static Result<std::unique_ptr<SqliteConnection>> Open(const Location& location,
                                                                      OpenAs as,
                                                                      const SqliteOptions& options);

  Async<std::unique_ptr<BatchStream>> Query(const Statement& statement, const BatchLimits& limits,
                                            const ExecContext& context) override;
  Async<ExecuteResult> Execute(const Statement& statement, const ExecContext& context) override;
  Async<std::int64_t> Insert(const TableName& table, const std::vector<std::string>& columns,
                             BatchSource& source, const ExecContext& context) override;
  Async<types::Schema> DescribeTable(const TableName& table, const ExecContext& context) override;
  Async<std::vector<std::string>> TableNames(const ExecContext& context) override;
  Async<std::string> Explain(const Statement& statement, bool analyze,
                             const ExecContext& context) override;

  Async<ExecuteResult> ExecuteMany(std::string_view sql, const ParamSets& sets,
                                   const ExecContext& context) override;
  Async<ScanPlan> PlanScan(const TableName& table, int parts, const ExecContext& context) override;
  Async<void> Begin(const TransactionOptions& options, const ExecContext& context) override;
  Async<void> Control(TransactionStep step, int depth, const ExecContext& context) override;

  // Whether the next caller may have it: nothing runs, no transaction is open, and no failure makes
  // it doubtful.
  [[nodiscard]] bool IsReusable() const;
  // Whether a write was left half done, which only a connection that writes can undo.
  [[nodiscard]] bool NeedsRecovery() const { return needs_recovery_; }

 private:
  friend class SqliteStream;
  friend class SqliteTransaction;

  explicit SqliteConnection(const SqliteOptions& options);

  // The calls above, blocking.
  Result<std::unique_ptr<BatchStream>> RunQuery(const Statement& statement,
                                                const BatchLimits& limits,
                                                const ExecContext& context);
  Result<ExecuteResult> RunExecute(const Statement& statement, const ExecContext& context);
  Result<std::int64_t> RunInsert(const TableName& table, const std::vector<std::string>& columns,
                                 BatchSource& source, const ExecContext& context);
  Result<std::string> RunExplain(const Statement& statement, bool analyze,
                                 const ExecContext& context);
  Result<ExecuteResult> RunExecuteMany(std::string_view sql, const ParamSets& sets,
                                       const ExecContext& context);
  Status RunBegin(const TransactionOptions& options, const ExecContext& context);
  Status RunStep(TransactionStep step, int depth, const ExecContext& context);
  Status InsertBatch(const StatementLease& statement, const std::vector<std::string>& columns,
                     const types::RecordBatch& batch, std::int64_t rows_before,
                     const ExecContext& context);

  [[nodiscard]] Result<StatementLease> Prepare(std::string_view sql);
  // Describes the failure, and remembers if it leaves the connection in doubt.
  [[nodiscard]] Error Describe(int code, std::string_view sql = {},
                               std::span<const types::Value> params = {});
  void Remember(const Error& error);
  // One of the driver's own statements: BEGIN, COMMIT, ROLLBACK.
  [[nodiscard]] Status RunControl(const char* sql, const ExecContext& context);

  // In this order: statements go before the handle, the handle before the guard it calls.
  Guard guard_;
  DatabaseHandle db_;
  std::optional<StatementCache> statements_;
  std::optional<StatementCache> control_statements_;
  bool in_block_ = false;  // a transaction that the caller has begun
  bool doubtful_ = false;
  bool needs_recovery_ = false;
};

}  // namespace molt::db::sqlite
