// Numbers as text, appended: no allocation of their own.
#pragma once

#include <algorithm>
#include <charconv>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <string>

namespace molt::codec {

inline constexpr std::size_t kNumberTextMax = 32;

template <std::integral T>
void AppendInteger(T value, std::string& out) {
  char text[kNumberTextMax];
  const char* end = std::to_chars(text, text + sizeof(text), value).ptr;
  out.append(static_cast<const char*>(text), end);
}

// The shortest text that reads back as the same number, always with a point or an exponent; the
// same as Python's repr(). Precondition: finite.
template <std::floating_point T>
void AppendFloat(T value, std::string& out) {
  char text[kNumberTextMax];
  const T size = std::abs(value);
  const bool is_fixed = size == 0 || (size >= T(1e-4) && size < T(1e16));
  const auto format = is_fixed ? std::chars_format::fixed : std::chars_format::scientific;
  const char* end = std::to_chars(text, text + sizeof(text), value, format).ptr;
  out.append(static_cast<const char*>(text), end);
  if (is_fixed && std::find(static_cast<const char*>(text), end, '.') == end) out += ".0";
}

}  // namespace molt::codec
