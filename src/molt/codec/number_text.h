// Numbers as text, appended: no allocation of their own.
#pragma once

#include <algorithm>
#include <charconv>
#include <cmath>
#include <concepts>
#include <cstddef>

#include "molt/types/byte_out.h"

namespace molt::codec {

inline constexpr std::size_t kNumberTextMax = 32;

template <std::integral T>
void AppendInteger(T value, types::ByteOut& out) {
  char* text = out.Room(kNumberTextMax);
  out.Advance(static_cast<std::size_t>(std::to_chars(text, text + kNumberTextMax, value).ptr - text));
}

// The shortest text that reads back as the same number, always with a point or an exponent; the
// same as Python's repr(). Precondition: finite.
template <std::floating_point T>
void AppendFloat(T value, types::ByteOut& out) {
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
