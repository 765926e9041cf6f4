// PostgreSQL counts days and microseconds from 2000-01-01; the least and the greatest number are
// the infinities.
#pragma once

#include <cstdint>
#include <limits>
#include <string_view>

namespace molt::db::postgres {

inline constexpr std::int64_t kMicrosPerDay = 86'400'000'000;
inline constexpr std::int32_t kEpochDays = 10'957;  // 1970-01-01 to 2000-01-01
inline constexpr std::int64_t kEpochMicros = kEpochDays * kMicrosPerDay;

inline constexpr std::string_view kInfinity = "infinity";
inline constexpr std::string_view kMinusInfinity = "-infinity";

template <class Number>
[[nodiscard]] constexpr bool IsInfinite(Number number) {
  return number == std::numeric_limits<Number>::max() ||
         number == std::numeric_limits<Number>::min();
}
template <class Number>
[[nodiscard]] constexpr std::string_view InfinityText(Number number) {
  return number > 0 ? kInfinity : kMinusInfinity;
}

}  // namespace molt::db::postgres
