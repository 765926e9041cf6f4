#pragma once

#include "molt/db/connection.h"

namespace molt::db::sqlite {

class SqliteConnection;

// A write that is undone unless it was committed: a transaction, or within one that the caller has
// begun, a savepoint. Statements run in it must be reset before it ends.
class SqliteTransaction {
 public:
  explicit SqliteTransaction(SqliteConnection& connection) : connection_(connection) {}
  ~SqliteTransaction();
  SqliteTransaction(const SqliteTransaction&) = delete;
  SqliteTransaction& operator=(const SqliteTransaction&) = delete;

  // Takes the write lock, waiting for it if need be.
  [[nodiscard]] Status Begin(const ExecContext& context);
  // Fails, and leaves the rollback to the destructor, if the caller has stopped waiting.
  [[nodiscard]] Status Commit(const ExecContext& context);

 private:
  SqliteConnection& connection_;
  bool open_ = false;
  bool nested_ = false;
};

}  // namespace molt::db::sqlite
