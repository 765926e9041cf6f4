#include "molt/worker/reply_budget.h"

#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <asio/co_spawn.hpp>
#include <asio/execution_context.hpp>

#include "molt/base/inline_executor.h"
#include "molt/wire/frame.h"

namespace molt::worker {
namespace {

using Share = ReplyBudget::Share;
constexpr std::size_t kMiB = std::size_t{1} << 20;

class ReplyBudgetTest : public ::testing::Test {
 protected:
  using Outcome = std::shared_ptr<std::optional<Status>>;

  std::shared_ptr<ReplyBudget> Make(std::size_t bytes_max) {
    return std::make_shared<ReplyBudget>(reactor_, bytes_max);
  }
  Outcome Spawn(Async<void> work) {
    auto outcome = std::make_shared<std::optional<Status>>();
    asio::co_spawn(InlineExecutor(context_), std::move(work),
                   [outcome](const std::exception_ptr& failure, Status status) {
                     EXPECT_EQ(failure, nullptr);
                     *outcome = std::move(status);
                   });
    reactor_.Poll();
    return outcome;
  }

  asio::execution_context context_;
  Reactor reactor_;
  const CancelToken never_;
};

TEST_F(ReplyBudgetTest, AReplyGrowsAsLongAsThereIsRoom) {
  const auto budget = Make(10 * kMiB);
  Share one(budget);
  Share two(budget);
  ASSERT_TRUE(budget->TryTake(one, ReplyBudget::kFirstBytes));
  ASSERT_TRUE(budget->TryTake(two, ReplyBudget::kFirstBytes));
  EXPECT_TRUE(one.MayHave(6 * kMiB));
  EXPECT_FALSE(one.WasRefused());
  EXPECT_FALSE(two.MayHave(6 * kMiB));
  EXPECT_TRUE(two.WasRefused());
  EXPECT_TRUE(two.MayHave(kMiB));
  one.GiveBack();
  EXPECT_TRUE(two.MayHave(6 * kMiB));
}

TEST_F(ReplyBudgetTest, WhatIsUnreadCounts) {
  const auto budget = Make(10 * kMiB);
  Share share(budget);
  budget->SetUnread(10 * kMiB);
  EXPECT_FALSE(budget->TryTake(share, ReplyBudget::kFirstBytes));
  const auto waits =
      Spawn(budget->Take(std::shared_ptr<Share>(&share, [](Share*) {}), kMiB, Deadline(), never_));
  EXPECT_FALSE(waits->has_value());
  budget->SetUnread(9 * kMiB);
  reactor_.Poll();
  ASSERT_TRUE(waits->has_value());
  EXPECT_TRUE(**waits);
}

TEST_F(ReplyBudgetTest, AloneAReplyMayBeAsLongAsAnyHoweverLowTheLimit) {
  const auto budget = Make(1);
  const auto share = std::make_shared<Share>(budget);
  ASSERT_TRUE(budget->TryTake(*share, ReplyBudget::kFirstBytes));
  EXPECT_FALSE(share->MayHave(kMiB));
  const auto done = Spawn(budget->TakeAll(share, Deadline(), never_));
  ASSERT_TRUE(done->has_value());
  EXPECT_TRUE(**done);
  EXPECT_FALSE(share->WasRefused());
  EXPECT_TRUE(share->MayHave(wire::kFrameBytesMax));
  // What it kept of before is counted, and no reason to begin a third time.
  share->Keep(kMiB);
  EXPECT_TRUE(share->MayHave(wire::kFrameBytesMax));
}

TEST_F(ReplyBudgetTest, WhoWaitsIsServedInOrderAndNotOvertaken) {
  const auto budget = Make(100 * kMiB);
  Share first(budget);
  ASSERT_TRUE(budget->TryTake(first, 60 * kMiB));
  const auto large = std::make_shared<Share>(budget);
  const auto small = std::make_shared<Share>(budget);
  const auto large_done = Spawn(budget->TakeAll(large, Deadline(), never_));
  const auto small_done = Spawn(budget->Take(small, kMiB, Deadline(), never_));
  EXPECT_FALSE(large_done->has_value());
  EXPECT_FALSE(small_done->has_value());
  Share late(budget);
  EXPECT_FALSE(budget->TryTake(late, 1));
  EXPECT_FALSE(first.MayHave(61 * kMiB));
  first.GiveBack();
  reactor_.Poll();
  EXPECT_TRUE(large_done->has_value());
  EXPECT_TRUE(small_done->has_value());
}

TEST_F(ReplyBudgetTest, WhoGivesUpLetsTheNextPass) {
  const auto budget = Make(100 * kMiB);
  Share first(budget);
  ASSERT_TRUE(budget->TryTake(first, 60 * kMiB));
  const auto large = std::make_shared<Share>(budget);
  const auto small = std::make_shared<Share>(budget);
  CancelSource cancel;
  const auto large_done = Spawn(budget->TakeAll(large, Deadline(), cancel.Token()));
  const auto small_done = Spawn(budget->Take(small, kMiB, Deadline(), never_));
  cancel.Cancel();
  reactor_.Poll();
  ASSERT_TRUE(large_done->has_value());
  EXPECT_EQ((*large_done)->error().code, ErrorCode::kCancelled);
  reactor_.Poll();
  ASSERT_TRUE(small_done->has_value());
  EXPECT_TRUE(**small_done);
}

TEST_F(ReplyBudgetTest, WhatOtherThreadsGiveBackWakesWhoWaits) {
  const auto budget = Make(1);
  for (int round = 0; round < 200; ++round) {
    auto held = std::make_shared<Share>(budget);
    ASSERT_TRUE(budget->TryTake(*held, kMiB));
    const auto share = std::make_shared<Share>(budget);
    std::thread other([&held] { held.reset(); });
    const auto done = Spawn(budget->Take(share, kMiB, Deadline(), never_));
    other.join();
    reactor_.Poll();
    reactor_.Poll();
    ASSERT_TRUE(done->has_value()) << round;
    share->GiveBack();
    reactor_.Poll();
  }
}

}  // namespace
}  // namespace molt::worker
