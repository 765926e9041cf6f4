#include "molt/worker/call.h"

#include <algorithm>
#include <chrono>

#include "molt/worker/server.h"

namespace molt::worker {

namespace {

Deadline DeadlineOf(const wire::Request& request) {
  if (request.timeout_ms == 0) return {};
  return Deadline::After(std::chrono::milliseconds(request.timeout_ms));
}

db::PoolUse UseOf(const StreamHold& hold) {
  return hold.alias == nullptr ? db::PoolUse() : hold.alias->options.pool->Use();
}

// Whether others wait for what a stream holds, or did for a while since `before`: a wait for a
// connection may be shorter than the time between two looks.
bool OthersWait(const StreamHold& hold, const db::PoolUse& before) {
  const db::PoolUse use = UseOf(hold);
  return hold.alias->gate.waiting() > 0 || use.waiting > 0 || use.waits != before.waits;
}

}  // namespace

Call::Call(Server& of, OfferPtr from, const Callable& what, wire::Request received_request,
           wire::WireFormat on, std::weak_ptr<PartSink> replies,
           std::shared_ptr<ReplyBudget> budget)
    : server(of),
      offer(std::move(from)),
      callable(what),
      request(std::move(received_request)),
      format(on),
      deadline(DeadlineOf(request)),
      share(std::move(budget)),
      replies_(std::move(replies)),
      credit_(request.stream_window.value_or(0)) {}

engine::RequestContext Call::Context() const {
  engine::RequestContext context;
  context.deadline = deadline;
  context.cancel = cancel.Token();
  return context;
}

Async<void> Call::WaitForCredit(Deadline until) {
  while (credit_ == 0) {
    credit_came_ = std::make_shared<Event>();
    const Wake wake = co_await Event::Wait(credit_came_, &server.reactor(), until, cancel.Token());
    credit_came_.reset();
    if (wake == Wake::kCancelled) co_return Cancelled("the request was cancelled");
    if (wake == Wake::kTimeout) {
      co_return TimedOut("the deadline passed while the client let no more of the result come");
    }
  }
  co_return Status();
}

Async<void> Call::WaitForCreditAndRoom(Deadline until) {
  MOLT_CO_RETURN_IF_ERROR(co_await WaitForCredit(until));
  const auto replies = replies_.lock();
  if (!replies) co_return Cancelled("the client is gone");
  co_return co_await replies->WaitForRoom(until, cancel.Token());
}

Async<void> Call::WaitForTurn(const StreamHold& hold) {
  const std::chrono::milliseconds patience = offer->options().stream_wait_max;
  const db::PoolUse before = UseOf(hold);
  while (true) {
    const Deadline look = hold.alias == nullptr ? Deadline() : Deadline::After(patience);
    const Status turn = co_await WaitForCreditAndRoom(hold.deadline.Earlier(look));
    if (turn) break;
    const bool may_look = look.IsSet() && !hold.deadline.HasPassed();
    if (turn.error().code != ErrorCode::kTimeout || !may_look) co_return turn;
    if (OthersWait(hold, before)) {
      co_return Busy("the stream was given up: its client let nothing come for " +
                     std::to_string(patience.count()) +
                     " ms, while others waited for the database; try again later");
    }
  }
  --credit_;
  co_return Status();
}

Async<void> Call::SendPart(wire::PayloadCodec codec, std::string payload, const StreamHold& hold) {
  MOLT_CO_RETURN_IF_ERROR(co_await WaitForTurn(hold));
  wire::Response part;
  part.request_id = request.request_id;
  part.codec = codec;
  part.payload = std::move(payload);
  part.entry = request.entry;
  part.part = {next_seq++, true};
  const auto replies = replies_.lock();
  if (!replies) co_return Cancelled("the client is gone");
  replies->Send(std::move(part));
  co_return Status();
}

void Call::AddCredit(std::uint64_t parts) {
  // More than a stream can ever have is as good as that.
  credit_ = std::min<std::uint64_t>(credit_ + std::min<std::uint64_t>(parts, 1U << 30), 1U << 30);
  if (credit_came_ && credit_ > 0) credit_came_->Notify();
}

}  // namespace molt::worker
