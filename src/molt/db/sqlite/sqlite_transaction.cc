#include "molt/db/sqlite/sqlite_transaction.h"

#include "molt/db/sqlite/sqlite_connection.h"

namespace molt::db::sqlite {

Status SqliteTransaction::Begin(const ExecContext& context) {
  nested_ = connection_.in_block_;
  MOLT_RETURN_IF_ERROR(
      connection_.RunControl(nested_ ? "SAVEPOINT molt_statement" : "BEGIN IMMEDIATE", context));
  open_ = true;
  return {};
}

Status SqliteTransaction::Commit(const ExecContext& context) {
  MOLT_RETURN_IF_ERROR(CheckContext(context));
  MOLT_RETURN_IF_ERROR(
      connection_.RunControl(nested_ ? "RELEASE molt_statement" : "COMMIT", context));
  open_ = false;
  return {};
}

SqliteTransaction::~SqliteTransaction() {
  // Some failures (a full disk, an interrupt) make SQLite roll back by itself.
  if (!open_ || sqlite3_get_autocommit(connection_.db_.get()) != 0) return;
  // On failure the connection is not reused: see IsReusable.
  const ExecContext context;
  const bool undone = nested_ ? connection_.RunControl("ROLLBACK TO molt_statement", context) &&
                                    connection_.RunControl("RELEASE molt_statement", context)
                              : connection_.RunControl("ROLLBACK", context).has_value();
  if (!undone) connection_.doubtful_ = true;
}

}  // namespace molt::db::sqlite
