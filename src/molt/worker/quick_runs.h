// Quick database work of requests that came together, done on two threads at once.
#pragma once

#include <atomic>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include <asio/awaitable.hpp>

#include "molt/base/reactor.h"
#include "molt/engine/reads_together.h"

namespace molt::worker {

// Used on the reactor's thread. Work that is begun in one round of the reactor is put together, of
// whichever clients, and done when all that is ready was looked at and all replies that are ready
// have left: the reactor's thread and one helper take from the same list. So requests that come
// together keep two cores busy, without a thread to wake for each. A helper that the scheduler has
// taken off its core holds up the one request that it has, and nobody else.
class QuickRuns {
 public:
  // `together` is for the reads of the thread that works. It may do without.
  using Work = std::function<void(engine::ReadsTogether& together)>;

  QuickRuns(Reactor& reactor, bool may_help) : reactor_(reactor), may_help_(may_help) {}
  ~QuickRuns() { Stop(); }
  QuickRuns(const QuickRuns&) = delete;
  QuickRuns& operator=(const QuickRuns&) = delete;

  // Returns when `work` is done, on the reactor's thread. `work` may run on the helper's; what it
  // throws is thrown here. It takes no longer than a trial (engine::DatabaseOptions).
  asio::awaitable<void> Run(Work work);
  // Waits for the helper, and destroys the coroutines that wait here. Before the reactor ends.
  void Stop();

 private:
  struct Item {
    Item(Work begun, std::function<void()> go_on)
        : work(std::move(begun)), resume(std::move(go_on)) {}
    Work work;
    std::function<void()> resume;
    bool is_done_here = false;  // by the reactor's thread
    // Of what the helper does: set by it when it is done, and by the reactor's thread when it looks
    // whether it is. Whoever is second resumes.
    std::atomic<bool> is_met = false;
  };
  // Work of which two threads take the next piece until there is none.
  struct Batch {
    std::deque<Item> items;  // which stay where they are
    std::atomic<std::size_t> next = 0;
    // Of what it takes, calls `done(item)` for each.
    template <class Done>
    std::size_t Work(const Done& done);
  };

  void RunBatch();
  void CallHelper(std::shared_ptr<Batch> batch);
  void Help();
  // How many pieces the helper has done of the batch.
  std::size_t HelpWith(const std::shared_ptr<Batch>& batch);
  void Resume(const std::shared_ptr<Batch>& batch, Item& item);

  Reactor& reactor_;
  const bool may_help_;
  std::shared_ptr<Batch> collected_;          // of this round, if there is any
  std::vector<std::shared_ptr<Batch>> left_;  // of which the helper still has a piece
  std::mutex mutex_;                          // guards the next one
  std::shared_ptr<Batch> batch_;              // for the helper
  std::atomic<unsigned> calls_ = 0;
  std::atomic<bool> sleeps_ = false;
  std::atomic<bool> ends_ = false;
  std::thread helper_;  // begins when it is first needed
};

}  // namespace molt::worker
