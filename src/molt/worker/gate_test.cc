#include "molt/worker/gate.h"

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include <gtest/gtest.h>
#include <asio/co_spawn.hpp>
#include <asio/execution_context.hpp>

#include "molt/base/inline_executor.h"

namespace molt::worker {
namespace {

class GateTest : public ::testing::Test {
 protected:
  using Entering = std::shared_ptr<std::optional<Result<Gate::Pass>>>;

  Entering Enter(Gate& gate, Deadline deadline = {}, const CancelToken& cancel = {}) {
    auto entering = std::make_shared<std::optional<Result<Gate::Pass>>>();
    asio::co_spawn(InlineExecutor(context_), gate.Enter(deadline, cancel),
                   [entering](const std::exception_ptr& failure, Result<Gate::Pass> pass) {
                     EXPECT_EQ(failure, nullptr);
                     entering->emplace(std::move(pass));
                   });
    reactor_.Poll();
    return entering;
  }
  static bool HasPass(const Entering& entering) { return *entering && (*entering)->has_value(); }
  static std::optional<ErrorCode> FailureOf(const Entering& entering) {
    if (!*entering || (*entering)->has_value()) return std::nullopt;
    return (*entering)->error().code;
  }
  void Leave(const Entering& entering) {
    entering->reset();
    reactor_.Poll();
  }

  asio::execution_context context_;
  Reactor reactor_;
  WaitingRoom room_{2, 0};
};

TEST_F(GateTest, AsManyRunAsMayAndTheOthersFollowInTheirOrder) {
  Gate gate(reactor_, room_, 1);
  const Entering first = Enter(gate);
  const Entering second = Enter(gate);
  const Entering third = Enter(gate);
  EXPECT_TRUE(HasPass(first));
  EXPECT_FALSE(second->has_value());
  EXPECT_FALSE(third->has_value());
  EXPECT_EQ(gate.running(), 1U);
  EXPECT_EQ(gate.waiting(), 2U);
  Leave(first);
  EXPECT_TRUE(HasPass(second));
  EXPECT_FALSE(third->has_value());
  Leave(second);
  EXPECT_TRUE(HasPass(third));
  Leave(third);
  EXPECT_EQ(gate.running(), 0U);
  EXPECT_EQ(gate.idle(), 1U);
}

TEST_F(GateTest, WhoFindsNoPlaceToWaitIsBusyAtOnce) {
  Gate gate(reactor_, room_, 1);
  const Entering runs = Enter(gate);
  const Entering one = Enter(gate);
  const Entering two = Enter(gate);
  EXPECT_EQ(FailureOf(Enter(gate)), ErrorCode::kBusy);
  // The place of one that goes on is free again.
  Leave(runs);
  EXPECT_TRUE(HasPass(one));
  const Entering again = Enter(gate);
  EXPECT_FALSE(again->has_value());
  EXPECT_EQ(room_.taken, 2U);
}

TEST_F(GateTest, AllGatesShareTheRoomThatIsWaitedIn) {
  Gate one(reactor_, room_, 1);
  Gate other(reactor_, room_, 1);
  const Entering in_one = Enter(one);
  const Entering in_other = Enter(other);
  const Entering waits_one = Enter(one);
  const Entering waits_other = Enter(other);
  EXPECT_EQ(room_.taken, 2U);
  EXPECT_EQ(FailureOf(Enter(one)), ErrorCode::kBusy);
  EXPECT_EQ(FailureOf(Enter(other)), ErrorCode::kBusy);
  // Its own place becomes free, not that of the other gate's.
  Leave(in_other);
  EXPECT_TRUE(HasPass(waits_other));
  EXPECT_FALSE(waits_one->has_value());
}

TEST_F(GateTest, AWaitEndsAtItsDeadlineAndLeavesNothingBehind) {
  Gate gate(reactor_, room_, 1);
  const Entering runs = Enter(gate);
  const Entering late = Enter(gate, Deadline::After(std::chrono::milliseconds(10)));
  const Entering patient = Enter(gate);
  EXPECT_FALSE(late->has_value());
  while (!late->has_value()) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    reactor_.Poll();
  }
  EXPECT_EQ(FailureOf(late), ErrorCode::kTimeout);
  EXPECT_EQ(room_.taken, 1U);
  EXPECT_EQ(gate.waiting(), 1U);
  Leave(runs);
  EXPECT_TRUE(HasPass(patient));
}

TEST_F(GateTest, ACancelledWaitLeavesItsPlaceToTheNext) {
  Gate gate(reactor_, room_, 1);
  const Entering runs = Enter(gate);
  CancelSource cancel;
  const Entering given_up = Enter(gate, {}, cancel.Token());
  const Entering patient = Enter(gate);
  cancel.Cancel();
  reactor_.Poll();
  EXPECT_EQ(FailureOf(given_up), ErrorCode::kCancelled);
  EXPECT_EQ(room_.taken, 1U);
  Leave(runs);
  EXPECT_TRUE(HasPass(patient));
}

TEST_F(GateTest, WhoIsCancelledAlreadyDoesNotEnter) {
  Gate gate(reactor_, room_, 1);
  CancelSource cancel;
  cancel.Cancel();
  EXPECT_EQ(FailureOf(Enter(gate, {}, cancel.Token())), ErrorCode::kCancelled);
  EXPECT_EQ(gate.running(), 0U);
}

TEST_F(GateTest, WhoIsAdmittedAndCancelledInOneMomentHasItsPlace) {
  Gate gate(reactor_, room_, 1);
  Entering runs = Enter(gate);
  CancelSource cancel;
  const Entering next = Enter(gate, {}, cancel.Token());
  // Both before the reactor looks: the place was given, so that it must be there to be given back.
  runs->reset();
  cancel.Cancel();
  reactor_.Poll();
  EXPECT_TRUE(HasPass(next));
  EXPECT_EQ(gate.running(), 1U);
  Leave(next);
  EXPECT_EQ(gate.running(), 0U);
  EXPECT_EQ(room_.taken, 0U);
}

TEST_F(GateTest, WhatIsDoneAtOnceGoesAheadOnlyWhereItWouldBeAdmitted) {
  WaitingRoom none{0, 0};
  Gate narrow(reactor_, none, 1);
  EXPECT_TRUE(narrow.HasRoom());
  const Entering runs = Enter(narrow);
  EXPECT_FALSE(narrow.HasRoom());

  Gate gate(reactor_, room_, 1);
  const Entering first = Enter(gate);
  EXPECT_TRUE(gate.HasRoom()) << "nobody waits yet, and there is room to wait";
  const Entering second = Enter(gate);
  EXPECT_FALSE(gate.HasRoom()) << "it would overtake who waits";
}

TEST_F(GateTest, APassThatIsMovedIsGivenBackOnce) {
  Gate gate(reactor_, room_, 2);
  const Entering entering = Enter(gate);
  {
    Gate::Pass moved = std::move(**entering).value();
    Gate::Pass assigned;
    assigned = std::move(moved);
    EXPECT_EQ(gate.running(), 1U);
  }
  EXPECT_EQ(gate.running(), 0U);
  entering->reset();
  EXPECT_EQ(gate.running(), 0U);
  EXPECT_EQ(gate.idle(), 2U);
}

}  // namespace
}  // namespace molt::worker
