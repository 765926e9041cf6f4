#include "molt/types/decimal128.h"

#include <algorithm>
#include <cstring>

namespace molt::types {

namespace {

__extension__ using UInt128 = unsigned __int128;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// The number behind an E, clamped far beyond any exponent that fits.
std::optional<int> ReadExponent(std::string_view text) {
  constexpr int kFar = 1'000'000;
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  if (text.empty()) return std::nullopt;
  int exponent = 0;
  for (const char c : text) {
    if (!IsDigit(c)) return std::nullopt;
    exponent = std::min(exponent * 10 + (c - '0'), kFar);
  }
  return negative ? -exponent : exponent;
}

}  // namespace

std::optional<Int128> ParseDecimal128(std::string_view text, int precision, int scale) {
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  int exponent = 0;
  if (const std::size_t at = text.find_first_of("eE"); at != std::string_view::npos) {
    const auto read = ReadExponent(text.substr(at + 1));
    if (!read) return std::nullopt;
    exponent = *read;
    text = text.substr(0, at);
  }
  UInt128 digits = 0;
  int significant = 0;  // digits in `digits`
  int trailing = 0;     // zeros that are not in it yet
  bool any = false;
  bool after_point = false;
  for (const char c : text) {
    if (c == '.' && !after_point) {
      after_point = true;
      continue;
    }
    if (!IsDigit(c)) return std::nullopt;
    any = true;
    if (after_point) --exponent;
    if (c == '0') {
      if (significant > 0) ++trailing;
    } else {
      significant += trailing + 1;
      if (significant > precision) return std::nullopt;
      for (; trailing > 0; --trailing) digits *= 10;
      digits = digits * 10 + static_cast<unsigned>(c - '0');
    }
  }
  if (!any) return std::nullopt;
  if (significant == 0) return Int128{0};
  // value = digits * 10^(trailing + exponent); what is kept is value * 10^scale.
  const int shift = trailing + exponent + scale;
  if (shift < 0 || significant + shift > precision) return std::nullopt;
  for (int i = 0; i < shift; ++i) digits *= 10;
  const auto magnitude = static_cast<Int128>(digits);
  return negative ? -magnitude : magnitude;
}

std::size_t WriteDecimal128(Int128 value, int scale, char* out) {
  char reversed[kDecimal128TextMax];
  std::size_t count = 0;
  UInt128 rest = value < 0 ? UInt128{0} - static_cast<UInt128>(value) : static_cast<UInt128>(value);
  const auto places = static_cast<std::size_t>(scale);
  const auto put = [&](std::uint32_t digit) {
    if (count == places && places > 0) reversed[count++] = '.';
    reversed[count++] = static_cast<char>('0' + digit);
  };
  // 64-bit division is many times faster, and most numbers fit.
  std::size_t digits = 0;
  constexpr std::uint64_t kGroup = 10'000'000'000'000'000'000U;
  while (rest > UINT64_MAX) {
    auto low = static_cast<std::uint64_t>(rest % kGroup);
    rest /= kGroup;
    for (int i = 0; i < 19; ++i, ++digits, low /= 10) put(static_cast<std::uint32_t>(low % 10));
  }
  for (auto low = static_cast<std::uint64_t>(rest); low != 0; low /= 10, ++digits) {
    put(static_cast<std::uint32_t>(low % 10));
  }
  for (; digits <= places; ++digits) put(0);
  if (value < 0) reversed[count++] = '-';
  std::reverse_copy(reversed, reversed + count, out);
  return count;
}

std::string FormatDecimal128(Int128 value, int scale) {
  char text[kDecimal128TextMax];
  return {text, WriteDecimal128(value, scale, text)};
}

Int128 LoadInt128(const void* bytes) {
  Int128 value = 0;
  std::memcpy(&value, bytes, sizeof(value));
  return value;
}

}  // namespace molt::types
