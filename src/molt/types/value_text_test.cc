#include "molt/types/value_text.h"

#include <string>

#include <gtest/gtest.h>

namespace molt::types {
namespace {

constexpr std::int64_t kHour = 3'600'000'000;

TEST(ValueText, TimesWithAnOffsetReadAndPrint) {
  const struct {
    TimeTz time;
    std::string text;
  } cases[] = {
      {{0, 0}, "00:00:00+00:00"},
      {{10 * kHour + 500'000, 7'200}, "10:00:00.500000+02:00"},
      {{24 * kHour, -16'200}, "24:00:00-04:30"},
      {{kHour, 57'599}, "01:00:00+15:59:59"},
  };
  for (const auto& each : cases) {
    EXPECT_EQ(FormatTimeTz(each.time), each.text);
    EXPECT_EQ(ParseTimeTz(each.text), each.time);
  }
  EXPECT_EQ(ParseTimeTz("01:00+02"), (TimeTz{kHour, 7'200}));
  EXPECT_EQ(ParseTimeTz("01:00:00Z"), (TimeTz{kHour, 0}));
  for (const char* bad :
       {"", "Z", "01:00:00", "01:00:00+", "01:00:00+2", "01:00:00+02:", "+02:00", "01:00:00+02:60",
        "01:00:00+24", "24:00:01+00:00", "01:00:00+02:00:00:"}) {
    EXPECT_EQ(ParseTimeTz(bad), std::nullopt) << bad;
  }
}

Range Of(Value lower, Value upper, bool lower_inclusive = true, bool upper_inclusive = false) {
  return Range(
      RangeBounds{false, std::move(lower), std::move(upper), lower_inclusive, upper_inclusive});
}

TEST(ValueText, RangesPrintAsEnginesPrintThem) {
  EXPECT_EQ(FormatRange(Of(std::int64_t{-1}, std::int64_t{10})), "[-1,10)");
  EXPECT_EQ(FormatRange(Of(Decimal{"1.50"}, Decimal{"2"}, false, true)), "(1.50,2]");
  EXPECT_EQ(FormatRange(Of(Date{0}, Null{})), "[1970-01-01,)");
  EXPECT_EQ(FormatRange(Of(Null{}, Null{}, false)), "(,)");
  EXPECT_EQ(FormatRange(Of(Timestamp{0, true}, Other{"infinity"})),
            "[\"1970-01-01 00:00:00+00:00\",infinity)");
  EXPECT_EQ(FormatRange(Of(std::string("a\"b\\c"), std::string())), R"(["a""b\\c",""))");
  EXPECT_EQ(FormatRange(Of(0.1, 1e300)), "[0.1,1e+300)");
  EXPECT_EQ(FormatRange(Range()), "empty");
}

TEST(ValueText, OnlyBoundsWithATextMakeATextRange) {
  EXPECT_TRUE(IsTextRange(Range()));
  EXPECT_TRUE(IsTextRange(Of(Null{}, Date{0}, false)));
  EXPECT_FALSE(IsTextRange(Of(List(), Null{})));
}

}  // namespace
}  // namespace molt::types
