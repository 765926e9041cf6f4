#include "molt/worker/quick_runs.h"

#include <atomic>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/execution_context.hpp>

#include "molt/base/inline_executor.h"

namespace molt::worker {
namespace {

class QuickRunsTest : public testing::Test {
 protected:
  // Notes in ends_ how it ended, when the coroutine went on.
  void Start(QuickRuns& runs, std::function<void()> work) {
    const std::size_t mine = ends_.size();
    ends_.emplace_back();
    asio::co_spawn(InlineExecutor(context_), One(runs, std::move(work)),
                   [this, mine](const std::exception_ptr& failure, int) {
                     ends_[mine] = "done";
                     try {
                       if (failure) std::rethrow_exception(failure);
                     } catch (const std::exception& error) {
                       ends_[mine] = error.what();
                     }
                     resumed_on_.push_back(std::this_thread::get_id());
                   });
  }
  static asio::awaitable<int> One(QuickRuns& runs, std::function<void()> work) {
    co_await runs.Run(std::move(work));
    co_return 0;
  }

  Reactor reactor_;
  asio::execution_context context_;
  std::vector<std::string> ends_;
  std::vector<std::thread::id> resumed_on_;
};

TEST_F(QuickRunsTest, NothingIsDoneBeforeAllThatIsReadyWasLookedAt) {
  QuickRuns runs(reactor_, true);
  int done = 0;
  reactor_.Post([&] {
    Start(runs, [&] { ++done; });
    // As replies that are ready, they come first.
    reactor_.Post([&] { EXPECT_EQ(done, 0); });
  });
  reactor_.Post([&] {
    Start(runs, [&] { ++done; });
    EXPECT_EQ(done, 0);
    EXPECT_EQ(ends_, (std::vector<std::string>{"", ""}));
  });
  reactor_.Poll();
  EXPECT_EQ(done, 2);
  EXPECT_EQ(ends_, (std::vector<std::string>{"done", "done"}));
}

TEST_F(QuickRunsTest, WhatWorkLeadsToIsDoneInTheSameRound) {
  QuickRuns runs(reactor_, true);
  bool is_done = false;
  asio::co_spawn(
      InlineExecutor(context_),
      [&]() -> asio::awaitable<void> {
        const std::function<void()> first = [] {};
        co_await runs.Run(first);
        const std::function<void()> second = [&] { is_done = true; };
        co_await runs.Run(second);
      },
      asio::detached);
  reactor_.Poll();
  EXPECT_TRUE(is_done);
}

TEST_F(QuickRunsTest, EveryPieceIsDoneOnceAndGoesOnHere) {
  for (const bool may_help : {false, true}) {
    QuickRuns runs(reactor_, may_help);
    for (int batch = 0; batch < 200; ++batch) {
      const int pieces = batch % 40;
      std::vector<std::atomic<int>> times(static_cast<std::size_t>(pieces));
      ends_.clear();
      resumed_on_.clear();
      for (auto& count : times) Start(runs, [&count] { ++count; });
      reactor_.Poll();
      for (const auto& count : times) EXPECT_EQ(count, 1);
      EXPECT_EQ(ends_, std::vector<std::string>(times.size(), "done"));
      for (const std::thread::id thread : resumed_on_) {
        EXPECT_EQ(thread, std::this_thread::get_id());
      }
    }
  }
}

TEST_F(QuickRunsTest, TheHelperTakesWhatTheServersThreadIsTooBusyFor) {
  QuickRuns runs(reactor_, true);
  std::atomic<bool> second_runs = false;
  std::thread::id first_thread;
  std::thread::id second_thread;
  // Whoever takes the first piece is held up until somebody else takes the second.
  Start(runs, [&] {
    first_thread = std::this_thread::get_id();
    while (!second_runs) std::this_thread::yield();
  });
  Start(runs, [&] {
    second_thread = std::this_thread::get_id();
    second_runs = true;
  });
  reactor_.Poll();
  EXPECT_NE(first_thread, second_thread);
}

TEST_F(QuickRunsTest, WhatWorkThrowsIsThrownWhereItIsAwaited) {
  QuickRuns runs(reactor_, true);
  Start(runs, [] {});
  Start(runs, [] { throw std::runtime_error("failed"); });
  Start(runs, [] {});
  reactor_.Poll();
  EXPECT_EQ(ends_, (std::vector<std::string>{"done", "failed", "done"}));
}

}  // namespace
}  // namespace molt::worker
