#include "molt/base/cancel.h"

#include <atomic>
#include <optional>
#include <thread>

#include <gtest/gtest.h>

namespace molt {
namespace {

TEST(Cancel, ADefaultTokenIsNeverCancelled) {
  const CancelToken token;
  EXPECT_FALSE(token.CanBeCancelled());
  EXPECT_FALSE(token.IsCancelled());
  bool called = false;
  {
    const CancelRegistration registration = token.OnCancel([&] { called = true; });
  }
  EXPECT_FALSE(called);
}

TEST(Cancel, AllTokensOfASourceSeeIt) {
  CancelSource source;
  const CancelToken token = source.Token();
  const CancelToken copy = token;
  EXPECT_TRUE(token.CanBeCancelled());
  EXPECT_FALSE(token.IsCancelled());
  source.Cancel();
  EXPECT_TRUE(token.IsCancelled());
  EXPECT_TRUE(copy.IsCancelled());
}

TEST(Cancel, ATokenOutlivesItsSource) {
  CancelToken token;
  {
    CancelSource source;
    token = source.Token();
    source.Cancel();
  }
  EXPECT_TRUE(token.IsCancelled());
}

TEST(Cancel, CallbacksRunOnce) {
  CancelSource source;
  int calls = 0;
  const CancelRegistration registration = source.Token().OnCancel([&] { ++calls; });
  source.Cancel();
  source.Cancel();
  EXPECT_EQ(calls, 1);
}

TEST(Cancel, ACallbackRunsAtOnceWhenAlreadyCancelled) {
  CancelSource source;
  source.Cancel();
  int calls = 0;
  const CancelRegistration registration = source.Token().OnCancel([&] { ++calls; });
  EXPECT_EQ(calls, 1);
}

TEST(Cancel, AnUnregisteredCallbackDoesNotRun) {
  CancelSource source;
  int calls = 0;
  {
    const CancelRegistration registration = source.Token().OnCancel([&] { ++calls; });
  }
  source.Cancel();
  EXPECT_EQ(calls, 0);
}

TEST(Cancel, AMovedRegistrationKeepsItsCallback) {
  CancelSource source;
  int first = 0;
  int second = 0;
  CancelRegistration kept;
  {
    CancelRegistration registration = source.Token().OnCancel([&] { ++first; });
    kept = std::move(registration);
  }
  CancelRegistration other = source.Token().OnCancel([&] { ++second; });
  CancelRegistration moved(std::move(other));
  source.Cancel();
  EXPECT_EQ(first, 1);
  EXPECT_EQ(second, 1);
}

TEST(Cancel, AssigningOverARegistrationEndsTheOldOne) {
  CancelSource source;
  int first = 0;
  int second = 0;
  CancelRegistration registration = source.Token().OnCancel([&] { ++first; });
  registration = source.Token().OnCancel([&] { ++second; });
  source.Cancel();
  EXPECT_EQ(first, 0);
  EXPECT_EQ(second, 1);
}

TEST(Cancel, UnregisteringWaitsForARunningCallback) {
  CancelSource source;
  std::atomic<bool> running = false;
  std::atomic<bool> may_end = false;
  std::atomic<bool> ended = false;
  std::optional<CancelRegistration> registration = source.Token().OnCancel([&] {
    running = true;
    while (!may_end) std::this_thread::yield();
    ended = true;
  });
  std::thread canceller([&] { source.Cancel(); });
  while (!running) std::this_thread::yield();
  std::thread releaser([&] {
    registration.reset();
    EXPECT_TRUE(ended);
  });
  may_end = true;
  releaser.join();
  canceller.join();
}

}  // namespace
}  // namespace molt
