#include "molt/worker/session.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <utility>

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>

#include "molt/worker/entry.h"
#include "molt/worker/query_input.h"
#include "molt/worker/server.h"

namespace molt::worker {

namespace {

// Of a client's requests under way: one of the longest, and as much again.
constexpr std::size_t kRequestBytesMax = 2 * wire::kFrameBytesMax;
// What a client that sends no more has left for requests without a deadline of their own.
constexpr std::chrono::seconds kLingerTime{2};
constexpr std::chrono::milliseconds kHangUpPoll{50};
// A part of a large result leaves in one write then, and worker and client need not take turns for
// it. The kernel gives no more than it allows (net.core.wmem_max).
constexpr int kSendBytes = 1 << 20;

// Whether the other side of a socket is gone altogether, not only done with sending. The end of a
// pipe says nothing of whoever reads the replies.
bool HasHungUp(int fd) {
  int type = 0;
  socklen_t size = sizeof(type);
  if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) != 0) return false;
  pollfd entry{fd, 0, 0};
  return poll(&entry, 1, 0) > 0 && (entry.revents & (POLLHUP | POLLERR)) != 0;
}

}  // namespace

Session::Session(Server& server, int in, int out, bool owns, bool is_only)
    : server_(server),
      in_(in),
      out_(out),
      owns_(owns),
      is_only_(is_only),
      budget_(std::make_shared<ReplyBudget>(server.reactor(),
                                            server.offer()->options().reply_bytes_max)) {
  setsockopt(out_, SOL_SOCKET, SO_SNDBUF, &kSendBytes, sizeof(kSendBytes));  // no pipe has one
}

Session::~Session() {
  if (owns_) {
    close(in_);
    close(out_);
  }
}

void Session::Start() {
  asio::co_spawn(InlineExecutor(server_.executor_context()), Read(shared_from_this()),
                 asio::detached);
}

asio::awaitable<void> Session::Read(std::shared_ptr<Session> self) {
  const Deadline none;
  const CancelToken no_cancel;
  while (reads_) {
    const CancelToken stop = reading_.Token();
    if (output_.unread() > kOutputBytesMax) {
      [[maybe_unused]] const Status read = co_await WaitForRoom(none, stop);
      HandleFrames();  // what had come before then
      continue;
    }
    if (co_await WaitForFd(&server_.reactor(), in_, Interest::kRead, none, stop) ==
        Wake::kCancelled) {
      continue;
    }
    const std::size_t size = reader_.SuggestedRead();
    const ssize_t got = read(in_, reader_.Reserve(size), size);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    if (got <= 0) {
      reads_ = false;
      if (got < 0 || HasHungUp(in_)) CancelAll();
      break;
    }
    reader_.Commit(static_cast<std::size_t>(got));
    server_.counters().bytes_in += static_cast<std::size_t>(got);
    HandleFrames();
  }
  if (!is_closed_) co_await Linger(self);
}

void Session::HandleFrames() {
  while (reads_ && output_.unread() <= kOutputBytesMax) {
    auto frame = reader_.Next();
    if (!frame) {
      Refuse(0, frame.error(), {}, wire::WireFormat::kMsgPack, server_.counters().other);
      CancelAll();
      reads_ = false;
      return;
    }
    if (!*frame) return;
    Handle(**frame);
  }
}

void Session::Handle(std::string_view body) {
  wire::ReceivedRequest received = wire::ReadRequest(body);
  wire::Request& request = received.request;
  if (!received.problem.empty()) {
    return Refuse(
        request.request_id,
        {ErrorCode::kInvalidQuery, "the request cannot be read: " + received.problem, {}, false},
        request.entry, received.format, server_.counters().other);
  }
  if (HandleControl(request, received.format)) return;
  const OfferPtr& offer = server_.offer();
  const Result<const Callable*> callable = offer->Find(request.entry);
  const auto refuse = [&](const Error& error) {
    Refuse(request.request_id, error, request.entry, received.format,
           callable ? *(*callable)->counters : server_.counters().other);
  };
  if (calls_.contains(request.request_id)) {
    return refuse(InvalidQuery("a request with this request_id is under way").value());
  }
  if (!callable) return refuse(callable.error());
  if (calls_.size() >= offer->options().in_flight_max) {
    return refuse(Busy("this client has " + std::to_string(calls_.size()) +
                       " requests under way, which is the limit")
                      .value());
  }
  if (request_bytes_ > 0 && request_bytes_ + request.payload.size() > kRequestBytesMax) {
    return refuse(Busy("this client's requests under way have " +
                       std::to_string(request_bytes_ >> 20) + " MiB already")
                      .value());
  }
  Begin(std::make_shared<Call>(server_, offer, **callable, std::move(request), received.format,
                               weak_from_this(), budget_));
}

// What is answered at once, however busy the worker is.
bool Session::HandleControl(const wire::Request& request, wire::WireFormat format) {
  if (request.entry == "__ping__") {
    wire::Response response;
    response.request_id = request.request_id;
    response.entry = request.entry;
    Reply(std::move(response), format, server_.counters().ping);
    return true;
  }
  if (request.entry == "__cancel__") {
    Cancel(request, format);
    return true;
  }
  if (request.entry == "__credit__") {
    Credit(request);
    return true;
  }
  return false;
}

namespace {

Result<types::Document> ReadControl(const wire::Request& request) {
  return request.codec == wire::PayloadCodec::kJson ? types::ParseJson(request.payload)
                                                    : types::ParseMsgPack(request.payload);
}

std::optional<std::uint64_t> Number(const types::Document& payload, std::string_view key) {
  const types::Document* value = payload.Find(key);
  return value == nullptr ? std::nullopt : value->AsUint64();
}

}  // namespace

