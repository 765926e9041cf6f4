#include "molt/db/sqlite/sqlite_errors.h"

#include <cstdio>

#include "molt/db/hide_values.h"

namespace molt::db::sqlite {

namespace {

struct NamedCode {
  int code;
  std::string_view name;
};

constexpr NamedCode kCodes[] = {
    {SQLITE_ERROR, "SQLITE_ERROR"},
    {SQLITE_INTERNAL, "SQLITE_INTERNAL"},
    {SQLITE_PERM, "SQLITE_PERM"},
    {SQLITE_ABORT, "SQLITE_ABORT"},
    {SQLITE_BUSY, "SQLITE_BUSY"},
    {SQLITE_BUSY_RECOVERY, "SQLITE_BUSY_RECOVERY"},
    {SQLITE_BUSY_SNAPSHOT, "SQLITE_BUSY_SNAPSHOT"},
    {SQLITE_LOCKED, "SQLITE_LOCKED"},
    {SQLITE_NOMEM, "SQLITE_NOMEM"},
    {SQLITE_READONLY, "SQLITE_READONLY"},
    {SQLITE_READONLY_CANTLOCK, "SQLITE_READONLY_CANTLOCK"},
    {SQLITE_READONLY_DBMOVED, "SQLITE_READONLY_DBMOVED"},
    {SQLITE_READONLY_DIRECTORY, "SQLITE_READONLY_DIRECTORY"},
    {SQLITE_READONLY_RECOVERY, "SQLITE_READONLY_RECOVERY"},
    {SQLITE_READONLY_ROLLBACK, "SQLITE_READONLY_ROLLBACK"},
    {SQLITE_INTERRUPT, "SQLITE_INTERRUPT"},
    {SQLITE_IOERR, "SQLITE_IOERR"},
    {SQLITE_IOERR_FSYNC, "SQLITE_IOERR_FSYNC"},
    {SQLITE_IOERR_READ, "SQLITE_IOERR_READ"},
    {SQLITE_IOERR_SHORT_READ, "SQLITE_IOERR_SHORT_READ"},
    {SQLITE_IOERR_WRITE, "SQLITE_IOERR_WRITE"},
    {SQLITE_CORRUPT, "SQLITE_CORRUPT"},
    {SQLITE_CORRUPT_INDEX, "SQLITE_CORRUPT_INDEX"},
    {SQLITE_CORRUPT_VTAB, "SQLITE_CORRUPT_VTAB"},
    {SQLITE_NOTFOUND, "SQLITE_NOTFOUND"},
    {SQLITE_FULL, "SQLITE_FULL"},
    {SQLITE_CANTOPEN, "SQLITE_CANTOPEN"},
    {SQLITE_CANTOPEN_ISDIR, "SQLITE_CANTOPEN_ISDIR"},
    {SQLITE_PROTOCOL, "SQLITE_PROTOCOL"},
    {SQLITE_SCHEMA, "SQLITE_SCHEMA"},
    {SQLITE_TOOBIG, "SQLITE_TOOBIG"},
    {SQLITE_CONSTRAINT, "SQLITE_CONSTRAINT"},
    {SQLITE_CONSTRAINT_CHECK, "SQLITE_CONSTRAINT_CHECK"},
    {SQLITE_CONSTRAINT_COMMITHOOK, "SQLITE_CONSTRAINT_COMMITHOOK"},
    {SQLITE_CONSTRAINT_DATATYPE, "SQLITE_CONSTRAINT_DATATYPE"},
    {SQLITE_CONSTRAINT_FOREIGNKEY, "SQLITE_CONSTRAINT_FOREIGNKEY"},
    {SQLITE_CONSTRAINT_FUNCTION, "SQLITE_CONSTRAINT_FUNCTION"},
    {SQLITE_CONSTRAINT_NOTNULL, "SQLITE_CONSTRAINT_NOTNULL"},
    {SQLITE_CONSTRAINT_PINNED, "SQLITE_CONSTRAINT_PINNED"},
    {SQLITE_CONSTRAINT_PRIMARYKEY, "SQLITE_CONSTRAINT_PRIMARYKEY"},
    {SQLITE_CONSTRAINT_ROWID, "SQLITE_CONSTRAINT_ROWID"},
    {SQLITE_CONSTRAINT_TRIGGER, "SQLITE_CONSTRAINT_TRIGGER"},
    {SQLITE_CONSTRAINT_UNIQUE, "SQLITE_CONSTRAINT_UNIQUE"},
    {SQLITE_CONSTRAINT_VTAB, "SQLITE_CONSTRAINT_VTAB"},
    {SQLITE_MISMATCH, "SQLITE_MISMATCH"},
    {SQLITE_MISUSE, "SQLITE_MISUSE"},
    {SQLITE_NOLFS, "SQLITE_NOLFS"},
    {SQLITE_AUTH, "SQLITE_AUTH"},
    {SQLITE_RANGE, "SQLITE_RANGE"},
    {SQLITE_NOTADB, "SQLITE_NOTADB"},
};

std::string LockedMessage(const Guard& guard) {
  char waited[48] = "";
  if (guard.stop_cause() == StopCause::kLocked) {
    std::snprintf(waited, sizeof(waited), " (waited %.1f s)", guard.waited().count());
  }
  return std::string("database is locked by another connection or process") + waited;
}

Error Stopped(const Guard& guard, const char* where) {
  if (guard.stop_cause() == StopCause::kCancelled) {
    return Error{ErrorCode::kCancelled, "the request was cancelled", "SQLITE_INTERRUPT", false};
  }
  return Error{ErrorCode::kTimeout, std::string("the timeout passed while ") + where,
               "SQLITE_INTERRUPT", false};
}

}  // namespace

std::string_view CodeName(int code) {
  for (const int wanted : {code, code & 0xFF}) {
    for (const NamedCode& named : kCodes) {
      if (named.code == wanted) return named.name;
    }
  }
  return "SQLITE_ERROR";
}

bool IsFatal(int code) {
  switch (code & 0xFF) {
    case SQLITE_CANTOPEN:
    case SQLITE_CORRUPT:
    case SQLITE_INTERNAL:
    case SQLITE_IOERR:
    case SQLITE_MISUSE:
    case SQLITE_NOMEM:
    case SQLITE_NOTADB:
    case SQLITE_PROTOCOL:
      return true;
    default:
      return false;
  }
}

Error DescribeFailure(sqlite3* db, int code, const Guard& guard, std::string_view sql,
                      std::span<const types::Value> params) {
  const std::string name(CodeName(code));
  const std::string message = HideValues(sqlite3_errmsg(db), sql, params);
  const auto error = [&](ErrorCode kind, std::string text) {
    return Error{kind, std::move(text), name, false};
  };
  if (!guard.refusal().empty() && (code == SQLITE_AUTH || code == SQLITE_ERROR)) {
    return error(ErrorCode::kInvalidQuery, std::string(guard.refusal()));
  }
  switch (code & 0xFF) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED: {
      const StopCause cause = guard.stop_cause();
      if (cause == StopCause::kCancelled || cause == StopCause::kDeadline) {
        return Stopped(guard, "another connection or process had the database locked");
      }
      Error locked = error(ErrorCode::kBusy, LockedMessage(guard));
      locked.retryable = true;
      return locked;
    }
    case SQLITE_INTERRUPT:
      return Stopped(guard, "the statement ran");
    case SQLITE_AUTH:
    case SQLITE_ERROR:
      return error(ErrorCode::kInvalidQuery, message);
    case SQLITE_TOOBIG:
      return error(ErrorCode::kInvalidQuery, "a value, a row or the SQL is longer than 16 MiB");
    case SQLITE_READONLY:
      if (code == SQLITE_READONLY_ROLLBACK || code == SQLITE_READONLY_RECOVERY) {
        Error interrupted = error(ErrorCode::kDatabase,
                                  "the database was left in the middle of a write and must be "
                                  "opened for writing once to recover");
        interrupted.retryable = true;
        return interrupted;
      }
      return error(ErrorCode::kDatabase, "the database file or its folder cannot be written to");
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return error(ErrorCode::kDatabase, "the file is not a database or is damaged: " + message);
    case SQLITE_FULL:
      return error(ErrorCode::kDatabase, "the disk or the file's size limit is full: " + message);
    case SQLITE_IOERR:
      return error(ErrorCode::kDatabase, message + " (" + name + ")");
    case SQLITE_NOMEM:
      return error(ErrorCode::kDatabase, "out of memory");
    case SQLITE_MISUSE:
    case SQLITE_INTERNAL:
    case SQLITE_RANGE:
      return error(ErrorCode::kInternal, "SQLite: " + message);
    default:
      return error(ErrorCode::kDatabase, message);
  }
}

}  // namespace molt::db::sqlite
