// Watches over everything that runs on one SQLite connection: what statements may do (authorizer),
// how long they may run (progress handler) and how long they may wait for locks (busy handler).
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <string_view>

#include <sqlite3.h>

#include "molt/base/cancel.h"
#include "molt/base/deadline.h"
#include "molt/base/status.h"
#include "molt/db/connection.h"

namespace molt::db::sqlite {

enum class Rights : std::uint8_t {
  kRead,     // statements that only read
  kExplain,  // statements that are only explained: reads and DML
  kWrite,    // DML and DDL
  kDriver,   // the driver's own statements: everything, and nothing stops them but a lock
};

// Why a handler stopped a statement.
enum class StopCause : std::uint8_t { kNone, kCancelled, kDeadline, kLocked };

// What a statement does to the database, as the authorizer saw it while it was compiled.
enum Effect : std::uint8_t { kNoEffect = 0, kInserts = 1, kChangesRows = 2, kChangesSchema = 4 };

// Cancelled or Timeout if the caller has stopped waiting.
[[nodiscard]] Status CheckContext(const ExecContext& context);

class Guard {
 public:
  explicit Guard(std::chrono::milliseconds busy_wait_max) : busy_wait_max_(busy_wait_max) {}
  Guard(const Guard&) = delete;
  Guard& operator=(const Guard&) = delete;

  // Registers the handlers. The guard must outlive the connection and stay where it is.
  void Install(sqlite3* db);

  // What SQLite does while a Scope lives is done for this caller, with these rights. Scopes nest.
  class Scope {
   public:
    Scope(Guard& guard, const ExecContext& context, Rights rights)
        : guard_(guard), context_(guard.context_), rights_(guard.rights_) {
      guard.context_ = &context;
      guard.rights_ = rights;
      guard.stop_cause_ = StopCause::kNone;
      guard.refusal_[0] = '\0';
    }
    ~Scope() {
      guard_.context_ = context_;
      guard_.rights_ = rights_;
    }
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    Guard& guard_;
    const ExecContext* context_;
    Rights rights_;
  };

  // About the failure that happened last in the current scope.
  [[nodiscard]] StopCause stop_cause() const { return stop_cause_; }
  [[nodiscard]] std::chrono::duration<double> waited() const { return waited_; }
  [[nodiscard]] std::string_view refusal() const { return refusal_.data(); }

  // Effects seen since the last call.
  std::uint8_t TakeEffects() {
    const std::uint8_t effects = effects_;
    effects_ = kNoEffect;
    return effects;
  }

 private:
  using Clock = Deadline::Clock;

  // Called by SQLite: none of them may throw.
  static int OnAuthorize(void* self, int action, const char* first, const char* second,
                         const char* schema, const char* trigger) noexcept;
  static int OnProgress(void* self) noexcept;
  static int OnBusy(void* self, int count) noexcept;

  int Authorize(int action, const char* first, const char* second) noexcept;
  int Refuse(const char* format, const char* detail) noexcept;
  int RefuseWrite(const char* what) noexcept;

  const std::chrono::milliseconds busy_wait_max_;
  const ExecContext* context_ = nullptr;
  Rights rights_ = Rights::kRead;
  StopCause stop_cause_ = StopCause::kNone;
  std::uint8_t effects_ = kNoEffect;
  Clock::time_point wait_start_;
  std::chrono::duration<double> waited_{0};
  std::array<char, 256> refusal_{};
};

}  // namespace molt::db::sqlite
