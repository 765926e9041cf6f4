// Quick database work of requests that came together, done on two threads at once.
#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include <asio/awaitable.hpp>

#include "molt/base/reactor.h"

namespace molt::worker {

// Used on the reactor's thread. Work that is begun in one round of the reactor is put together, of
// whichever clients, and done when all that is ready was looked at and all replies that are ready
// have left: the reactor's thread and one helper take from the same list, and no request goes on
// before the last piece is done. So requests that come together keep two cores busy, without a
// thread to wake for each.
class QuickRuns {
 public:
  QuickRuns(Reactor& reactor, bool may_help) : reactor_(reactor), may_help_(may_help) {}
  ~QuickRuns();
  QuickRuns(const QuickRuns&) = delete;
  QuickRuns& operator=(const QuickRuns&) = delete;

  // Returns when `work` is done, on the reactor's thread. `work` may run on the helper's; what it
  // throws is thrown here. It takes no longer than a trial (engine::DatabaseOptions).
  asio::awaitable<void> Run(std::function<void()> work);

 private:
  struct Item {
    std::function<void()> work;
    std::function<void()> resume;
  };
  // Work of which two threads take the next piece until there is none.
  struct Batch {
    std::vector<Item> items;
    std::atomic<std::size_t> next = 0;
    std::atomic<std::size_t> done = 0;
    void Work();
  };

  void RunBatch();
  void CallHelper(std::shared_ptr<Batch> batch);
  void Help();

  Reactor& reactor_;
  const bool may_help_;
  std::vector<Item> collected_;
  std::mutex mutex_;              // guards the next one
  std::shared_ptr<Batch> batch_;  // for the helper
  std::atomic<unsigned> calls_ = 0;
  std::atomic<bool> sleeps_ = false;
  std::atomic<bool> ends_ = false;
  std::thread helper_;  // begins when it is first needed
};

}  // namespace molt::worker
