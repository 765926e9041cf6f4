// How long things take, measured as they happen.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <limits>

namespace molt::db::postgres {

// A moving average in which the last eight or so count. Thread-safe; two that add at once may lose
// one of the two. Copies begin anew.
class UsualTime {
 public:
  UsualTime() = default;
  UsualTime(const UsualTime&) {}
  UsualTime& operator=(const UsualTime&) { return *this; }

  void Add(std::chrono::steady_clock::duration time) {
    const std::int64_t micros = std::chrono::duration_cast<std::chrono::microseconds>(time).count();
    const std::int64_t usual = micros_.load(std::memory_order_relaxed);
    micros_.store(usual < 0 ? micros : usual + (micros - usual) / 8, std::memory_order_relaxed);
  }
  [[nodiscard]] bool IsKnown() const { return micros_.load(std::memory_order_relaxed) >= 0; }
  // True if nothing is known.
  [[nodiscard]] bool IsWithin(std::chrono::microseconds limit) const {
    return micros_.load(std::memory_order_relaxed) <= limit.count();
  }

 private:
  std::atomic<std::int64_t> micros_ = -1;
};

// The least that was ever seen; 0 until then. Thread-safe.
class LeastTime {
 public:
  void Add(std::chrono::steady_clock::duration time) {
    const std::int64_t micros = std::chrono::duration_cast<std::chrono::microseconds>(time).count();
    if (micros < micros_.load(std::memory_order_relaxed)) {
      micros_.store(micros, std::memory_order_relaxed);
    }
  }
  [[nodiscard]] std::chrono::microseconds Get() const {
    const std::int64_t micros = micros_.load(std::memory_order_relaxed);
    return std::chrono::microseconds(micros == kNever ? 0 : micros);
  }

 private:
  static constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();
  std::atomic<std::int64_t> micros_ = kNever;
};

}  // namespace molt::db::postgres
