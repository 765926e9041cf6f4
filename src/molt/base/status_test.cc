#include "molt/base/status.h"

#include <set>

#include <gtest/gtest.h>

namespace molt {
namespace {

Result<int> Half(int value) {
  if (value % 2 != 0) return InvalidQuery("odd");
  return value / 2;
}

Result<int> Quarter(int value) {
  MOLT_ASSIGN(const int half, Half(value));
  MOLT_ASSIGN(const int quarter, Half(half));
  return quarter;
}

Status CheckEven(int value, bool& reached) {
  MOLT_RETURN_IF_ERROR(Half(value));
  reached = true;
  return {};
}

TEST(Status, AssignBindsTheValueOrReturnsTheError) {
  EXPECT_EQ(*Quarter(8), 2);
  EXPECT_EQ(Quarter(7).error().message, "odd");
  EXPECT_EQ(Quarter(6).error().code, ErrorCode::kInvalidQuery);
}

TEST(Status, ReturnIfErrorStopsTheFunction) {
  bool reached = false;
  EXPECT_FALSE(CheckEven(3, reached));
  EXPECT_FALSE(reached);
  EXPECT_TRUE(CheckEven(4, reached));
  EXPECT_TRUE(reached);
}

TEST(Status, MakersGiveTheirCode) {
  EXPECT_EQ(Status(InvalidQuery("m")).error().code, ErrorCode::kInvalidQuery);
  EXPECT_EQ(Status(Unsupported("m")).error().code, ErrorCode::kUnsupported);
  EXPECT_EQ(Status(Busy("m")).error().code, ErrorCode::kBusy);
  EXPECT_EQ(Status(TimedOut("m")).error().code, ErrorCode::kTimeout);
  EXPECT_EQ(Status(Cancelled("m")).error().code, ErrorCode::kCancelled);
  EXPECT_EQ(Status(Closed("m")).error().code, ErrorCode::kClosed);
  EXPECT_EQ(Status(Internal("m")).error().code, ErrorCode::kInternal);
  const Status database = DatabaseError("m", "23505");
  EXPECT_EQ(database.error().code, ErrorCode::kDatabase);
  EXPECT_EQ(database.error().sqlstate, "23505");
}

TEST(Status, OnlyBusyIsRetryable) {
  EXPECT_TRUE(Status(Busy("m")).error().retryable);
  EXPECT_FALSE(Status(TimedOut("m")).error().retryable);
  EXPECT_FALSE(Status(DatabaseError("m")).error().retryable);
}

TEST(Status, EveryCodeHasANameOfItsOwn) {
  std::set<std::string_view> names;
  for (int code = 0; code <= static_cast<int>(ErrorCode::kInternal); ++code) {
    names.insert(ErrorCodeName(static_cast<ErrorCode>(code)));
  }
  EXPECT_EQ(names.size(), static_cast<std::size_t>(ErrorCode::kInternal) + 1);
}

}  // namespace
}  // namespace molt
