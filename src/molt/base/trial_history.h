// Whether something is worth trying the quick way, learnt from how it went before.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

namespace molt {

// After a failed trial some turns go without one, each time in a row twice as many; a success
// forgives. So what is always too slow for a trial costs next to none, and one bad moment does not
// count for ever. Any thread may use it: a lost update costs a trial, nothing more. Copies start
// anew, so that what holds one stays an ordinary value.
class TrialHistory {
 public:
  TrialHistory() = default;
  TrialHistory(const TrialHistory&) {}
  TrialHistory& operator=(const TrialHistory&) { return *this; }

  // Whether this turn should be tried.
  [[nodiscard]] bool TakeTurn() {
    const std::uint32_t left = skips_left_.load(std::memory_order_relaxed);
    if (left == 0) return true;
    skips_left_.store(left - 1, std::memory_order_relaxed);
    return false;
  }
  void Failed() {
    const std::uint32_t skips =
        std::min(penalty_.load(std::memory_order_relaxed) * 2 + 1, kSkipsMax);
    penalty_.store(skips, std::memory_order_relaxed);
    skips_left_.store(skips, std::memory_order_relaxed);
  }
  void Succeeded() { penalty_.store(0, std::memory_order_relaxed); }

 private:
  static constexpr std::uint32_t kSkipsMax = 1023;
  std::atomic<std::uint32_t> skips_left_ = 0;
  std::atomic<std::uint32_t> penalty_ = 0;
};

}  // namespace molt
