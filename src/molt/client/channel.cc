#include "molt/client/channel.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>

#include "molt/base/inline_executor.h"
#include "molt/types/msgpack_out.h"

namespace molt::client {

namespace {

// What was sent is forgotten once it is so much, not after each piece.
constexpr std::size_t kForgetBytes = std::size_t{1} << 20;

}  // namespace

// The right to read, given on when it ends, however that is.
class Channel::Turn {
 public:
  Turn(Channel& channel, Exchange& exchange) : channel_(channel), exchange_(exchange) {}
  ~Turn() {
    const std::lock_guard lock(channel_.mutex_);
    exchange_.waits_.reset();
    channel_.waiting_.erase(&exchange_);
    if (reads_) channel_.is_read_ = false;
    channel_.HandOn();
  }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

  // What there is to do: take a reply, read (nullptr), or wait for the event.
  struct Step {
    std::optional<wire::ReceivedResponse> reply;
    std::optional<Error> failure;
    std::shared_ptr<Event> event;
  };
  Step Next() {
    const std::lock_guard lock(channel_.mutex_);
    exchange_.waits_.reset();
    channel_.waiting_.erase(&exchange_);
    Step step;
    if (!exchange_.replies_.empty()) {
      step.reply = std::move(exchange_.replies_.front());
      exchange_.replies_.pop_front();
    } else if (channel_.failure_) {
      step.failure = channel_.failure_;
    } else if (reads_ || !channel_.is_read_) {
      reads_ = channel_.is_read_ = true;
    } else {
      step.event = exchange_.waits_ = std::make_shared<Event>();
      channel_.waiting_.insert(&exchange_);
    }
    return step;
  }

 private:
  Channel& channel_;
  Exchange& exchange_;
  bool reads_ = false;
};

Channel::Channel(std::unique_ptr<Link> link, std::shared_ptr<ReactorThread> writer)
    : link_(std::move(link)), writer_(std::move(writer)) {}

bool Channel::HasFailed() {
  const std::lock_guard lock(mutex_);
  return failure_.has_value();
}

Result<Channel::ExchangePtr> Channel::Send(wire::Request request) {
  ExchangePtr exchange;  // goes after the lock, which its end takes
  const std::lock_guard lock(mutex_);
  if (failure_) return molt::Fail(*failure_);
  request.request_id = next_id_++;
  exchange.reset(new Exchange(shared_from_this(), request.request_id));
  under_way_.emplace(request.request_id, exchange.get());
  const bool is_first = output_.empty();
  Write(request);
  // Of what fails at once nothing was sent.
  if (is_first && sent_ == 0 && failure_) {
    under_way_.erase(request.request_id);
    exchange->has_ended_ = true;
    return molt::Fail(*failure_);
  }
  return exchange;
}

void Channel::Control(std::string_view entry, std::uint64_t target,
                      std::optional<std::uint32_t> frames) {
  wire::Request request;
  request.request_id = next_id_++;
  request.entry = entry;
  request.codec = wire::PayloadCodec::kMsgPack;
  types::MsgPackOut payload(request.payload);
  payload.Map(frames ? 2 : 1);
  payload.String("request_id");
  payload.Uint(target);
  if (frames) {
    payload.String("frames");
    payload.Uint(*frames);
  }
  Write(request);
}

void Channel::Credit(const Exchange& exchange, std::uint32_t frames) {
  const std::lock_guard lock(mutex_);
  if (!failure_) Control("__credit__", exchange.id_, frames);
}

void Channel::Cancel(const Exchange& exchange) {
  const std::lock_guard lock(mutex_);
  if (!failure_ && !exchange.has_ended_) Control("__cancel__", exchange.id_, std::nullopt);
}

// Precondition for this and the rest: mutex_ is held, if no other is named.
void Channel::Write(const wire::Request& request) {
  wire::WriteRequest(request, wire::WireFormat::kMsgPack, output_);
  if (!is_written_) Flush();
}

void Channel::Flush() {
  while (sent_ < output_.size()) {
    const ssize_t done =
        send(link_->fd(), output_.data() + sent_, output_.size() - sent_, MSG_NOSIGNAL);
    if (done >= 0) {
      sent_ += static_cast<std::size_t>(done);
      continue;
    }
    if (errno == EINTR) continue;
    if (errno != EAGAIN) {
      const std::string why = std::strerror(errno);
      return FailNow(
          Unavailable("the worker is gone: " + link_->EndOfProcess() + " (" + why + ")").value());
    }
    if (sent_ > kForgetBytes) {
      output_.erase(0, sent_);
      sent_ = 0;
    }
    if (is_written_) return;
    is_written_ = true;
    Reactor& reactor = writer_->Get();
    reactor.Post([self = shared_from_this(), &reactor] {
      asio::co_spawn(InlineExecutor(self->inline_context_), WriteRest(self, reactor),
                     asio::detached);
    });
    return;
  }
  output_.clear();
  sent_ = 0;
}

// On the writer's thread; the mutex is not held.
asio::awaitable<void> Channel::WriteRest(std::shared_ptr<Channel> self, Reactor& reactor) {
  const Deadline none;
  const CancelToken no_cancel;
  while (true) {
    [[maybe_unused]] const Wake wake = co_await WaitForFd(&reactor, self->link_->fd_for_writing(),
                                                          Interest::kWrite, none, no_cancel);
    const std::lock_guard lock(self->mutex_);
    self->Flush();
    if (self->output_.empty() || self->failure_) {
      self->is_written_ = false;
      co_return;
    }
  }
}

Async<wire::ReceivedResponse> Channel::Receive(Exchange& exchange, Patience patience) {
  Channel& channel = *exchange.channel_;
  Turn turn(channel, exchange);
  while (true) {
    Turn::Step step = turn.Next();
    if (step.reply) co_return std::move(*step.reply);
    if (step.failure) co_return molt::Fail(std::move(*step.failure));
    Wake wake = Wake::kReady;
    if (step.event) {
      wake = co_await Event::Wait(std::move(step.event), patience.reactor, patience.deadline,
                                  patience.cancel);
    } else {
      wake = co_await WaitForFd(patience.reactor, channel.link_->fd(), Interest::kRead,
                                patience.deadline, patience.cancel);
      if (wake == Wake::kReady) channel.ReadReady();
    }
    if (wake == Wake::kCancelled) co_return Cancelled("the request was cancelled");
    if (wake == Wake::kTimeout) co_return TimedOut("the deadline passed before the worker replied");
  }
}

// By whoever reads; the mutex is not held.
void Channel::ReadReady() {
  const std::size_t size = frames_.SuggestedRead();
  const ssize_t got = recv(link_->fd(), frames_.Reserve(size), size, 0);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0) {
    const std::string end = link_->EndOfProcess();
    const std::lock_guard lock(mutex_);
    return FailNow(Unavailable("the worker went away before it replied: " + end).value());
  }
  frames_.Commit(static_cast<std::size_t>(got));
  TakeFrames();
}

