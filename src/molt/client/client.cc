#include "molt/client/client.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace molt::client {

namespace {

// A worker answers at the deadline that it was given, and says why; it is heard out for so long.
constexpr std::chrono::milliseconds kReadGrace{100};
// A write that must stop has so long to say whether it was done.
constexpr std::chrono::milliseconds kWriteGrace{2000};

constexpr std::chrono::milliseconds kFirstPause{10};
constexpr int kPauseDoublesMax = 9;  // to about 5 s

std::uint32_t TimeoutOf(const Deadline& deadline) {
  if (!deadline.IsSet()) return 0;
  const auto left =
      std::chrono::ceil<std::chrono::milliseconds>(deadline.When() - Deadline::Clock::now());
  return static_cast<std::uint32_t>(
      std::clamp<std::int64_t>(left.count(), 1, std::numeric_limits<std::uint32_t>::max()));
}

Deadline Extended(const Deadline& deadline, std::chrono::milliseconds by) {
  return deadline.IsSet() ? Deadline::At(deadline.When() + by) : deadline;
}

// What is left to say of a write whose reply did not come.
Error Unknown(Error cause) {
  cause.code = ErrorCode::kDatabase;
  cause.sqlstate = "08007";
  cause.message += "; it is not known whether the statement was done";
  return cause;
}

}  // namespace

Async<Reply> Call::Next(Patience patience) {
  if (first_) co_return *std::exchange(first_, std::nullopt);
  Patience until = patience;
  until.deadline = Extended(patience.deadline, is_read_ ? kReadGrace : kWriteGrace);
  auto received = co_await Channel::Receive(*exchange_, until);
  if (!received && !is_read_) {
    if (received.error().code == ErrorCode::kCancelled) {
      exchange_->Stop();
      until.cancel = CancelToken();
      until.deadline = Deadline::After(kWriteGrace);
      received = co_await Channel::Receive(*exchange_, until);
    }
    if (!received) co_return Fail(Unknown(std::move(received).error()));
  }
  if (!received) co_return Fail(std::move(received).error());
  wire::Response& response = received->response;
  if (response.status != wire::ResponseStatus::kOk) co_return Fail(wire::ErrorOf(response));
  Reply reply;
  reply.codec = response.codec;
  reply.payload = std::move(response.payload);
  reply.is_last = !response.part || !response.part->more;
  if (reply.is_last) {
    reply.metrics = std::move(received->metrics);  // before, they are 0
  } else {
    exchange_->Credit(1);
  }
  co_return reply;
}

Result<std::shared_ptr<Channel>> Client::Connected() {
  std::shared_ptr<Channel> lost;  // ends without the lock
  const std::lock_guard lock(mutex_);
  if (is_closed_) return Closed("the client is closed");
  if (channel_ && !channel_->HasFailed()) return channel_;
  lost = std::move(channel_);
  const bool starts = !endpoint_.command.empty();
  if (starts && not_before_.IsSet() && !not_before_.HasPassed()) {
    return Unavailable("the worker was started " + std::to_string(starts_in_vain_.load()) +
                       " times and went away without an answer; it is tried again in a moment");
  }
  MOLT_ASSIGN(std::unique_ptr<Link> link, Link::Open(endpoint_));
  if (starts) {
    const int before = starts_in_vain_++;
    not_before_ = before == 0
                      ? Deadline()
                      : Deadline::After(kFirstPause * (1 << std::min(before, kPauseDoublesMax)));
  }
  channel_ = std::make_shared<Channel>(std::move(link), writer_);
  return channel_;
}

Async<std::unique_ptr<Call>> Client::Begin(std::shared_ptr<Client> client, CallSpec spec,
                                           Patience patience) {
  wire::Request request;
  request.entry = std::move(spec.entry);
  request.codec = spec.codec;
  request.payload = std::move(spec.payload);
  request.stream_window = spec.window;
  auto call = std::make_unique<Call>();
  call->is_read_ = spec.is_read;
  for (bool is_first_try = true;; is_first_try = false) {
    if (patience.deadline.HasPassed()) {
      co_return TimedOut("the deadline passed before the request was sent");
    }
    MOLT_CO_ASSIGN(const std::shared_ptr<Channel> channel, client->Connected());
    request.timeout_ms = TimeoutOf(patience.deadline);
    auto exchange = channel->Send(request);
    if (!exchange) {
      if (is_first_try && exchange.error().code == ErrorCode::kUnavailable) continue;
      co_return Fail(std::move(exchange).error());
    }
    call->exchange_ = std::move(*exchange);
    auto reply = co_await call->Next(patience);
    const bool is_gone = !reply && reply.error().code == ErrorCode::kUnavailable;
    if (is_gone && is_first_try && spec.is_read) continue;
    if (!is_gone) client->starts_in_vain_ = 0;
    if (!reply) co_return Fail(std::move(reply).error());
    call->first_ = std::move(*reply);
    co_return call;
  }
}

Async<Reply> Client::Ask(std::shared_ptr<Client> client, CallSpec spec, Patience patience) {
  MOLT_CO_ASSIGN(const std::unique_ptr<Call> call,
                 co_await Begin(std::move(client), std::move(spec), patience));
  co_return co_await call->Next(patience);
}

void Client::Close() {
  std::shared_ptr<Channel> channel;
  {
    const std::lock_guard lock(mutex_);
    is_closed_ = true;
    channel = std::move(channel_);
  }
  if (channel) channel->Fail(Closed("the client is closed").value());
}

pid_t Client::process() {
  const std::lock_guard lock(mutex_);
  return channel_ && !channel_->HasFailed() ? channel_->process() : -1;
}

}  // namespace molt::client
