#include "molt/worker/reply_budget.h"

#include <algorithm>
#include <bit>

#include "molt/wire/frame.h"

namespace molt::worker {

bool ReplyBudget::Share::MayHave(std::size_t size) {
  size += kept_;
  if (size <= taken_) return true;
  // Twice as much each time, so that it is asked for rarely.
  const std::size_t wanted = std::max(size, std::min(std::bit_ceil(size), wire::kFrameBytesMax));
  // Who waits longer than this one has been here comes first.
  const bool may = has_all_ || (!budget_->is_waited_for_ && budget_->TryAdd(wanted - taken_));
  if (!may) {
    was_refused_ = true;
    return false;
  }
  if (has_all_) budget_->taken_ += wanted - taken_;
  taken_ = wanted;
  return true;
}

void ReplyBudget::Share::Hold(std::size_t size) {
  if (size <= taken_) return;
  budget_->taken_ += size - taken_;
  taken_ = size;
}

void ReplyBudget::Share::GiveBack() {
  if (taken_ > 0) budget_->Return(std::exchange(taken_, 0));
  kept_ = 0;
  was_refused_ = false;
}

bool ReplyBudget::TryAdd(std::size_t size) {
  std::size_t taken = taken_;
  while (true) {
    const std::size_t held = taken + unread_;
    // Alone, a reply may have what it needs: no limit is so low that it could never be made.
    if (held > 0 && held + size > bytes_max_) return false;
    if (taken_.compare_exchange_weak(taken, taken + size)) return true;
  }
}

void ReplyBudget::Return(std::size_t size) {
  taken_ -= size;
  if (is_waited_for_) reactor_.Post([self = shared_from_this()] { self->Serve(); });
}

bool ReplyBudget::TryTake(Share& share, std::size_t size) {
  if (!waiting_.empty() || !TryAdd(size)) return false;
  share.taken_ += size;
  return true;
}

Async<void> ReplyBudget::Take(std::shared_ptr<Share> share, std::size_t size, Deadline deadline,
                              CancelToken cancel) {
  const auto waiter = std::make_shared<Waiter>(Waiter{*share, size});
  waiting_.push_back(waiter);
  // Before Serve looks: who gives back from now on calls it again.
  is_waited_for_ = true;
  Serve();
  const Wake wake = co_await Event::Wait(waiter->event, &reactor_, deadline, std::move(cancel));
  // Served, and overtaken by the deadline before it was resumed: what it has it has.
  if (waiter->is_served) co_return Status();
  waiting_.erase(std::find(waiting_.begin(), waiting_.end(), waiter));
  Serve();
  if (wake == Wake::kCancelled) co_return Cancelled("the request was cancelled while it waited");
  co_return TimedOut("the deadline passed while the client had too much to read");
}

Async<void> ReplyBudget::TakeAll(std::shared_ptr<Share> share, Deadline deadline,
                                 CancelToken cancel) {
  share->GiveBack();
  MOLT_CO_RETURN_IF_ERROR(co_await Take(share, wire::kFrameBytesMax, deadline, std::move(cancel)));
  share->has_all_ = true;
  co_return Status();
}

void ReplyBudget::SetUnread(std::size_t bytes) {
  unread_.store(bytes, std::memory_order_relaxed);
  if (is_waited_for_) Serve();
}

void ReplyBudget::Serve() {
  while (!waiting_.empty() && TryAdd(waiting_.front()->size)) {
    const std::shared_ptr<Waiter> next = std::move(waiting_.front());
    waiting_.pop_front();
    next->share.taken_ += next->size;
    next->is_served = true;
    next->event->Notify();
  }
  if (waiting_.empty()) is_waited_for_ = false;
}

}  // namespace molt::worker
