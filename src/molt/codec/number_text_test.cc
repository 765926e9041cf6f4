#include "molt/codec/number_text.h"

#include <bit>
#include <cstdint>
#include <limits>
#include <random>
#include <string>

#include <gtest/gtest.h>

namespace molt::codec {
namespace {

std::string Written(double value) {
  types::ByteOut out;
  AppendFloat(value, out);
  return out.Take();
}

// What the standard library calls the shortest, as Python writes it.
std::string Shortest(double value) {
  char text[64];
  const double size = std::abs(value);
  const bool is_fixed = size == 0 || (size >= 1e-4 && size < 1e16);
  const char* end =
      std::to_chars(text, text + sizeof(text), value,
                    is_fixed ? std::chars_format::fixed : std::chars_format::scientific)
          .ptr;
  std::string shortest(static_cast<const char*>(text), end);
  if (is_fixed && shortest.find('.') == std::string::npos) shortest += ".0";
  return shortest;
}

TEST(NumberText, NumbersOfFewDigitsAreWritten) {
  EXPECT_EQ(Written(0.0), "0.0");
  EXPECT_EQ(Written(-0.0), "-0.0");
  EXPECT_EQ(Written(1.0), "1.0");
  EXPECT_EQ(Written(-12.5), "-12.5");
  EXPECT_EQ(Written(0.001), "0.001");
  EXPECT_EQ(Written(-0.25), "-0.25");
  EXPECT_EQ(Written(1234.05), "1234.05");
  EXPECT_EQ(Written(999999999999.999), "999999999999.999");
  EXPECT_EQ(Written(1e15), "1000000000000000.0");
  EXPECT_EQ(Written(9007199254740993.0), "9007199254740992.0");
  EXPECT_EQ(Written(1e16), "1e+16");
  EXPECT_EQ(Written(0.0001), "0.0001");
  EXPECT_EQ(Written(0.1 + 0.2), "0.30000000000000004");
}

TEST(NumberText, EveryDoubleIsItsShortestText) {
  std::mt19937_64 random(7);  // NOLINT(cert-msc51-cpp): the same each time
  for (int round = 0; round < 300'000; ++round) {
    const auto any = std::bit_cast<double>(random());
    if (std::isfinite(any)) {
      ASSERT_EQ(Written(any), Shortest(any));
    }
    // Near decimals of few places: these, and the doubles beside them.
    const double scale = std::pow(10.0, static_cast<double>(random() % 6));
    const auto bits = random() % 60;
    const double near = static_cast<double>(static_cast<std::int64_t>(random()) >> bits) / scale;
    for (const double value : {near, std::nextafter(near, 1e300), std::nextafter(near, -1e300)}) {
      ASSERT_EQ(Written(value), Shortest(value));
    }
  }
}

TEST(NumberText, FloatsAreTheShortestOfTheirOwnKind) {
  types::ByteOut out;
  AppendFloat(0.1F, out);
  EXPECT_EQ(out.Take(), "0.1");
}

TEST(NumberText, IntegersAreWritten) {
  types::ByteOut out;
  AppendInteger(std::numeric_limits<std::int64_t>::min(), out);
  out += ' ';
  AppendInteger(std::numeric_limits<std::uint64_t>::max(), out);
  EXPECT_EQ(out.Take(), "-9223372036854775808 18446744073709551615");
}

}  // namespace
}  // namespace molt::codec
