// How long something may be tried on a thread that others wait for.
#pragma once

#include <chrono>
#include <cstdint>

#include "molt/base/deadline.h"

namespace molt {

// Time that the thread itself uses: what the scheduler gives to other threads meanwhile does not
// count, since giving up would not bring it back. Whoever has to wait, for a disk or a lock, is
// over as soon as the time has passed on the clock. Used on the thread that made it.
class TrialTime {
 public:
  // No trial: never over.
  TrialTime() = default;
  static TrialTime Of(std::chrono::microseconds time);

  [[nodiscard]] bool IsSet() const { return end_.IsSet(); }
  // As cheap as a look at the clock, until that has passed.
  [[nodiscard]] bool IsOver() const { return end_.HasPassed() && IsUsedUp(); }

 private:
  // Of the calling thread so far.
  struct Usage {
    std::chrono::microseconds cpu{0};
    std::int64_t waits = 0;  // how often it gave up its core by itself
  };
  [[nodiscard]] static Usage Now();
  // If not, the end is put off by what is left.
  [[nodiscard]] bool IsUsedUp() const;

  std::chrono::microseconds time_{0};
  Usage begin_;
  mutable Deadline end_;  // not before this
};

}  // namespace molt
