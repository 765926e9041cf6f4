// Numbers as text, appended: no allocation of their own.
#pragma once

#include <algorithm>
#include <charconv>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>

#include "molt/types/byte_out.h"

namespace molt::codec {

inline constexpr std::size_t kNumberTextMax = 32;

template <std::integral T>
void AppendInteger(T value, types::ByteOut& out) {
  char* text = out.Room(kNumberTextMax);
  out.Advance(
      static_cast<std::size_t>(std::to_chars(text, text + kNumberTextMax, value).ptr - text));
}

// A number of few digits, as most prices and scores are, in a quarter of the time that to_chars
// takes. A decimal of at most 15 digits is the shortest of its double (David M. Gay, "Correctly
// Rounded Binary-Decimal and Decimal-Binary Conversions"), and the quotient of two integers that a
// double holds exactly is rounded as the decimal's would be. False, and nothing done, for others.
inline bool AppendShortDecimal(double value, types::ByteOut& out) {
  constexpr double kDigitsMax = 1e15;
  std::int64_t scale = 1;
  for (int places = 0; places <= 3; ++places, scale *= 10) {
    const double scaled = std::abs(value) * static_cast<double>(scale);
    if (!(scaled < kDigitsMax)) return false;
    const std::int64_t digits = std::llrint(scaled);
    if (static_cast<double>(digits) / static_cast<double>(scale) != std::abs(value)) continue;
    if (std::signbit(value)) out += '-';
    AppendInteger(digits / scale, out);
    out += '.';
    const std::int64_t fraction = digits % scale;
    if (places == 0) out += '0';
    for (std::int64_t unit = scale / 10; unit > 0; unit /= 10) {
      out += static_cast<char>('0' + fraction / unit % 10);
    }
    return true;
  }
  return false;
}

// The shortest text that reads back as the same number, always with a point or an exponent; the
// same as Python's repr(). Precondition: finite.
template <std::floating_point T>
void AppendFloat(T value, types::ByteOut& out) {
  if constexpr (std::same_as<T, double>) {
    if (AppendShortDecimal(value, out)) return;
  }
  char* text = out.Room(kNumberTextMax);
  const T size = std::abs(value);
  const bool is_fixed = size == 0 || (size >= T(1e-4) && size < T(1e16));
  const auto format = is_fixed ? std::chars_format::fixed : std::chars_format::scientific;
  const char* end = std::to_chars(text, text + kNumberTextMax, value, format).ptr;
  const bool is_whole = is_fixed && std::find(static_cast<const char*>(text), end, '.') == end;
  out.Advance(static_cast<std::size_t>(end - text));
  if (is_whole) out += ".0";
}

}  // namespace molt::codec
