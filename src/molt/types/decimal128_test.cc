#include "molt/types/decimal128.h"

#include <string>

#include <gtest/gtest.h>

namespace molt::types {
namespace {

constexpr std::string_view kNines = "99999999999999999999999999999999999999";  // 38

std::string RoundTrip(std::string_view text, int precision, int scale) {
  const auto value = ParseDecimal128(text, precision, scale);
  return value ? FormatDecimal128(*value, scale) : "none";
}

TEST(Decimal128, HasAllTheDigitsOfItsScale) {
  EXPECT_EQ(RoundTrip("1.5", 12, 2), "1.50");
  EXPECT_EQ(RoundTrip("-0.05", 12, 2), "-0.05");
  EXPECT_EQ(RoundTrip("7", 12, 0), "7");
  EXPECT_EQ(RoundTrip("-0.00", 12, 3), "0.000");
  EXPECT_EQ(RoundTrip("1.50000", 3, 2), "1.50");
  EXPECT_EQ(RoundTrip("000123", 3, 0), "123");
  EXPECT_EQ(RoundTrip("1.2E+2", 3, 0), "120");
  EXPECT_EQ(RoundTrip("1200e-4", 3, 2), "0.12");
  EXPECT_EQ(RoundTrip(".5", 3, 1), "0.5");
}

TEST(Decimal128, GoesToItsLimits) {
  EXPECT_EQ(RoundTrip(kNines, 38, 0), kNines);
  EXPECT_EQ(RoundTrip("-" + std::string(kNines), 38, 0), "-" + std::string(kNines));
  EXPECT_EQ(RoundTrip("0." + std::string(kNines), 38, 38), "0." + std::string(kNines));
  EXPECT_EQ(RoundTrip("1E-38", 38, 38), "0." + std::string(37, '0') + "1");
  EXPECT_EQ(RoundTrip("18446744073709551616", 38, 1), "18446744073709551616.0");
  EXPECT_EQ(RoundTrip("10000000000000000000000000000000000001", 38, 0),
            "10000000000000000000000000000000000001");
  const auto least = static_cast<Int128>(-1) * 85'070'591'730'234'615 * 1'000'000'000'000'000'000;
  EXPECT_EQ(FormatDecimal128(least * 2, 0), "-170141183460469230000000000000000000");
}

TEST(Decimal128, RefusesWhatDoesNotFit) {
  for (const char* text : {"", "-", ".", "E5", "NaN", "Infinity", "1.5x", "1..5", "1E", "1E+", " 1",
                           "1000", "0.001", "1E+3", "1E-3", "1E+99999999999", "1E-99999999999"}) {
    EXPECT_EQ(RoundTrip(text, 5, 2), "none") << text;
  }
  EXPECT_EQ(RoundTrip("1" + std::string(38, '0'), 38, 0), "none");
  EXPECT_EQ(RoundTrip("0E+99999999999", 5, 2), "0.00");
}

}  // namespace
}  // namespace molt::types
