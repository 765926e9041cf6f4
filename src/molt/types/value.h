// One value: a literal in a query, a bound parameter, or a cell that fits no typed column.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <variant>

#include "molt/types/logical_type.h"

namespace molt::types {

struct Null {
  friend bool operator==(Null, Null) = default;
};
struct Bytes {
  std::string data;
  friend bool operator==(const Bytes&, const Bytes&) = default;
};
struct Date {
  std::int32_t days = 0;  // since 1970-01-01
  friend bool operator==(Date, Date) = default;
};
struct Time {
  std::int64_t micros = 0;  // since midnight
  friend bool operator==(Time, Time) = default;
};
struct Timestamp {
  std::int64_t micros = 0;  // since 1970-01-01 00:00:00, in UTC when `utc`, else without zone
  bool utc = false;
  friend bool operator==(Timestamp, Timestamp) = default;
};
struct Decimal {
  std::string text;  // [-]digits[.digits][E±digits], or NaN, Infinity, -Infinity
  friend bool operator==(const Decimal&, const Decimal&) = default;
};
struct Uuid {
  std::array<std::uint8_t, 16> bytes{};
  friend bool operator==(const Uuid&, const Uuid&) = default;
};

using Value = std::variant<Null, bool, std::int64_t, double, std::string, Bytes, Date, Time,
                           Timestamp, Decimal, Uuid>;

[[nodiscard]] inline bool IsNull(const Value& value) { return value.index() == 0; }
[[nodiscard]] LogicalType TypeOf(const Value& value);

}  // namespace molt::types
