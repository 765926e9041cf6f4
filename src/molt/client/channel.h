// One connection to a worker, shared by all requests that are under way on it, of any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include <asio/execution_context.hpp>

#include "molt/base/async.h"
#include "molt/base/reactor.h"
#include "molt/client/link.h"
#include "molt/wire/envelope.h"
#include "molt/wire/frame.h"

namespace molt::client {

// How one waits for a reply.
struct Patience {
  Deadline deadline;
  CancelToken cancel;
  Reactor* reactor = nullptr;  // of the calling thread; none: it blocks
};

// No thread of its own reads: of those who wait for replies one reads for all, on its own thread,
// and hands that on when it has what it waits for. So a single caller's reply needs no other
// thread to wake, and the replies to many on one event loop are read together.
class Channel : public std::enable_shared_from_this<Channel> {
 public:
  // Replies to one request. Used by one caller at a time.
  class Exchange {
   public:
    ~Exchange() { channel_->Forget(*this); }
    Exchange(const Exchange&) = delete;
    Exchange& operator=(const Exchange&) = delete;
    // Lets so many more parts come.
    void Credit(std::uint32_t frames) const { channel_->Credit(*this, frames); }
    // Asks the worker to stop; it still replies.
    void Stop() const { channel_->Cancel(*this); }

   private:
    friend class Channel;
    Exchange(std::shared_ptr<Channel> channel, std::uint64_t id)
        : channel_(std::move(channel)), id_(id) {}
    const std::shared_ptr<Channel> channel_;
    const std::uint64_t id_;
    // The rest is guarded by the channel's mutex.
    std::deque<wire::ReceivedResponse> replies_;
    bool has_ended_ = false;        // its last reply has come
    std::shared_ptr<Event> waits_;  // of who waits and does not read
  };
  using ExchangePtr = std::unique_ptr<Exchange>;

  Channel(std::unique_ptr<Link> link, std::shared_ptr<ReactorThread> writer);

  // Sends a request under an id of its own. Unavailable only if nothing of it was sent.
  [[nodiscard]] Result<ExchangePtr> Send(wire::Request request);
  // The next reply; several to a streamed request. Timeout or Cancelled when the caller's patience
  // ends, Unavailable if the worker goes away, which is then why the channel has failed.
  static Async<wire::ReceivedResponse> Receive(Exchange& exchange, Patience patience);
  [[nodiscard]] bool HasFailed();
  // Ends what is under way with `why`.
  void Fail(const Error& why);
  [[nodiscard]] pid_t process() const { return link_->process(); }

 private:
  class Turn;

  void Credit(const Exchange& exchange, std::uint32_t frames);
  void Cancel(const Exchange& exchange);
  void Forget(Exchange& exchange);
  void Control(std::string_view entry, std::uint64_t target, std::optional<std::uint32_t> frames);
  void Write(const wire::Request& request);
  void Flush();
  static asio::awaitable<void> WriteRest(std::shared_ptr<Channel> self, Reactor& reactor);
  void ReadReady();
  void TakeFrames();
  void FailNow(Error why);
  void HandOn();

  const std::unique_ptr<Link> link_;
  const std::shared_ptr<ReactorThread> writer_;  // sends what the socket did not take at once
  asio::execution_context inline_context_;
  // Of whoever reads. Large enough for the parts of a stream, which come one after the other.
  static constexpr std::size_t kKeptBytes = std::size_t{4} << 20;
  wire::FrameReader frames_{kKeptBytes};

  std::mutex mutex_;  // guards the rest
  std::unordered_map<std::uint64_t, Exchange*> under_way_;
  std::unordered_set<Exchange*> waiting_;  // whose waits_ is set
  bool is_read_ = false;                   // somebody reads
  bool is_written_ = false;                // the writer does
  std::string output_;                     // not yet sent
  std::size_t sent_ = 0;                   // of output_
  std::uint64_t next_id_ = 1;
  std::optional<Error> failure_;
};

}  // namespace molt::client
