// The replies of a session, and how they leave.
#include <utility>

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>

#include "molt/worker/server.h"
#include "molt/worker/session.h"

namespace molt::worker {

namespace {

// Of a reply without its payload, about.
constexpr std::size_t kEnvelopeBytes = 1024;
// A payload of more is sent from where it is.
constexpr std::size_t kCopiedBytesMax = std::size_t{32} << 10;

}  // namespace

void Session::Refuse(std::uint64_t id, const Error& error, const std::string& entry,
                     wire::WireFormat format, EntryCounters& counters) {
  wire::Response response;
  response.request_id = id;
  wire::SetError(error, response);
  response.entry = entry;
  Reply(std::move(response), format, counters);
}

void Session::Send(wire::Response part) {
  const wire::WireFormat format = calls_.at(part.request_id)->format;
  Append(std::move(part), format);
}

void Session::Reply(wire::Response response, wire::WireFormat format, EntryCounters& counters) {
  counters.CountReply(response.status);
  server_.Changed();
  Append(std::move(response), format);
}

void Session::Append(wire::Response response, wire::WireFormat format) {
  if (is_closed_) return;
  if (format == wire::WireFormat::kMsgPack && response.payload.size() > kCopiedBytesMax) {
    wire::WriteResponseHead(response, output_.Room(kEnvelopeBytes));
    output_.Appended();
    output_.Add(std::move(response.payload));
    return FlushSoon();
  }
  const bool is_json = format == wire::WireFormat::kJson;
  const std::size_t payload = response.payload.size();
  wire::WriteResponse(response, format,
                      output_.Room(kEnvelopeBytes + (is_json ? payload / 3 * 4 : payload)));
  output_.Appended();
  FlushSoon();
}

void Session::FlushSoon() {
  if (flushes_soon_) return;
  flushes_soon_ = true;
  server_.reactor().Post([self = shared_from_this()] {
    self->flushes_soon_ = false;
    self->Flush();
    self->CloseIfDone();
  });
}

Async<void> Session::WaitForRoom(Deadline deadline, CancelToken cancel) {
  while (output_.unread() > kOutputBytesMax && !is_closed_) {
    const auto drained = std::make_shared<Event>();
    for_room_.push_back(drained);
    const Wake wake = co_await Event::Wait(drained, &server_.reactor(), deadline, cancel);
    std::erase(for_room_, drained);
    if (wake == Wake::kCancelled) co_return Cancelled("the request was cancelled");
    if (wake == Wake::kTimeout) {
      co_return TimedOut("the deadline passed while the client read nothing of the result");
    }
  }
  co_return Status();
}

void Session::Flush() {
  if (!is_closed_ && !is_writing_ && output_.unread() > 0) {
    std::size_t written = 0;
    const bool is_there = output_.Write(out_, written);
    server_.counters().bytes_out += written;
    if (!is_there) {
      CancelAll();
      return Close();
    }
    if (output_.unread() > 0) {
      is_writing_ = true;
      asio::co_spawn(InlineExecutor(server_.executor_context()), Write(shared_from_this()),
                     asio::detached);
    }
  }
  budget_->SetUnread(output_.unread());
  if (for_room_.empty() || output_.unread() > kOutputBytesMax / 2) return;
  for (const auto& drained : std::exchange(for_room_, {})) drained->Notify();
}

asio::awaitable<void> Session::Write([[maybe_unused]] std::shared_ptr<Session> self) {
  const Deadline none;
  const CancelToken no_cancel;
  [[maybe_unused]] const Wake wake =
      co_await WaitForFd(&server_.reactor(), out_, Interest::kWrite, none, no_cancel);
  is_writing_ = false;
  Flush();
  CloseIfDone();
}

}  // namespace molt::worker
