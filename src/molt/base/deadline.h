// A point in time after which work must stop. A duration (a timeout) becomes a Deadline once, at
// the border; inside there are only time points, so that waiting in a queue counts.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>

namespace molt {

class Deadline {
 public:
  using Clock = std::chrono::steady_clock;

  // No deadline.
  Deadline() = default;

  static Deadline At(Clock::time_point when) { return Deadline(when); }
  // A duration too long for the clock to hold (centuries) is no deadline, one below zero has
  // passed.
  static Deadline After(std::chrono::duration<double> timeout) {
    if (!(timeout.count() < 1e9)) return Deadline();
    timeout = std::max(timeout, std::chrono::duration<double>::zero());
    return Deadline(Clock::now() + std::chrono::duration_cast<Clock::duration>(timeout));
  }

  [[nodiscard]] bool IsSet() const { return when_.has_value(); }
  [[nodiscard]] bool HasPassed() const { return when_ && Clock::now() >= *when_; }
  // Precondition: IsSet().
  [[nodiscard]] Clock::time_point When() const { return *when_; }

  // The earlier of the two; an unset one never wins.
  [[nodiscard]] Deadline Earlier(const Deadline& other) const {
    if (!when_) return other;
    if (!other.when_) return *this;
    return *when_ <= *other.when_ ? *this : other;
  }

 private:
  explicit Deadline(Clock::time_point when) : when_(when) {}
  std::optional<Clock::time_point> when_;
};

// Rounded down.
[[nodiscard]] inline std::int64_t MicrosSince(Deadline::Clock::time_point begin) {
  return std::chrono::duration_cast<std::chrono::microseconds>(Deadline::Clock::now() - begin)
      .count();
}

}  // namespace molt
