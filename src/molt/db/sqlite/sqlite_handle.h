// Opening a SQLite database, hardened.
#pragma once

#include <memory>
#include <string>

#include <sqlite3.h>

#include "molt/base/status.h"
#include "molt/db/sqlite/sqlite_guard.h"
#include "molt/db/sqlite/sqlite_options.h"

namespace molt::db::sqlite {

struct CloseDatabase {
  // Statements that are still alive keep a zombie that goes with the last of them.
  void operator()(sqlite3* db) const { sqlite3_close_v2(db); }
};
using DatabaseHandle = std::unique_ptr<sqlite3, CloseDatabase>;

struct FinalizeStatement {
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};
using StatementHandle = std::unique_ptr<sqlite3_stmt, FinalizeStatement>;

enum class OpenAs : std::uint8_t {
  kReader,
  kWriter,   // the file must exist
  kCreator,  // a writer that creates a missing file
};

// Where a database is, in a form that stays right when the process changes its folder.
struct Location {
  std::string uri;   // for SQLite, without query part for a file
  std::string path;  // for messages; ":memory:" for a database in memory
  bool memory = false;
};

[[nodiscard]] Result<Location> Locate(const SqliteOptions& options);

// Opens a connection, hardens it, puts it under `guard`, and reads the header, so that a file that
// is no database is told at once. Connections are used by one thread at a time.
[[nodiscard]] Result<DatabaseHandle> OpenHandle(const Location& location, OpenAs as, Guard& guard);

}  // namespace molt::db::sqlite