void Session::Cancel(const wire::Request& request, wire::WireFormat format) {
  const auto payload = ReadControl(request);
  const auto target = payload ? Number(*payload, "request_id") : std::nullopt;
  if (!target) {
    const std::string why = payload ? "it has no \"request_id\"" : payload.error().message;
    return Refuse(
        request.request_id,
        InvalidQuery("the payload of __cancel__ is {\"request_id\": an integer}: " + why).value(),
        request.entry, format, server_.counters().cancel);
  }
  wire::Response response;
  response.request_id = request.request_id;
  response.entry = request.entry;
  Reply(std::move(response), format, server_.counters().cancel);
  if (const auto found = calls_.find(*target); found != calls_.end()) {
    const CallPtr call = found->second;
    call->cancel.Cancel();
  }
}

void Session::Credit(const wire::Request& request) {
  const auto payload = ReadControl(request);
  if (!payload) return;
  const auto target = Number(*payload, "request_id");
  const auto frames = Number(*payload, "frames");
  if (!target || !frames) return;
  if (const auto found = calls_.find(*target); found != calls_.end()) {
    found->second->AddCredit(*frames);
  }
}

void Session::Begin(const CallPtr& call) {
  calls_.emplace(call->request.request_id, call);
  request_bytes_ += call->request.payload.size();
  ++server_.counters().in_flight;
  const Entry& entry = *call->callable.entry;
  if (entry.is_light || budget_->TryTake(call->share, ReplyBudget::kFirstBytes)) {
    return Run(call, entry.run(call));
  }
  Run(call, RunLater(call, false));
}

Async<Answer> Session::RunLater(CallPtr call, bool takes_all) {
  const auto share = ShareOf(call);
  if (takes_all) {
    MOLT_CO_RETURN_IF_ERROR(co_await budget_->TakeAll(share, call->deadline, call->cancel.Token()));
  } else {
    MOLT_CO_RETURN_IF_ERROR(co_await budget_->Take(share, ReplyBudget::kFirstBytes, call->deadline,
                                                   call->cancel.Token()));
  }
  co_return co_await call->callable.entry->run(call);
}

void Session::Run(const CallPtr& call, Async<Answer> work) {
  asio::co_spawn(
      InlineExecutor(server_.executor_context()), std::move(work),
      [self = shared_from_this(), call](const std::exception_ptr& failure, Result<Answer> result) {
        if (!failure) return self->Finish(call, std::move(result));
        try {
          std::rethrow_exception(failure);
        } catch (const std::bad_alloc&) {
          self->Finish(call, DatabaseError("out of memory"));
        } catch (const std::exception& error) {
          self->Finish(call, Internal(error.what()));
        }
      });
}

void Session::Finish(const CallPtr& call, Result<Answer> result) {
  if (!result && result.error().code == ErrorCode::kBusy && call->share.WasRefused()) {
    call->metrics = {};
    return Run(call, RunLater(call, true));
  }
  calls_.erase(call->request.request_id);
  request_bytes_ -= call->request.payload.size();
  --server_.counters().in_flight;
  if (result && result->payload.size() > PayloadBytesMax(call->format)) {
    result = InvalidQuery("the reply would be larger than the 64 MiB that a frame can have");
  }
  wire::Response response;
  response.request_id = call->request.request_id;
  response.entry = call->request.entry;
  if (result) {
    response.codec = result->codec;
    response.payload = std::move(result->payload);
  } else {
    wire::SetError(result.error(), response);
  }
  response.metrics = std::move(call->metrics);
  response.metrics.handler_us = MicrosSince(call->received);
  response.metrics.queue_depth = static_cast<std::int64_t>(server_.room().taken);
  response.metrics.payload_bytes = static_cast<std::int64_t>(response.payload.size());
  if (call->IsStreamed()) response.part = {call->next_seq++, false};
  call->callable.counters->CountTime(response.metrics.handler_us);
  Reply(std::move(response), call->format, *call->callable.counters);
  CloseIfDone();
}

void Session::Drain() {
  reads_ = false;
  reading_.Cancel();
  CloseIfDone();
}

void Session::CancelAll() {
  for (const auto& [id, call] : std::unordered_map(calls_)) call->cancel.Cancel();
}

asio::awaitable<void> Session::Linger([[maybe_unused]] std::shared_ptr<Session> self) {
  CloseIfDone();
  const Deadline linger = Deadline::After(kLingerTime);
  const CancelToken no_cancel;
  while (!is_closed_) {
    const Deadline next = Deadline::After(kHangUpPoll);
    [[maybe_unused]] const Wake wake =
        co_await WaitForFd(&server_.reactor(), -1, Interest::kRead, next, no_cancel);
    if (is_closed_) break;
    if (HasHungUp(in_)) {
      CancelAll();
      Close();
    } else if (linger.HasPassed()) {
      for (const auto& [id, call] : std::unordered_map(calls_)) {
        if (!call->deadline.IsSet()) call->cancel.Cancel();
      }
    }
  }
}

void Session::CloseIfDone() {
  if (!reads_ && calls_.empty() && output_.unread() == 0) Close();
}

void Session::Close() {
  if (is_closed_) return;
  is_closed_ = true;
  reads_ = false;
  reading_.Cancel();
  if (owns_) shutdown(in_, SHUT_RDWR);
  server_.reactor().Post([self = shared_from_this()] { self->server_.Forget(self); });
}

}  // namespace molt::worker
