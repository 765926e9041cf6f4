#include "molt/worker/quick_runs.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <utility>

#include <asio/async_result.hpp>
#include <asio/use_awaitable.hpp>

namespace molt::worker {

namespace {

using Clock = std::chrono::steady_clock;

// How long the helper stays awake for the next batch, if the last one had work for it: about what
// it costs to wake it. The core may be another process's that has something to do.
constexpr std::chrono::microseconds kAwake{50};
constexpr std::size_t kPiecesToStayAwake = 2;
// As many as are worth the beginning and the end of a transaction.
constexpr std::size_t kPiecesToReadTogether = 4;

void Pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

}  // namespace

asio::awaitable<void> QuickRuns::Run(Work work) {
  std::exception_ptr failure;
  co_await asio::async_initiate<const asio::use_awaitable_t<>&, void()>(
      [&](auto handler) {
        // Posted twice: replies that wait to leave are before it then.
        if (!collected_) {
          collected_ = std::make_shared<Batch>();
          reactor_.Post([this] { reactor_.Post([this] { RunBatch(); }); });
        }
        auto resume = std::make_shared<decltype(handler)>(std::move(handler));
        collected_->items.emplace_back(
            [&work, &failure](engine::ReadsTogether& together) {
              try {
                work(together);
              } catch (...) {
                failure = std::current_exception();
              }
            },
            [resume = std::move(resume)] { std::move (*resume)(); });
      },
      asio::use_awaitable);
  if (failure) std::rethrow_exception(failure);
}

void QuickRuns::Stop() {
  if (helper_.joinable()) {
    ends_ = true;
    ++calls_;
    calls_.notify_one();
    helper_.join();
  }
  collected_.reset();
  batch_.reset();
  left_.clear();
}

template <class Done>
std::size_t QuickRuns::Batch::Work(const Done& done) {
  engine::ReadsTogether together(items.size() >= kPiecesToReadTogether);
  std::size_t count = 0;
  while (true) {
    const std::size_t mine = next.fetch_add(1, std::memory_order_relaxed);
    if (mine >= items.size()) return count;
    items[mine].work(together);
    done(items[mine]);
    ++count;
  }
}

void QuickRuns::RunBatch() {
  const std::shared_ptr<Batch> batch = std::exchange(collected_, nullptr);
  if (may_help_ && batch->items.size() > 1) CallHelper(batch);
  batch->Work([](Item& item) { item.is_done_here = true; });
  // Before anything goes on, which may post here: the helper's last piece finds its batch.
  left_.push_back(batch);
  bool is_left = false;
  for (Item& item : batch->items) {
    if (!item.is_done_here && !item.is_met.exchange(true)) {
      is_left = true;
      continue;
    }
    std::exchange(item.resume, nullptr)();
  }
  if (!is_left) std::erase(left_, batch);
}

// The piece that was not done yet when the others went on.
void QuickRuns::Resume(const std::shared_ptr<Batch>& batch, Item& item) {
  std::erase(left_, batch);
  std::exchange(item.resume, nullptr)();
}

void QuickRuns::CallHelper(std::shared_ptr<Batch> batch) {
  {
    const std::lock_guard lock(mutex_);
    batch_ = std::move(batch);
  }
  if (!helper_.joinable()) helper_ = std::thread([this] { Help(); });
  calls_.fetch_add(1);
  if (sleeps_.load()) calls_.notify_one();
}

void QuickRuns::Help() {
  unsigned seen = 0;
  std::size_t pieces = 0;
  while (true) {
    if (pieces >= kPiecesToStayAwake) {
      const auto until = Clock::now() + kAwake;
      while (calls_.load() == seen && Clock::now() < until) Pause();
    }
    if (calls_.load() == seen) {
      sleeps_ = true;
      calls_.wait(seen);
      sleeps_ = false;
    }
    seen = calls_.load();
    if (ends_) return;
    std::shared_ptr<Batch> batch;
    {
      const std::lock_guard lock(mutex_);
      batch.swap(batch_);
    }
    pieces = batch ? HelpWith(batch) : 0;
  }
}

std::size_t QuickRuns::HelpWith(const std::shared_ptr<Batch>& batch) {
  return batch->Work([&](Item& item) {
    if (!item.is_met.exchange(true)) return;
    reactor_.Post([this, batch, &item] { Resume(batch, item); });
  });
}

}  // namespace molt::worker
