#include "molt/base/trial_time.h"

#include <sched.h>
#include <time.h>

#include <atomic>
#include <thread>

#include <gtest/gtest.h>

namespace molt {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

microseconds ThreadTime() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return std::chrono::seconds(time.tv_sec) + microseconds(time.tv_nsec / 1000);
}

TEST(TrialTime, NoneIsNeverOver) {
  const TrialTime none;
  EXPECT_FALSE(none.IsSet());
  EXPECT_FALSE(none.IsOver());
}

TEST(TrialTime, WorkIsOverWhenItsTimeIsUsed) {
  const microseconds begin = ThreadTime();
  const TrialTime trial = TrialTime::Of(milliseconds(20));
  EXPECT_TRUE(trial.IsSet());
  EXPECT_FALSE(trial.IsOver());
  while (!trial.IsOver()) {
  }
  EXPECT_GE(ThreadTime() - begin, milliseconds(20) - microseconds(1));
}

TEST(TrialTime, WhoeverWaitsIsOverWhenTheClockSaysSo) {
  const microseconds begin = ThreadTime();
  const TrialTime trial = TrialTime::Of(milliseconds(20));
  std::this_thread::sleep_for(milliseconds(25));
  EXPECT_TRUE(trial.IsOver());
  EXPECT_LT(ThreadTime() - begin, milliseconds(20));
}

// All threads on one core, so that the one with the trial has less than half of it.
TEST(TrialTime, TimeThatOthersHadDoesNotCount) {
  std::thread crowded([] {
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(sched_getcpu(), &one);
    ASSERT_EQ(sched_setaffinity(0, sizeof(one), &one), 0);
    std::atomic<bool> ends = false;
    const auto burn = [&] {
      while (!ends) {
      }
    };
    std::thread first(burn);
    std::thread second(burn);
    const auto clock_begin = Deadline::Clock::now();
    const microseconds begin = ThreadTime();
    const TrialTime trial = TrialTime::Of(milliseconds(60));
    while (!trial.IsOver()) {
    }
    EXPECT_GE(ThreadTime() - begin, milliseconds(60) - microseconds(1));
    EXPECT_GT(Deadline::Clock::now() - clock_begin, ThreadTime() - begin);
    ends = true;
    first.join();
    second.join();
  });
  crowded.join();
}

}  // namespace
}  // namespace molt
