#include "molt/base/reactor.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <optional>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <asio/co_spawn.hpp>
#include <asio/execution_context.hpp>

#include "molt/base/inline_executor.h"

namespace molt {
namespace {

using namespace std::chrono_literals;

class SocketPair {
 public:
  SocketPair() { EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds_.data()), 0); }
  ~SocketPair() {
    for (const int fd : fds_) close(fd);
  }
  [[nodiscard]] int ours() const { return fds_[0]; }
  void TheirsWrites() const { EXPECT_EQ(write(fds_[1], "x", 1), 1); }

 private:
  std::array<int, 2> fds_{};
};

Deadline In(std::chrono::milliseconds time) { return Deadline::After(time); }

class ReactorTest : public ::testing::Test {
 protected:
  // Runs `work` on this thread as far as it goes; the result comes while the reactor is polled.
  std::shared_ptr<std::optional<Wake>> Spawn(asio::awaitable<Wake> work) {
    auto result = std::make_shared<std::optional<Wake>>();
    asio::co_spawn(InlineExecutor(context_), std::move(work),
                   [result](const std::exception_ptr&, Wake wake) { *result = wake; });
    return result;
  }
  // What an event loop does: watches the descriptor, then polls.
  void PollUntilReady(int timeout_ms = 5000) {
    pollfd entry{reactor_.fd(), POLLIN, 0};
    ASSERT_EQ(poll(&entry, 1, timeout_ms), 1);
    reactor_.Poll();
  }

  asio::execution_context context_;
  Reactor reactor_;
};

TEST_F(ReactorTest, ADescriptorThatIsReadyWakesItsCoroutine) {
  const SocketPair pair;
  const auto woken = Spawn(WaitForFd(&reactor_, pair.ours(), Interest::kRead, {}, CancelToken()));
  reactor_.Poll();
  EXPECT_FALSE(woken->has_value());
  pair.TheirsWrites();
  PollUntilReady();
  EXPECT_EQ(*woken, Wake::kReady);
}

TEST_F(ReactorTest, TheSameDescriptorCanBeWaitedForAgain) {
  const SocketPair pair;
  for (int i = 0; i < 3; ++i) {
    const auto woken =
        Spawn(WaitForFd(&reactor_, pair.ours(), Interest::kWrite, {}, CancelToken()));
    PollUntilReady();
    EXPECT_EQ(*woken, Wake::kReady);
  }
}

TEST_F(ReactorTest, AClosedDescriptorWakesRatherThanHangs) {
  const auto woken = Spawn(WaitForFd(&reactor_, 9999, Interest::kRead, {}, CancelToken()));
  PollUntilReady();
  EXPECT_EQ(*woken, Wake::kReady);
}

TEST_F(ReactorTest, DeadlinesEndWaitsInTheirOrder) {
  const SocketPair pair;
  const SocketPair other;
  const auto late =
      Spawn(WaitForFd(&reactor_, pair.ours(), Interest::kRead, In(60ms), CancelToken()));
  const auto early =
      Spawn(WaitForFd(&reactor_, other.ours(), Interest::kRead, In(10ms), CancelToken()));
  PollUntilReady();
  EXPECT_EQ(*early, Wake::kTimeout);
  EXPECT_FALSE(late->has_value());
  PollUntilReady();
  EXPECT_EQ(*late, Wake::kTimeout);
}

TEST_F(ReactorTest, ADeadlineThatHasPassedStillGoesThroughTheLoop) {
  const SocketPair pair;
  const auto woken =
      Spawn(WaitForFd(&reactor_, pair.ours(), Interest::kRead, In(-5ms), CancelToken()));
  EXPECT_FALSE(woken->has_value());
  PollUntilReady();
  EXPECT_EQ(*woken, Wake::kTimeout);
}

TEST_F(ReactorTest, CancellingFromAnotherThreadEndsTheWait) {
  const SocketPair pair;
  CancelSource source;
  const auto woken = Spawn(WaitForFd(&reactor_, pair.ours(), Interest::kRead, {}, source.Token()));
  std::thread canceller([&] { source.Cancel(); });
  PollUntilReady();
  canceller.join();
  EXPECT_EQ(*woken, Wake::kCancelled);
}

