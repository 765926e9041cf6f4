#include "molt/db/sqlite/sqlite_handle.h"

#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>

#include "molt/db/sqlite/sqlite_errors.h"
#include "molt/db/sqlite/sqlite_functions.h"
#include "molt/db/sqlite/sqlite_printf.h"
#include "molt/db/url.h"

namespace molt::db::sqlite {

namespace {

int OpenFlags(OpenAs as) {
  int flags =
      SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE | SQLITE_OPEN_EXRESCODE;
  if (as == OpenAs::kReader) flags |= SQLITE_OPEN_READONLY;
  if (as == OpenAs::kWriter) flags |= SQLITE_OPEN_READWRITE;
  if (as == OpenAs::kCreator) flags |= SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
  return flags;
}

Error CannotOpen(const Location& location, OpenAs as, int system_error, const std::string& reason) {
  Error error{ErrorCode::kDatabase, {}, "SQLITE_CANTOPEN", false};
  std::error_code ignored;
  const bool missing = !std::filesystem::exists(location.path, ignored);
  if (missing && as != OpenAs::kCreator) {
    error.message = "there is no file \"" + location.path +
                    "\"; to create the database, add ?mode=rwc to the URL";
    return error;
  }
  if (std::filesystem::is_directory(location.path, ignored)) {
    error.message = "\"" + location.path + "\" is a folder, not a database";
    return error;
  }
  error.message = "cannot open \"" + location.path + "\": " +
                  (system_error != 0 ? std::generic_category().message(system_error) : reason);
  return error;
}

Status Harden(sqlite3* db) {
  struct Setting {
    int option;
    int value;
  };
  static constexpr Setting kSettings[] = {
      {SQLITE_DBCONFIG_DEFENSIVE, 1},
      {SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0},
      {SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0},
      // A double-quoted name that does not exist is an error, not a string.
      {SQLITE_DBCONFIG_DQS_DML, 0},
      {SQLITE_DBCONFIG_DQS_DDL, 0},
  };
  for (const Setting& setting : kSettings) {
    if (sqlite3_db_config(db, setting.option, setting.value, nullptr) != SQLITE_OK) {
      return Internal("SQLite refuses a safety setting; is the library older than 3.40?");
    }
  }
  // The temporary store stays on disk where SQLite needs much of it: in memory, a sort of a few
  // million rows is one instruction that takes seconds and cannot be interrupted.
  sqlite3_limit(db, SQLITE_LIMIT_LENGTH, kValueBytesMax);
  sqlite3_limit(db, SQLITE_LIMIT_SQL_LENGTH, kValueBytesMax);
  sqlite3_limit(db, SQLITE_LIMIT_ATTACHED, 0);
  return {};
}

}  // namespace

Result<Location> Locate(const SqliteOptions& options) {
  if (options.memory) {
    static std::atomic<std::uint64_t> counter = 0;
    // The name is what connections of one pool share; memdb needs the slash for that.
    return Location{
        "file:/molt-" + std::to_string(getpid()) + "-" + std::to_string(++counter) + "?vfs=memdb",
        ":memory:", true};
  }
  if (options.path.empty()) return InvalidQuery("the database's path is empty");
  if (options.path.find('\0') != std::string::npos) {
    return InvalidQuery("the database's path contains a zero byte");
  }
  std::error_code failure;
  const std::filesystem::path absolute = std::filesystem::absolute(options.path, failure);
  if (failure) return DatabaseError("cannot resolve the database's path: " + failure.message());
  return Location{"file://" + EncodeUrlPath(absolute.string()), options.path, false};
}

Result<DatabaseHandle> OpenHandle(const Location& location, OpenAs as, Guard& guard) {
  sqlite3* opened = nullptr;
  const int code = sqlite3_open_v2(location.uri.c_str(), &opened, OpenFlags(as), nullptr);
  DatabaseHandle db(opened);
  if (code != SQLITE_OK) {
    if (!db || (code & 0xFF) == SQLITE_NOMEM) return DatabaseError("out of memory");
    return Fail(CannotOpen(location, as, sqlite3_system_errno(opened), sqlite3_errmsg(opened)));
  }
  MOLT_RETURN_IF_ERROR(Harden(opened));
  MOLT_RETURN_IF_ERROR(RegisterFunctions(opened));
  MOLT_RETURN_IF_ERROR(RegisterPrintf(opened));
  guard.Install(opened);
  if (location.memory && as != OpenAs::kReader) {
    sqlite3_int64 size_max = (sqlite3_int64{2} << 30) - 4096;
    sqlite3_file_control(opened, "main", SQLITE_FCNTL_SIZE_LIMIT, &size_max);
  }
  static const ExecContext kNobody;
  const Guard::Scope scope(guard, kNobody, Rights::kDriver);
  if (const int read =
          sqlite3_exec(opened, "SELECT 1 FROM sqlite_schema LIMIT 1", nullptr, nullptr, nullptr);
      read != SQLITE_OK) {
    if ((read & 0xFF) == SQLITE_CANTOPEN) {
      return Fail(CannotOpen(location, as, sqlite3_system_errno(opened), sqlite3_errmsg(opened)));
    }
    return Fail(DescribeFailure(opened, read, guard));
  }
  // Of pages that were read, this many KiB are kept, which take memory only then. With SQLite's own
  // 2,000 a list over a file of 7 MB reads most of its pages anew each time.
  sqlite3_exec(opened, "PRAGMA cache_size = -16384", nullptr, nullptr, nullptr);
  return db;
}

}  // namespace molt::db::sqlite