void Channel::TakeFrames() {
  while (true) {
    auto frame = frames_.Next();
    Error problem;
    if (frame && !*frame) return;
    auto response = frame ? wire::ReadResponse(**frame) : molt::Fail(std::move(frame).error());
    const std::lock_guard lock(mutex_);
    if (!response) {
      return FailNow(
          Protocol("what came is no worker's reply: " + response.error().message).value());
    }
    // A reply to what was given up, or to __cancel__, is nobody's.
    const auto found = under_way_.find(response->response.request_id);
    if (found == under_way_.end()) continue;
    Exchange& exchange = *found->second;
    const auto& part = response->response.part;
    if (!part || !part->more) {
      exchange.has_ended_ = true;
      under_way_.erase(found);
    }
    exchange.replies_.push_back(std::move(*response));
    if (const auto waits = std::exchange(exchange.waits_, nullptr)) {
      waiting_.erase(&exchange);
      waits->Notify();
    }
  }
}

void Channel::FailNow(Error why) {
  if (failure_) return;
  failure_ = std::move(why);
  under_way_.clear();
  for (Exchange* exchange : waiting_) std::exchange(exchange->waits_, nullptr)->Notify();
  waiting_.clear();
}

void Channel::Fail(const Error& why) {
  const std::lock_guard lock(mutex_);
  FailNow(why);
  // Whoever reads finds the end.
  shutdown(link_->fd(), SHUT_RDWR);
}

void Channel::Forget(Exchange& exchange) {
  const std::lock_guard lock(mutex_);
  waiting_.erase(&exchange);
  if (under_way_.erase(exchange.id_) != 0 && !failure_) {
    Control("__cancel__", exchange.id_, std::nullopt);
  }
}

// Wakes one that waits, if nobody reads.
void Channel::HandOn() {
  if (is_read_ || waiting_.empty()) return;
  Exchange& next = **waiting_.begin();
  waiting_.erase(waiting_.begin());
  std::exchange(next.waits_, nullptr)->Notify();
}

}  // namespace molt::client
