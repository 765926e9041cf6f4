#include "molt/db/sqlite/sqlite_guard.h"

#include <time.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <iterator>
#include <thread>

namespace molt::db::sqlite {

namespace {

// Virtual machine instructions between two looks at the caller's cancel flag and deadline. So few,
// because one instruction can be a function call that takes milliseconds on a long value.
constexpr int kStepsPerCheck = 32;

// A look at this clock costs a quarter of the precise one. It is late by a tick (1 to 10 ms).
Deadline::Clock::time_point CoarseNow() {
#ifdef CLOCK_MONOTONIC_COARSE
  timespec now{};
  if (clock_gettime(CLOCK_MONOTONIC_COARSE, &now) == 0) {
    return Deadline::Clock::time_point(std::chrono::seconds(now.tv_sec) +
                                       std::chrono::nanoseconds(now.tv_nsec));
  }
#endif
  return Deadline::Clock::now();
}

bool IsOneOf(const char* name, const char* const* begin, const char* const* end) {
  return name != nullptr && std::any_of(begin, end, [name](const char* candidate) {
           return sqlite3_stricmp(name, candidate) == 0;
         });
}

// Functions that reach outside of the database.
bool IsForbiddenFunction(const char* name) {
  static constexpr const char* kNames[] = {"load_extension", "fts3_tokenizer", "sqlite_log",
                                           "readfile",       "writefile",      "edit",
                                           "fsdir",          "lsmode"};
  return IsOneOf(name, std::begin(kNames), std::end(kNames));
}

// Pragmas that only tell something, whatever their argument.
bool IsIntrospection(const char* name) {
  static constexpr const char* kNames[] = {"table_info",      "table_xinfo", "table_list",
                                           "index_list",      "index_info",  "index_xinfo",
                                           "foreign_key_list"};
  return IsOneOf(name, std::begin(kNames), std::end(kNames));
}

// Pragmas that only tell something as long as they have no argument. Full-text tables ask for
// data_version and page_size when they are read.
bool IsReadingWithoutArgument(const char* name) {
  static constexpr const char* kNames[] = {
      "application_id", "collation_list", "compile_options", "data_version",   "encoding",
      "function_list",  "page_count",     "page_size",       "schema_version", "user_version"};
  return IsOneOf(name, std::begin(kNames), std::end(kNames));
}

bool IsSchemaTable(const char* table) {
  static constexpr const char* kNames[] = {"sqlite_master", "sqlite_schema"};
  return IsOneOf(table, std::begin(kNames), std::end(kNames));
}

bool IsTempSchemaTable(const char* table) {
  static constexpr const char* kNames[] = {"sqlite_temp_master", "sqlite_temp_schema"};
  return IsOneOf(table, std::begin(kNames), std::end(kNames));
}

bool IsTempAction(int action) {
  switch (action) {
    case SQLITE_CREATE_TEMP_INDEX:
    case SQLITE_CREATE_TEMP_TABLE:
    case SQLITE_CREATE_TEMP_TRIGGER:
    case SQLITE_CREATE_TEMP_VIEW:
    case SQLITE_DROP_TEMP_INDEX:
    case SQLITE_DROP_TEMP_TABLE:
    case SQLITE_DROP_TEMP_TRIGGER:
    case SQLITE_DROP_TEMP_VIEW:
      return true;
    default:
      return false;
  }
}

}  // namespace

Status CheckContext(const ExecContext& context) {
  if (context.cancel.IsCancelled()) return Cancelled("the request was cancelled");
  if (context.deadline.HasPassed()) return TimedOut("the timeout passed");
  return {};
}

void Guard::Install(sqlite3* db) {
  sqlite3_set_authorizer(db, &Guard::OnAuthorize, this);
  sqlite3_progress_handler(db, kStepsPerCheck, &Guard::OnProgress, this);
  sqlite3_busy_handler(db, &Guard::OnBusy, this);
}

int Guard::OnProgress(void* self) noexcept {
  auto& guard = *static_cast<Guard*>(self);
  if (guard.context_ == nullptr || guard.rights_ == Rights::kDriver) return 0;
  const ExecContext& context = *guard.context_;
  if (context.cancel.IsCancelled()) {
    guard.stop_cause_ = StopCause::kCancelled;
    return 1;
  }
  const bool late = context.deadline.IsSet() && CoarseNow() >= context.deadline.When();
  if (late || context.trial.IsOver()) {
    guard.stop_cause_ = StopCause::kDeadline;
    return 1;
  }
  return 0;
}

// Waits a little and lets SQLite try again, until the caller or the limit says to stop. Locks have
// no queue to wait in: SQLite can only ask again.
int Guard::OnBusy(void* self, int count) noexcept {
  using std::chrono::microseconds;
  static constexpr microseconds kPauses[] = {microseconds(100), microseconds(250),
                                             microseconds(500), microseconds(1000),
                                             microseconds(2000)};
  auto& guard = *static_cast<Guard*>(self);
  if (guard.stop_cause_ == StopCause::kLocked) return 0;  // has waited its time in this call
  const auto now = Clock::now();
  if (count == 0) guard.wait_start_ = now;
  guard.waited_ = now - guard.wait_start_;
  const bool waits = guard.context_ == nullptr || !guard.context_->trial.IsSet();
  Clock::time_point until = guard.wait_start_ + guard.busy_wait_max_;
  if (guard.context_ != nullptr) {
    const ExecContext& context = *guard.context_;
    if (context.cancel.IsCancelled()) guard.stop_cause_ = StopCause::kCancelled;
    if (context.deadline.IsSet()) {
      if (now >= context.deadline.When()) guard.stop_cause_ = StopCause::kDeadline;
      until = std::min(until, context.deadline.When());
    }
  }
  if (guard.stop_cause_ == StopCause::kNone && (now >= until || !waits)) {
    guard.stop_cause_ = StopCause::kLocked;
  }
  if (guard.stop_cause_ != StopCause::kNone) return 0;
  const auto step = static_cast<std::size_t>(count);
  const microseconds pause = kPauses[std::min(step, std::size(kPauses) - 1)];
  std::this_thread::sleep_for(std::min<Clock::duration>(pause, until - now));
  return 1;
}

int Guard::OnAuthorize(void* self, int action, const char* first, const char* second,
                       const char* /*schema*/, const char* /*trigger*/) noexcept {
  return static_cast<Guard*>(self)->Authorize(action, first, second);
}

int Guard::Refuse(const char* format, const char* detail) noexcept {
  // The first refusal is the one that made SQLite give up.
  if (refusal_[0] == '\0') {
    std::snprintf(refusal_.data(), refusal_.size(), format, detail == nullptr ? "" : detail);
  }
  return SQLITE_DENY;
}

int Guard::RefuseWrite(const char* what) noexcept {
  return Refuse("this statement writes (%s); use execute() for statements that write", what);
}

int Guard::Authorize(int action, const char* first, const char* second) noexcept {
  if (rights_ == Rights::kDriver) return SQLITE_OK;
  if (IsTempAction(action) || (action == SQLITE_INSERT && IsTempSchemaTable(first))) {
    return Refuse(
        "temporary tables, views and triggers are not allowed: the next statement may "
        "run on another connection%s",
        "");
  }
  const bool may_change_rows = rights_ == Rights::kWrite || rights_ == Rights::kExplain;
  switch (action) {
    case SQLITE_SELECT:
    case SQLITE_READ:
    case SQLITE_RECURSIVE:
      return SQLITE_OK;
    case SQLITE_FUNCTION:
      return IsForbiddenFunction(second) ? Refuse("the function %s is not allowed", second)
                                         : SQLITE_OK;
    case SQLITE_PRAGMA:
      if (IsIntrospection(first)) return SQLITE_OK;
      if (second == nullptr && IsReadingWithoutArgument(first)) return SQLITE_OK;
      return Refuse("PRAGMA %s is not allowed", first);
    case SQLITE_ATTACH:
      return Refuse("ATTACH is not allowed%s", "");
    case SQLITE_DETACH:
      return Refuse("DETACH is not allowed%s", "");
    case SQLITE_TRANSACTION:
      return Refuse("%s is not allowed: every call is a transaction of its own", first);
    case SQLITE_SAVEPOINT:
      return Refuse("SAVEPOINT is not allowed: every call is a transaction of its own%s", "");
    case SQLITE_INSERT:
    case SQLITE_UPDATE:
    case SQLITE_DELETE:
      if (IsSchemaTable(first)) {
        // Asked, although nothing is updated, when a virtual table is first used. One who means it
        // fails: the connection is in defensive mode.
        if (action == SQLITE_UPDATE) return SQLITE_OK;
        // CREATE and DROP begin so.
        effects_ |= kChangesSchema;
        return rights_ == Rights::kWrite ? SQLITE_OK : RefuseWrite("it changes the schema");
      }
      effects_ |= action == SQLITE_INSERT ? kInserts | kChangesRows : kChangesRows;
      if (may_change_rows) return SQLITE_OK;
      return RefuseWrite(action == SQLITE_INSERT   ? "INSERT"
                         : action == SQLITE_UPDATE ? "UPDATE"
                                                   : "DELETE");
    default:  // the rest is DDL: CREATE, ALTER, DROP, ANALYZE, REINDEX
      effects_ |= kChangesSchema;
      return rights_ == Rights::kWrite ? SQLITE_OK : RefuseWrite("it changes the schema");
  }
}

}  // namespace molt::db::sqlite
