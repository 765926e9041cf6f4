// Transactions that the caller begins and ends.
#include <string>
#include <utility>

#include "molt/db/postgres/pg_connection.h"

namespace molt::db::postgres {

namespace {

// How long ending a transaction may take whose caller has given up already.
constexpr Seconds kRollbackTime{5};

std::string BeginSql(const TransactionOptions& options) {
  std::string sql = "BEGIN";
  switch (options.isolation) {
    case Isolation::kDefault:
      break;
    case Isolation::kReadCommitted:
      sql += " ISOLATION LEVEL READ COMMITTED";
      break;
    case Isolation::kRepeatableRead:
      sql += " ISOLATION LEVEL REPEATABLE READ";
      break;
    case Isolation::kSerializable:
      sql += " ISOLATION LEVEL SERIALIZABLE";
      break;
  }
  return sql + (options.read_only ? " READ ONLY" : " READ WRITE");
}

}  // namespace

Async<void> PgConnection::RunControl(std::string_view sql, const ExecContext& context) {
  MOLT_CO_RETURN_IF_ERROR(co_await FinishExchange(context));
  request_.Begin(link_->out());
  MOLT_CO_RETURN_IF_ERROR(request_.Parse("", sql, {}));
  MOLT_CO_RETURN_IF_ERROR(request_.Run(""));
  const std::string expected = request_.TakeExpected();
  MOLT_CO_RETURN_IF_ERROR(co_await SendAll(context));
  MOLT_CO_RETURN_IF_ERROR(co_await ExpectAll(expected, context));
  co_return co_await ExpectReady(context);
}

Async<void> PgConnection::Begin(const TransactionOptions& options, const ExecContext& context) {
  MOLT_CO_RETURN_IF_ERROR(CheckContext(context));
  if (options.read_only) MOLT_CO_RETURN_IF_ERROR(CheckRole());
  const std::string sql = BeginSql(options);
  MOLT_CO_RETURN_IF_ERROR(co_await RunControl(sql, context));
  if (!options.snapshot.empty()) {
    // The server's own name for it: digits and dashes.
    const std::string import = "SET TRANSACTION SNAPSHOT '" + options.snapshot + "'";
    MOLT_CO_RETURN_IF_ERROR(co_await RunControl(import, context));
  }
  in_block_ = true;
  block_writes_ = !options.read_only;
  // Reads are rolled back, and with them whatever a function has done on the side. But what a
  // serializable transaction has read is only known to be consistent once it is committed.
  block_ends_in_commit_ = block_writes_ || options.isolation == Isolation::kSerializable;
  if (block_ends_in_commit_) needs_reset_ = true;
  co_return Status();
}

Async<void> PgConnection::Commit(const ExecContext& context) {
  MOLT_CO_RETURN_IF_ERROR(CheckContext(context));
  MOLT_CO_RETURN_IF_ERROR(co_await FinishExchange(context));
  if (link_->is_broken()) {
    co_return DatabaseError("the connection was lost, and the transaction with it", "08006");
  }
  if (transaction_ != 'T') {
    co_return DatabaseError(
        "the transaction cannot be committed: a statement in it has failed, so it is rolled back",
        "25P02");
  }
  if (!block_ends_in_commit_) co_return co_await RunControl("ROLLBACK", context);
  const Status committed = co_await RunControl("COMMIT", context);
  if (committed || (!in_exchange_ && !link_->is_broken())) co_return committed;
  const auto settled = co_await Settle(committed.error(), context);
  if (!settled) co_return Fail(settled.error());
  co_return Status();
}

Async<void> PgConnection::Control(TransactionStep step, int depth, const ExecContext& context) {
  const std::string savepoint = "molt_" + std::to_string(depth);
  switch (step) {
    case TransactionStep::kCommit: {
      const Status committed = co_await Commit(context);
      in_block_ = false;
      block_writes_ = false;
      co_return committed;
    }
    case TransactionStep::kRollback: {
      ExecContext unhurried;
      unhurried.reactor = context.reactor;
      unhurried.deadline = Deadline::After(kRollbackTime);
      // A lost connection has rolled back by itself.
      if (link_->is_broken()) co_return Status();
      co_return co_await Recover(unhurried);
    }
    case TransactionStep::kSavepoint: {
      const std::string sql = "SAVEPOINT " + savepoint;
      co_return co_await RunControl(sql, context);
    }
    case TransactionStep::kRelease: {
      const std::string sql = "RELEASE SAVEPOINT " + savepoint;
      co_return co_await RunControl(sql, context);
    }
    case TransactionStep::kRollbackTo: {
      const std::string sql = "ROLLBACK TO SAVEPOINT " + savepoint;
      MOLT_CO_RETURN_IF_ERROR(co_await RunControl(sql, context));
      const std::string release = "RELEASE SAVEPOINT " + savepoint;
      co_return co_await RunControl(release, context);
    }
  }
  co_return Status();
}

}  // namespace molt::db::postgres
