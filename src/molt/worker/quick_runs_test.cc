#include "molt/worker/quick_runs.h"

#include <algorithm>
#include <atomic>
#include <chrono>
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
    const QuickRuns::Work alone = [&](engine::ReadsTogether&) { work(); };
    co_await runs.Run(alone);
    co_return 0;
  }
  // Until all that was started has gone on: the helper may have had the last piece.
  void Finish() {
    reactor_.Poll();
    while (resumed_on_.size() < ends_.size()) {
      std::this_thread::yield();
      reactor_.Poll();
    }
  }

  Reactor reactor_;
  asio::execution_context context_;
  std::vector<std::string> ends_;
  std::vector<std::thread::id> resumed_on_;
};

TEST_F(QuickRunsTest, NothingIsDoneBeforeAllThatIsReadyWasLookedAt) {
  QuickRuns runs(reactor_, true);
  std::atomic<int> done = 0;
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
  Finish();
  EXPECT_EQ(done, 2);
  EXPECT_EQ(ends_, (std::vector<std::string>{"done", "done"}));
}

TEST_F(QuickRunsTest, WhatWorkLeadsToIsDoneInTheSameRound) {
  QuickRuns runs(reactor_, true);
  bool is_done = false;
  asio::co_spawn(
      InlineExecutor(context_),
      [&]() -> asio::awaitable<void> {
        const QuickRuns::Work first = [](engine::ReadsTogether&) {};
        co_await runs.Run(first);
        const QuickRuns::Work second = [&](engine::ReadsTogether&) { is_done = true; };
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
      Finish();
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
  Finish();
  EXPECT_NE(first_thread, second_thread);
}

TEST_F(QuickRunsTest, APieceThatTheHelperIsHeldUpInHoldsUpNobodyElse) {
  QuickRuns runs(reactor_, true);
  std::atomic<bool> helper_is_in = false;
  std::atomic<bool> goes_on = false;
  const std::thread::id here = std::this_thread::get_id();
  for (int i = 0; i < 20; ++i) {
    Start(runs, [&] {
      const bool is_helper = std::this_thread::get_id() != here;
      if (is_helper) helper_is_in = true;
      while (is_helper ? !goes_on : !helper_is_in) std::this_thread::yield();
    });
  }
  reactor_.Poll();
  EXPECT_EQ(std::count(ends_.begin(), ends_.end(), "done"), 19);
  // Nor do later ones wait for it.
  Start(runs, [] {});
  reactor_.Poll();
  EXPECT_EQ(std::count(ends_.begin(), ends_.end(), "done"), 20);
  goes_on = true;
  Finish();
  EXPECT_EQ(std::count(ends_.begin(), ends_.end(), "done"), 21);
}

TEST_F(QuickRunsTest, WhatStillRunsWhenItStopsIsWaitedForAndNotResumed) {
  std::atomic<bool> helper_is_in = false;
  bool is_left = false;
  {
    QuickRuns runs(reactor_, true);
    const std::thread::id here = std::this_thread::get_id();
    for (int i = 0; i < 2; ++i) {
      Start(runs, [&] {
        if (std::this_thread::get_id() == here) {
          while (!helper_is_in) std::this_thread::yield();
          return;
        }
        helper_is_in = true;
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
      });
    }
    reactor_.Poll();
    is_left = resumed_on_.size() == 1;
    runs.Stop();
  }
  reactor_.Clear();
  EXPECT_TRUE(is_left);
  EXPECT_EQ(resumed_on_.size(), 1U);
}

TEST_F(QuickRunsTest, WhatWorkThrowsIsThrownWhereItIsAwaited) {
  QuickRuns runs(reactor_, true);
  Start(runs, [] {});
  Start(runs, [] { throw std::runtime_error("failed"); });
  Start(runs, [] {});
  Finish();
  EXPECT_EQ(ends_, (std::vector<std::string>{"done", "failed", "done"}));
}

}  // namespace
}  // namespace molt::worker
