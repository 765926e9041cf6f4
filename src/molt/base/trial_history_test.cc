#include "molt/base/trial_history.h"

#include <gtest/gtest.h>

namespace molt {
namespace {

int SkipsUntilNextTrial(TrialHistory& history) {
  int skips = 0;
  while (!history.TakeTurn()) ++skips;
  return skips;
}

TEST(TrialHistoryTest, TriesAtFirst) {
  TrialHistory history;
  EXPECT_TRUE(history.TakeTurn());
  EXPECT_TRUE(history.TakeTurn());
}

TEST(TrialHistoryTest, FailuresInARowSkipTwiceAsManyTurnsUpToALimit) {
  TrialHistory history;
  int last = 0;
  for (int i = 0; i < 20; ++i) {
    history.Failed();
    const int skips = SkipsUntilNextTrial(history);
    EXPECT_EQ(skips, std::min(last * 2 + 1, 1023));
    last = skips;
  }
}

TEST(TrialHistoryTest, ASuccessForgives) {
  TrialHistory history;
  for (int i = 0; i < 5; ++i) history.Failed();
  SkipsUntilNextTrial(history);
  history.Succeeded();
  history.Failed();
  EXPECT_EQ(SkipsUntilNextTrial(history), 1);
}

}  // namespace
}  // namespace molt
