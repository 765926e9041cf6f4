// The digits of a numeric: as the server sends them, as text, and as a 128-bit integer.
// Source: numeric_send and numeric_recv in src/backend/utils/adt/numeric.c.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "molt/db/postgres/types/codec.h"
#include "molt/types/decimal128.h"

namespace molt::db::postgres {

inline constexpr int kNumericGroupDigits = 4;  // decimal digits in one of base 10,000
inline constexpr unsigned kNumericBase = 10'000;
inline constexpr std::size_t kNumericHeaderBytes = 8;
inline constexpr int kNumericDscaleMax = 0x3FFF;

// What is left of a group without its last `places`.
struct NumericCut {
  unsigned base;  // one more than the largest such group
  unsigned group;
  bool is_exact;
};
// Dividing by constants is a multiplication.
[[nodiscard]] constexpr NumericCut CutNumericGroup(unsigned group, int places) {
  switch (places) {
    case 0:
      return {kNumericBase, group, true};
    case 1:
      return {1000, group / 10, group % 10 == 0};
    case 2:
      return {100, group / 100, group % 100 == 0};
    default:
      return {10, group / 1000, group % 1000 == 0};
  }
}

// Base 10,000: the number is the sum of digit[i] * 10000^(weight - i).
struct Numeric {
  enum Sign : std::uint16_t {
    kPositive = 0,
    kNegative = 0x4000,
    kNaN = 0xC000,
    kInfinite = 0xD000,
    kMinusInfinite = 0xF000,
  };
  const char* digits = nullptr;  // two bytes each; valid while the cell is
  int count = 0;
  int weight = 0;
  Sign sign = kPositive;
  int dscale = 0;  // decimal places to show

  [[nodiscard]] bool IsFinite() const { return sign == kPositive || sign == kNegative; }
};

// False if the cell is no numeric.
[[nodiscard]] bool LoadNumeric(std::string_view cell, Numeric& number);

// As PostgreSQL prints it: all places, also those that are zero.
[[nodiscard]] std::string NumericText(const Numeric& number);

// The number times 10^scale; false if it has more places, more digits or is not finite.
// Precondition: 0 <= scale <= precision <= 38.
[[nodiscard]] bool NumericToInt128(const Numeric& number, int precision, int scale,
                                   types::Int128& value);

// The number that `text` is, written as types::Decimal has it, with as many places as it shows. A
// mismatch if it is no number, or beyond what a numeric can hold. In text format if it is longer
// than numeric_recv takes.
[[nodiscard]] EncodeOutcome PutNumeric(std::string_view text, std::string& out);

}  // namespace molt::db::postgres
