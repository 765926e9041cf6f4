#include "molt/worker/quick_runs.h"

#include <chrono>
#include <exception>
#include <utility>

#include <asio/async_result.hpp>
#include <asio/use_awaitable.hpp>

namespace molt::worker {

namespace {

using Clock = std::chrono::steady_clock;

// How long the helper stays awake for the next batch: about what it costs to wake it.
constexpr std::chrono::microseconds kAwake{50};

void Pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

}  // namespace

QuickRuns::~QuickRuns() {
  if (!helper_.joinable()) return;
  ends_ = true;
  ++calls_;
  calls_.notify_one();
  helper_.join();
}

asio::awaitable<void> QuickRuns::Run(std::function<void()> work) {
  std::exception_ptr failure;
  co_await asio::async_initiate<const asio::use_awaitable_t<>&, void()>(
      [&](auto handler) {
        // Posted twice: replies that wait to leave are before it then.
        if (collected_.empty()) {
          reactor_.Post([this] { reactor_.Post([this] { RunBatch(); }); });
        }
        auto resume = std::make_shared<decltype(handler)>(std::move(handler));
        collected_.push_back({[&work, &failure] {
                                try {
                                  work();
                                } catch (...) {
                                  failure = std::current_exception();
                                }
                              },
                              [resume = std::move(resume)] { std::move (*resume)(); }});
      },
      asio::use_awaitable);
  if (failure) std::rethrow_exception(failure);
}

void QuickRuns::RunBatch() {
  const auto batch = std::make_shared<Batch>();
  batch->items.swap(collected_);
  if (may_help_ && batch->items.size() > 1) CallHelper(batch);
  batch->Work();
  // The helper may be within its last piece.
  while (batch->done.load(std::memory_order_acquire) < batch->items.size()) Pause();
  for (Item& item : batch->items) item.resume();
}

void QuickRuns::Batch::Work() {
  while (true) {
    const std::size_t mine = next.fetch_add(1, std::memory_order_relaxed);
    if (mine >= items.size()) return;
    items[mine].work();
    done.fetch_add(1, std::memory_order_release);
  }
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
  while (true) {
    const auto until = Clock::now() + kAwake;
    while (calls_.load() == seen && Clock::now() < until) Pause();
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
    if (batch) batch->Work();
  }
}

}  // namespace molt::worker
