// Quick database work of requests that were read together, done on two threads at once.
#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include <asio/awaitable.hpp>

namespace molt::worker {

// Used on the server's thread. Work that is begun while requests are handled is put together, and
// done when they all were looked at: the server's thread and one helper take from the same list,
// and no request goes on before the last piece is done. So a single client's requests keep two
// cores busy, without a thread to wake for each.
class QuickRuns {
 public:
  explicit QuickRuns(bool may_help) : may_help_(may_help) {}
  ~QuickRuns();
  QuickRuns(const QuickRuns&) = delete;
  QuickRuns& operator=(const QuickRuns&) = delete;

  // Returns when `work` is done, on the server's thread. `work` may run on the helper's; what it
  // throws is thrown here. It takes no longer than a trial (engine::DatabaseOptions).
  asio::awaitable<void> Run(std::function<void()> work);

  // Between these two Run() puts together. Not nested.
  void BeginBatch() { collects_ = true; }
  void EndBatch();

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

  void CallHelper(std::shared_ptr<Batch> batch);
  void Help();

  const bool may_help_;
  bool collects_ = false;
  std::vector<Item> collected_;
  std::mutex mutex_;              // guards the next one
  std::shared_ptr<Batch> batch_;  // for the helper
  std::atomic<unsigned> calls_ = 0;
  std::atomic<bool> sleeps_ = false;
  std::atomic<bool> ends_ = false;
  std::thread helper_;  // begins when it is first needed
};

}  // namespace molt::worker
