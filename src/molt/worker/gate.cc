#include "molt/worker/gate.h"

#include <algorithm>
#include <string>

namespace molt::worker {

Async<Gate::Pass> Gate::Enter(Deadline deadline, CancelToken cancel) {
  if (cancel.IsCancelled()) co_return Cancelled("the request was cancelled");
  if (running_ < running_max_ && waiting_.empty()) {
    ++running_;
    co_return Pass(*this);
  }
  if (room_.taken >= room_.places) {
    co_return Busy("the worker is busy: " + std::to_string(running_) + " requests run on this " +
                   "database, and " + std::to_string(room_.taken) + " of " +
                   std::to_string(room_.places) +
                   " places in the queue are taken; try again later");
  }
  const auto waiter = std::make_shared<Waiter>();
  waiting_.push_back(waiter);
  ++room_.taken;
  const Wake wake = co_await Event::Wait(waiter->event, &reactor_, deadline, std::move(cancel));
  // Admitted, and overtaken by the deadline before it was resumed: the place is there all the same.
  if (waiter->is_admitted) co_return Pass(*this);
  --room_.taken;
  waiting_.erase(std::find(waiting_.begin(), waiting_.end(), waiter));
  if (wake == Wake::kCancelled) co_return Cancelled("the request was cancelled while it waited");
  co_return TimedOut("the deadline passed while the request waited in the worker's queue");
}

void Gate::Leave() {
  if (waiting_.empty()) {
    --running_;
    return;
  }
  const std::shared_ptr<Waiter> next = std::move(waiting_.front());
  waiting_.pop_front();
  --room_.taken;
  next->is_admitted = true;
  next->event->Notify();
}

}  // namespace molt::worker
