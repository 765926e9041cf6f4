#include "molt/db/postgres/link.h"

#include <sched.h>

#include <cstring>
#include <utility>

#include "molt/db/postgres/pg_errors.h"
#include "molt/db/postgres/protocol/error_response.h"
#include "molt/db/postgres/protocol/parameter_status.h"

namespace molt::db::postgres {

namespace {
// A bulk read has room for so much at once: what the kernel can hold anyway.
constexpr std::size_t kReadSizeMax = std::size_t{256} << 10;
}  // namespace

Status CheckContext(const ExecContext& context) {
  if (context.cancel.IsCancelled()) return Cancelled("the request was cancelled");
  if (context.deadline.HasPassed()) return TimedOut("the timeout passed");
  return {};
}

Status StatusOf(Wake wake, const char* while_doing) {
  switch (wake) {
    case Wake::kReady:
      return {};
    case Wake::kTimeout:
      return TimedOut(std::string("the timeout passed while ") + while_doing);
    case Wake::kCancelled:
      return Cancelled("the request was cancelled");
  }
  return {};
}

Link::~Link() {
  if (broken_ || !IsDrained()) transport_->Abort();
}

Error Link::Lost(const std::string& why) {
  broken_ = true;
  return Error{ErrorCode::kDatabase, "the connection to the server was lost: " + why, "08006",
               true};
}

Async<void> Link::Send(const ExecContext& context) {
  std::size_t sent = 0;
  while (sent < out_.size()) {
    const IoOutcome outcome = transport_->Write(std::string_view(out_).substr(sent));
    if (outcome.kind == IoOutcome::Kind::kDone) {
      sent += outcome.bytes;
      continue;
    }
    if (outcome.kind == IoOutcome::Kind::kFailed) co_return Fail(Lost(outcome.error));
    // What the server said before it left tells why; the next read finds it.
    if (outcome.kind == IoOutcome::Kind::kClosed) break;
    const Wake wake = co_await WaitForFd(context.reactor, transport_->fd(), Interest::kReadOrWrite,
                                         context.deadline, context.cancel);
    if (wake != Wake::kReady) {
      // Half a message is on its way: nothing can follow it.
      broken_ = cut_short_ = true;
      co_return StatusOf(wake, "the request was being sent");
    }
    Interest wanted = Interest::kRead;
    MOLT_CO_RETURN_IF_ERROR(ReadOnce(wanted));
  }
  out_.clear();
  co_return Status();
}

bool Link::SendSome() {
  const IoOutcome outcome = transport_->Write(out_);
  if (outcome.kind == IoOutcome::Kind::kDone) out_.erase(0, outcome.bytes);
  return outcome.kind == IoOutcome::Kind::kDone || outcome.kind == IoOutcome::Kind::kWouldBlock;
}

Result<bool> Link::NoMessage(protocol::ParseOutcome outcome) {
  if (outcome == protocol::ParseOutcome::kIncomplete) return false;
  broken_ = true;
  return DatabaseError("the server sent a malformed message", "08P01");
}

Status Link::TakeIn(const protocol::Message& message) {
  if (message.type != protocol::kParameterStatus) return {};
  auto status = protocol::ParameterStatus::Decode(message.body);
  if (!status) {
    broken_ = true;
    return Fail(std::move(status).error());
  }
  parameters.insert_or_assign(std::string(status->name), std::string(status->value));
  return {};
}

// Moves what is unread to the front when the end has no room left, and grows for a message that is
// longer than the buffer, but never faster than its bytes come.
void Link::MakeRoom() {
  if (begin_ == end_) begin_ = end_ = 0;
  if (end_ + read_size_ <= in_.size()) return;
  if (begin_ > 0) {
    std::memmove(in_.data(), in_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  if (end_ + read_size_ > in_.size()) in_.Resize(end_ + std::max(read_size_, end_ / 2));
}

Result<bool> Link::ReadOnce(Interest& wanted) {
  MakeRoom();
  const std::size_t room = in_.size() - end_;
  const IoOutcome outcome = transport_->Read({reinterpret_cast<char*>(in_.data()) + end_, room});
  switch (outcome.kind) {
    case IoOutcome::Kind::kDone:
      end_ += outcome.bytes;
      if (outcome.bytes == room && read_size_ < kReadSizeMax) read_size_ *= 2;
      return true;
    case IoOutcome::Kind::kWouldBlock:
      wanted = outcome.wanted;
      return false;
    case IoOutcome::Kind::kClosed:
      return Fail(Lost("the server closed it"));
    case IoOutcome::Kind::kFailed:
      return Fail(Lost(outcome.error));
  }
  return false;
}

Async<void> Link::Receive(const ExecContext& context) {
  if (broken_) co_return Closed("the connection is broken");
  Interest wanted = Interest::kRead;
  while (true) {
    if (!transport_->HasBuffered()) {
      const Wake wake = co_await WaitForFd(context.reactor, transport_->fd(), wanted,
                                           context.deadline, context.cancel);
      MOLT_CO_RETURN_IF_ERROR(StatusOf(wake, "the statement ran"));
    }
    MOLT_CO_ASSIGN(const bool got, ReadOnce(wanted));
    if (got) co_return Status();
  }
}

Result<bool> Link::Poll(Deadline until) {
  if (broken_) return false;
  Interest wanted = Interest::kRead;
  do {
    MOLT_ASSIGN(const bool got, ReadOnce(wanted));
    if (got) return true;
    // The server may be waiting for this very core.
    sched_yield();
  } while (!until.HasPassed());
  return false;
}

Async<protocol::Message> Link::Next(const ExecContext& context) {
  protocol::Message message;
  while (true) {
    MOLT_CO_ASSIGN(const bool there, TryNext(message));
    if (there) co_return message;
    MOLT_CO_RETURN_IF_ERROR(co_await Receive(context));
  }
}

}  // namespace molt::db::postgres
