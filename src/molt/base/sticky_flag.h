// A flag that any thread may raise and none lowers.
#pragma once

#include <atomic>

namespace molt {

// Copies like the bool it is, so that what holds one stays an ordinary value.
class StickyFlag {
 public:
  StickyFlag() = default;
  StickyFlag(const StickyFlag& other) : raised_(other.IsRaised()) {}
  StickyFlag& operator=(const StickyFlag& other) {
    raised_.store(other.IsRaised(), std::memory_order_relaxed);
    return *this;
  }

  void Raise() { raised_.store(true, std::memory_order_relaxed); }
  [[nodiscard]] bool IsRaised() const { return raised_.load(std::memory_order_relaxed); }

 private:
  std::atomic<bool> raised_ = false;
};

}  // namespace molt
