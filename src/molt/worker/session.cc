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
#include "molt/worker/server.h"

namespace molt::worker {

namespace {

constexpr std::size_t kInFlightMax = 1024;
// A client with so much unread output is not read from until it has read.
constexpr std::size_t kOutputBytesMax = std::size_t{8} << 20;
// What a client that sends no more has left for requests without a deadline of their own.
constexpr std::chrono::seconds kLingerTime{2};
constexpr std::chrono::milliseconds kHangUpPoll{50};

std::size_t Unread(const std::string& output, std::size_t written) {
  return output.size() - written;
}

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
    : server_(server), in_(in), out_(out), owns_(owns), is_only_(is_only) {}

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
    if (Unread(output_, written_) > kOutputBytesMax) {
      has_room_ = std::make_shared<Event>();
      const CancelToken stop = reading_.Token();
      [[maybe_unused]] const Wake wake =
          co_await Event::Wait(has_room_, &server_.reactor(), none, stop);
      has_room_.reset();
      continue;
    }
    const CancelToken stop = reading_.Token();
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
    if (!HandleFrames()) reads_ = false;
  }
  if (!is_closed_) co_await Linger(self);
}

bool Session::HandleFrames() {
  is_handling_ = true;
  server_.quick_runs().BeginBatch();
  bool goes_on = true;
  while (goes_on) {
    auto frame = reader_.Next();
    if (!frame) {
      Refuse(0, frame.error(), {}, wire::WireFormat::kMsgPack);
      CancelAll();
      goes_on = false;
    } else if (!*frame) {
      break;
    } else {
      Handle(**frame);
    }
  }
  server_.quick_runs().EndBatch();
  is_handling_ = false;
  Flush();
  return goes_on;
}

void Session::Handle(std::string_view body) {
  wire::ReceivedRequest received = wire::ReadRequest(body);
  wire::Request& request = received.request;
  if (!received.problem.empty()) {
    return Refuse(
        request.request_id,
        {ErrorCode::kInvalidQuery, "the request cannot be read: " + received.problem, {}, false},
        request.entry, received.format);
  }
  if (HandleControl(request, received.format)) return;
  const auto refuse = [&](const Error& error) {
    Refuse(request.request_id, error, request.entry, received.format);
  };
  if (calls_.contains(request.request_id)) {
    return refuse(InvalidQuery("a request with this request_id is under way").value());
  }
  if (calls_.size() >= kInFlightMax) {
    return refuse(Busy("this client has " + std::to_string(calls_.size()) +
                       " requests under way, which is the limit")
                      .value());
  }
  Begin(std::make_shared<Call>(server_, std::move(request), received.format, weak_from_this()));
}

// What is answered at once, however busy the worker is.
bool Session::HandleControl(const wire::Request& request, wire::WireFormat format) {
  if (request.entry == "__ping__") {
    wire::Response response;
    response.request_id = request.request_id;
    response.entry = request.entry;
    Reply(response, format);
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
        request.entry, format);
  }
  wire::Response response;
  response.request_id = request.request_id;
  response.entry = request.entry;
  Reply(response, format);
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
  const Result<const Entry*> entry = server_.FindEntry(call->request.entry);
  if (!entry)
    return Refuse(call->request.request_id, entry.error(), call->request.entry, call->format);
  calls_.emplace(call->request.request_id, call);
  asio::co_spawn(
      InlineExecutor(server_.executor_context()), (*entry)->run(call),
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
  calls_.erase(call->request.request_id);
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
  Reply(response, call->format);
  CloseIfDone();
}

void Session::Refuse(std::uint64_t id, const Error& error, const std::string& entry,
                     wire::WireFormat format) {
  wire::Response response;
  response.request_id = id;
  response.entry = entry;
  wire::SetError(error, response);
  Reply(response, format);
}

void Session::Send(wire::Response part) { Reply(part, calls_.at(part.request_id)->format); }

void Session::Reply(const wire::Response& response, wire::WireFormat format) {
  if (is_closed_) return;
  wire::WriteResponse(response, format, output_);
  // Answers to what came together go out together.
  if (!is_handling_) Flush();
}

void Session::Flush() {
  while (!is_closed_ && !is_writing_ && Unread(output_, written_) > 0) {
    const char* bytes = output_.data() + written_;
    const std::size_t size = Unread(output_, written_);
    const ssize_t done = write(out_, bytes, size);
    if (done >= 0) {
      written_ += static_cast<std::size_t>(done);
      continue;
    }
    if (errno == EINTR) continue;
    if (errno != EAGAIN) {
      CancelAll();
      return Close();
    }
    is_writing_ = true;
    asio::co_spawn(InlineExecutor(server_.executor_context()), Write(shared_from_this()),
                   asio::detached);
    return;
  }
  if (Unread(output_, written_) == 0) {
    written_ = 0;
    output_.clear();
    if (output_.capacity() > kOutputBytesMax) output_.shrink_to_fit();
  }
  if (has_room_ && Unread(output_, written_) <= kOutputBytesMax / 2) has_room_->Notify();
}

asio::awaitable<void> Session::Write([[maybe_unused]] std::shared_ptr<Session> self) {
  const Deadline none;
  const CancelToken no_cancel;
  [[maybe_unused]] const Wake wake =
      co_await WaitForFd(&server_.reactor(), out_, Interest::kWrite, none, no_cancel);
  is_writing_ = false;
  // Room is made once a lot was written, not for each piece.
  if (written_ > kOutputBytesMax) {
    output_.erase(0, written_);
    written_ = 0;
  }
  Flush();
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
  if (!reads_ && calls_.empty() && Unread(output_, written_) == 0) Close();
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