TEST_F(ReactorTest, AWaitThatBeginsCancelledEnds) {
  const SocketPair pair;
  CancelSource source;
  source.Cancel();
  const auto woken = Spawn(WaitForFd(&reactor_, pair.ours(), Interest::kRead, {}, source.Token()));
  PollUntilReady();
  EXPECT_EQ(*woken, Wake::kCancelled);
}

TEST_F(ReactorTest, PostedWorkRunsOnceOnThePollingThread) {
  int runs = 0;
  std::thread poster([&] {
    reactor_.Post([&] {
      ++runs;
      reactor_.Post([&] { ++runs; });  // from the reactor's own thread: in the same poll
    });
  });
  PollUntilReady();
  poster.join();
  EXPECT_EQ(runs, 2);
}

TEST_F(ReactorTest, AnEventWakesItsWaiterWhoeverIsFirst) {
  auto before = std::make_shared<Event>();
  before->Notify();
  const auto first = Spawn(Event::Wait(before, &reactor_, {}, CancelToken()));
  PollUntilReady();
  EXPECT_EQ(*first, Wake::kReady);

  auto after = std::make_shared<Event>();
  const auto second = Spawn(Event::Wait(after, &reactor_, {}, CancelToken()));
  std::thread notifier([&] { after->Notify(); });
  PollUntilReady();
  notifier.join();
  EXPECT_EQ(*second, Wake::kReady);
}

TEST_F(ReactorTest, WithoutAReactorTheThreadBlocks) {
  const SocketPair pair;
  EXPECT_EQ(**Spawn(WaitForFd(nullptr, pair.ours(), Interest::kRead, In(10ms), CancelToken())),
            Wake::kTimeout);
  pair.TheirsWrites();
  EXPECT_EQ(**Spawn(WaitForFd(nullptr, pair.ours(), Interest::kRead, {}, CancelToken())),
            Wake::kReady);
  auto event = std::make_shared<Event>();
  EXPECT_EQ(**Spawn(Event::Wait(event, nullptr, In(10ms), CancelToken())), Wake::kTimeout);
  std::thread notifier([&] { event->Notify(); });
  EXPECT_EQ(**Spawn(Event::Wait(event, nullptr, {}, CancelToken())), Wake::kReady);
  notifier.join();
}

TEST_F(ReactorTest, ABlockedThreadLooksAtATokenThatOnlyPolls) {
  const SocketPair pair;
  int asked = 0;
  const CancelSource source([&] { return ++asked > 3; });
  EXPECT_EQ(**Spawn(WaitForFd(nullptr, pair.ours(), Interest::kRead, {}, source.Token())),
            Wake::kCancelled);
}

TEST_F(ReactorTest, WhatStillWaitsIsDestroyedWithTheReactor) {
  auto alive = std::make_shared<int>(1);
  const std::weak_ptr<int> watch = alive;
  const SocketPair pair;
  {
    Reactor reactor;
    const auto wait = [](Reactor* on, int fd, std::shared_ptr<int> held) -> asio::awaitable<Wake> {
      const Wake wake = co_await WaitForFd(on, fd, Interest::kRead, {}, CancelToken());
      *held = 2;
      co_return wake;
    };
    const auto woken = Spawn(wait(&reactor, pair.ours(), std::move(alive)));
    EXPECT_FALSE(watch.expired());
    EXPECT_FALSE(woken->has_value());
  }
  EXPECT_TRUE(watch.expired());
}

TEST_F(ReactorTest, ACoroutineGoesOnOnAnotherReactorsThread) {
  ReactorThread thread;
  const auto ids = std::make_shared<std::vector<std::thread::id>>();
  const auto done = std::make_shared<Event>();
  const auto work = [](ReactorThread& there, std::shared_ptr<std::vector<std::thread::id>> seen,
                       std::shared_ptr<Event> end) -> asio::awaitable<Wake> {
    seen->push_back(std::this_thread::get_id());
    co_await SwitchTo(there.Get());
    seen->push_back(std::this_thread::get_id());
    end->Notify();
    co_return Wake::kReady;
  };
  const auto result = Spawn(work(thread, ids, done));
  EXPECT_EQ(**Spawn(Event::Wait(done, nullptr, In(5000ms), CancelToken())), Wake::kReady);
  thread.Stop();
  ASSERT_EQ(ids->size(), 2U);
  EXPECT_EQ((*ids)[0], std::this_thread::get_id());
  EXPECT_NE((*ids)[1], std::this_thread::get_id());
}

}  // namespace
}  // namespace molt
