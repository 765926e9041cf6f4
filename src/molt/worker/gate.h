// Admission: how many requests run on one database at a time, and how many may wait for that.
#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <utility>

#include "molt/base/async.h"
#include "molt/base/reactor.h"

namespace molt::worker {

// How many wait, at all gates together. One more is Busy at once.
struct WaitingRoom {
  std::size_t places = 64;
  std::size_t taken = 0;
};

// Used on the reactor's thread only, like all that it hands out.
class Gate {
 public:
  // A place among those that run; given back when destroyed.
  class [[nodiscard]] Pass {
   public:
    Pass() = default;
    explicit Pass(Gate& gate) : gate_(&gate) {}
    Pass(Pass&& other) noexcept : gate_(std::exchange(other.gate_, nullptr)) {}
    Pass& operator=(Pass&& other) noexcept {
      std::swap(gate_, other.gate_);
      return *this;
    }
    ~Pass() {
      if (gate_ != nullptr) gate_->Leave();
    }

   private:
    Gate* gate_ = nullptr;
  };

  Gate(Reactor& reactor, WaitingRoom& room, std::size_t running_max)
      : reactor_(reactor), room_(room), running_max_(running_max) {}

  // First come, first served. Busy if nobody more may wait; Timeout or Cancelled while waiting.
  Async<Pass> Enter(Deadline deadline, CancelToken cancel);

  // Whether one that is done at once may go ahead: not past those that wait, and not when it would
  // be refused if it were slow.
  [[nodiscard]] bool HasRoom() const {
    return waiting_.empty() && (running_ < running_max_ || room_.taken < room_.places);
  }

  [[nodiscard]] std::size_t running() const { return running_; }
  [[nodiscard]] std::size_t idle() const { return running_max_ - running_; }
  [[nodiscard]] std::size_t waiting() const { return waiting_.size(); }

 private:
  struct Waiter {
    std::shared_ptr<Event> event = std::make_shared<Event>();
    bool is_admitted = false;
  };
  void Leave();

  Reactor& reactor_;
  WaitingRoom& room_;
  const std::size_t running_max_;
  std::size_t running_ = 0;
  std::deque<std::shared_ptr<Waiter>> waiting_;
};

}  // namespace molt::worker
