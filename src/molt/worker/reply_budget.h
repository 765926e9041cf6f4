// What the replies of one client may take of memory together: while they are made, and until they
// are read.
#pragma once

#include <atomic>
#include <cstddef>
#include <deque>
#include <memory>

#include "molt/base/async.h"
#include "molt/base/reactor.h"
#include "molt/engine/encoded.h"

namespace molt::worker {

class ReplyBudget : public std::enable_shared_from_this<ReplyBudget> {
 public:
  // What a request takes to begin with: enough for most.
  static constexpr std::size_t kFirstBytes = std::size_t{64} << 10;

  // A request's part of it, given back when destroyed. A reply that outgrows it takes more, if
  // there is more. If not, the reply is given up, and made again once there is room for the
  // longest one: to wait with half of it would keep a connection of the database from others.
  class Share final : public engine::ByteAllowance {
   public:
    explicit Share(std::shared_ptr<ReplyBudget> budget) : budget_(std::move(budget)) {}
    ~Share() override { GiveBack(); }

    bool MayHave(std::size_t size) override;
    // What is held, however much there is: it is known only when it is there.
    void Hold(std::size_t size);
    // More beside it: what the request has made already.
    void Keep(std::size_t size) { kept_ += size; }
    [[nodiscard]] bool WasRefused() const { return was_refused_; }
    void GiveBack();

   private:
    friend class ReplyBudget;
    const std::shared_ptr<ReplyBudget> budget_;
    std::size_t taken_ = 0;
    std::size_t kept_ = 0;
    bool has_all_ = false;  // as much as any reply may need
    std::atomic<bool> was_refused_ = false;
  };

  ReplyBudget(Reactor& reactor, std::size_t bytes_max) : reactor_(reactor), bytes_max_(bytes_max) {}

  // The rest is for the reactor's thread.

  // Whether it could be had at once.
  bool TryTake(Share& share, std::size_t size);
  // First come, first served. Timeout or Cancelled while waiting.
  Async<void> Take(std::shared_ptr<Share> share, std::size_t size, Deadline deadline,
                   CancelToken cancel);
  // As much as the longest reply needs.
  Async<void> TakeAll(std::shared_ptr<Share> share, Deadline deadline, CancelToken cancel);
  // Of replies that are made.
  void SetUnread(std::size_t bytes);

 private:
  struct Waiter {
    Share& share;
    const std::size_t size;
    std::shared_ptr<Event> event = std::make_shared<Event>();
    bool is_served = false;
  };
  // From any thread.
  bool TryAdd(std::size_t size);
  void Return(std::size_t size);
  void Serve();

  Reactor& reactor_;
  const std::size_t bytes_max_;
  std::atomic<std::size_t> taken_ = 0;
  std::atomic<std::size_t> unread_ = 0;
  std::atomic<bool> is_waited_for_ = false;
  std::deque<std::shared_ptr<Waiter>> waiting_;
};

}  // namespace molt::worker
