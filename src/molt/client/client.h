// A worker as a caller sees it: requests in, replies out, whatever happens to the process behind.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "molt/base/async.h"
#include "molt/client/channel.h"

namespace molt::client {

struct CallSpec {
  std::string entry;
  wire::PayloadCodec codec = wire::PayloadCodec::kMsgPack;
  std::string payload;
  // May be sent a second time if the worker went away with it. Never for what writes.
  bool is_read = true;
  // The reply comes in parts, so many of them before the caller has taken any.
  std::optional<std::uint32_t> window;
};

// A reply, or a part of one.
struct Reply {
  wire::PayloadCodec codec = wire::PayloadCodec::kRaw;
  std::string payload;
  types::Document::Map metrics;  // of the last part
  bool is_last = true;
};

// One request under way. Used by one caller at a time; the worker is told to stop when it is
// destroyed before its last reply.
class Call {
 public:
  // The next part. The worker's own error if it answered with one, Timeout, Cancelled, and
  // Unavailable if it went away. Kept alive by the caller until it is done.
  Async<Reply> Next(Patience patience);
  // From any thread: asks the worker to stop, whose last part, usually Cancelled, still comes.
  void Stop() const { exchange_->Stop(); }

 private:
  friend class Client;
  bool is_read_ = true;
  Channel::ExchangePtr exchange_;
  std::optional<Reply> first_;
};

// Thread-safe. Connects when it is first used, and again when the connection is lost.
class Client : public std::enable_shared_from_this<Client> {
 public:
  explicit Client(Endpoint endpoint) : endpoint_(std::move(endpoint)) {}
  ~Client() { Close(); }

  // Sends, and waits for the first reply. What is a read is sent once more if the worker went away.
  static Async<std::unique_ptr<Call>> Begin(std::shared_ptr<Client> client, CallSpec spec,
                                            Patience patience);
  // For one reply.
  static Async<Reply> Ask(std::shared_ptr<Client> client, CallSpec spec, Patience patience);

  // What is under way ends with Closed, as does all that comes later.
  void Close();
  // Of the worker that was started, if there is one now; -1 otherwise.
  [[nodiscard]] pid_t process();

 private:
  Result<std::shared_ptr<Channel>> Connected();

  const Endpoint endpoint_;
  const std::shared_ptr<ReactorThread> writer_ = std::make_shared<ReactorThread>();
  std::mutex mutex_;  // guards the rest
  std::shared_ptr<Channel> channel_;
  bool is_closed_ = false;
  // A worker that went away without a reply is not started again at once.
  std::atomic<int> starts_in_vain_ = 0;
  Deadline not_before_;
};

}  // namespace molt::client
