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

Async<void> Call::WaitForCredit() {
  while (credit_ == 0) {
    credit_came_ = std::make_shared<Event>();
    const Wake wake =
        co_await Event::Wait(credit_came_, &server.reactor(), deadline, cancel.Token());
    credit_came_.reset();
    if (wake == Wake::kCancelled) co_return Cancelled("the request was cancelled");
    if (wake == Wake::kTimeout) {
      co_return TimedOut("the deadline passed while the client let no more of the result come");
    }
  }
  --credit_;
  co_return Status();
}

Async<void> Call::WaitForTurn() {
  MOLT_CO_RETURN_IF_ERROR(co_await WaitForCredit());
  const auto replies = replies_.lock();
  if (!replies) co_return Cancelled("the client is gone");
  co_return co_await replies->WaitForRoom(deadline, cancel.Token());
}

Async<void> Call::SendPart(wire::PayloadCodec codec, std::string payload) {
  MOLT_CO_RETURN_IF_ERROR(co_await WaitForTurn());
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
