// One value: a literal in a query, a bound parameter, or a cell that fits no typed column.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

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

struct Interval {
  std::int32_t months = 0;
  std::int32_t days = 0;
  std::int64_t micros = 0;
  friend bool operator==(const Interval&, const Interval&) = default;
};
struct TimeTz {
  std::int64_t micros = 0;          // since midnight, local
  std::int32_t offset_seconds = 0;  // east of UTC
  friend bool operator==(const TimeTz&, const TimeTz&) = default;
};
struct Json {
  std::string text;  // valid JSON in UTF-8
  friend bool operator==(const Json&, const Json&) = default;
};
struct Inet {
  std::string text;         // 192.168.0.1, 192.168.0.1/24, 2001:db8::/32
  bool is_network = false;  // a network, so without host bits
  friend bool operator==(const Inet&, const Inet&) = default;
};
struct Other {
  std::string text;
  friend bool operator==(const Other&, const Other&) = default;
};

// Shared, because a Value cannot hold Values. Never null; a default one is empty.
struct ListItems;
struct List {
  std::shared_ptr<const ListItems> items;
  List();
  explicit List(ListItems values);
  friend bool operator==(const List& a, const List& b);
};
struct RangeBounds;
struct Range {
  std::shared_ptr<const RangeBounds> bounds;
  Range();  // the empty range
  explicit Range(RangeBounds value);
  friend bool operator==(const Range& a, const Range& b);
};

using Value =
    std::variant<Null, bool, std::int64_t, double, std::string, Bytes, Date, Time, Timestamp,
                 Decimal, Uuid, Interval, TimeTz, Json, Inet, Other, List, Range>;

// How deep lists may nest: as many dimensions as an array of PostgreSQL can have.
inline constexpr int kListDepthMax = 6;

// The items of an array; those of one with more dimensions are lists themselves.
struct ListItems {
  std::vector<Value> values;
  // Of the outermost list of an array: where each of its dimensions begins, if not all at 1.
  std::vector<std::int32_t> lower_bounds = {};
};
// NULL bounds are infinite, and then never inclusive.
struct RangeBounds {
  bool empty = false;
  Value lower;
  Value upper;
  bool lower_inclusive = false;
  bool upper_inclusive = false;
};

[[nodiscard]] inline bool IsNull(const Value& value) { return value.index() == 0; }
[[nodiscard]] LogicalType TypeOf(const Value& value);
// About what the value holds beside itself: the bytes of its text, the items of a list.
[[nodiscard]] std::size_t HeapBytes(const Value& value);

}  // namespace molt::types
