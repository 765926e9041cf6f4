#include "molt/base/deadline.h"

#include <limits>

#include <gtest/gtest.h>

namespace molt {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

TEST(Deadline, UnsetNeverPasses) {
  EXPECT_FALSE(Deadline().IsSet());
  EXPECT_FALSE(Deadline().HasPassed());
}

TEST(Deadline, PassesAtItsTime) {
  const auto now = Deadline::Clock::now();
  EXPECT_TRUE(Deadline::At(now).HasPassed());
  EXPECT_FALSE(Deadline::At(now + hours(1)).HasPassed());
  EXPECT_EQ(Deadline::At(now).When(), now);
}

TEST(Deadline, AfterCountsFromNow) {
  const auto before = Deadline::Clock::now();
  const Deadline deadline = Deadline::After(seconds(10));
  EXPECT_GE(deadline.When(), before + seconds(10));
  EXPECT_LE(deadline.When(), Deadline::Clock::now() + seconds(10));
  EXPECT_TRUE(Deadline::After(seconds(0)).HasPassed());
  EXPECT_TRUE(Deadline::After(seconds(-1)).HasPassed());
}

TEST(Deadline, ATimeoutTooLongForTheClockIsNone) {
  EXPECT_FALSE(Deadline::After(std::chrono::duration<double>(1e300)).IsSet());
  EXPECT_FALSE(
      Deadline::After(std::chrono::duration<double>(std::numeric_limits<double>::infinity()))
          .IsSet());
}

TEST(Deadline, EarlierPrefersTheSetAndThenTheEarlierOne) {
  const auto now = Deadline::Clock::now();
  const Deadline soon = Deadline::At(now);
  const Deadline late = Deadline::At(now + hours(1));
  EXPECT_EQ(soon.Earlier(late).When(), now);
  EXPECT_EQ(late.Earlier(soon).When(), now);
  EXPECT_EQ(Deadline().Earlier(soon).When(), now);
  EXPECT_EQ(soon.Earlier(Deadline()).When(), now);
  EXPECT_FALSE(Deadline().Earlier(Deadline()).IsSet());
}

}  // namespace
}  // namespace molt
