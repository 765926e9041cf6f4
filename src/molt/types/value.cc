#include "molt/types/value.h"

#include <utility>

namespace molt::types {

namespace {

// What the items have in common: the type of the first that is not NULL.
LogicalType TypeOfItems(const List& list) {
  for (const Value& item : list.items->values) {
    if (!IsNull(item)) return TypeOf(item);
  }
  return TypeId::kUnknown;
}

LogicalType TypeOfBounds(const Range& range) {
  if (!IsNull(range.bounds->lower)) return TypeOf(range.bounds->lower);
  if (!IsNull(range.bounds->upper)) return TypeOf(range.bounds->upper);
  return TypeId::kUnknown;
}

struct HeapBytesOf {
  std::size_t operator()(const std::string& v) const { return v.size(); }
  std::size_t operator()(const Bytes& v) const { return v.data.size(); }
  std::size_t operator()(const Decimal& v) const { return v.text.size(); }
  std::size_t operator()(const Json& v) const { return v.text.size(); }
  std::size_t operator()(const Inet& v) const { return v.text.size(); }
  std::size_t operator()(const Other& v) const { return v.text.size(); }
  std::size_t operator()(const List& v) const {
    std::size_t bytes = sizeof(ListItems);
    for (const Value& item : v.items->values) bytes += sizeof(Value) + HeapBytes(item);
    return bytes;
  }
  std::size_t operator()(const Range& v) const {
    return sizeof(RangeBounds) + HeapBytes(v.bounds->lower) + HeapBytes(v.bounds->upper);
  }
  template <class T>
  std::size_t operator()(const T&) const {
    return 0;
  }
};

}  // namespace

List::List() {
  static const auto empty = std::make_shared<const ListItems>();
  items = empty;
}
List::List(ListItems values) : items(std::make_shared<const ListItems>(std::move(values))) {}

bool operator==(const List& a, const List& b) {
  if (a.items == b.items) return true;
  return a.items->values == b.items->values && a.items->lower_bounds == b.items->lower_bounds;
}

Range::Range() {
  static const auto empty =
      std::make_shared<const RangeBounds>(RangeBounds{true, Null{}, Null{}, false, false});
  bounds = empty;
}
Range::Range(RangeBounds value) : bounds(std::make_shared<const RangeBounds>(std::move(value))) {}

bool operator==(const Range& a, const Range& b) {
  if (a.bounds == b.bounds) return true;
  const RangeBounds& x = *a.bounds;
  const RangeBounds& y = *b.bounds;
  if (x.empty || y.empty) return x.empty == y.empty;
  return x.lower == y.lower && x.upper == y.upper && x.lower_inclusive == y.lower_inclusive &&
         x.upper_inclusive == y.upper_inclusive;
}

LogicalType TypeOf(const Value& value) {
  struct Visitor {
    LogicalType operator()(Null) const { return TypeId::kNull; }
    LogicalType operator()(bool) const { return TypeId::kBool; }
    LogicalType operator()(std::int64_t) const { return TypeId::kInt64; }
    LogicalType operator()(double) const { return TypeId::kFloat64; }
    LogicalType operator()(const std::string&) const { return TypeId::kUtf8; }
    LogicalType operator()(const Bytes&) const { return TypeId::kBinary; }
    LogicalType operator()(Date) const { return TypeId::kDate; }
    LogicalType operator()(Time) const { return TypeId::kTime; }
    LogicalType operator()(Timestamp t) const {
      return t.utc ? TypeId::kTimestampTz : TypeId::kTimestamp;
    }
    LogicalType operator()(const Decimal&) const { return TypeId::kDecimal; }
    LogicalType operator()(const Uuid&) const { return TypeId::kUuid; }
    LogicalType operator()(Interval) const { return TypeId::kInterval; }
    LogicalType operator()(TimeTz) const { return TypeId::kTimeTz; }
    LogicalType operator()(const Json&) const { return TypeId::kJson; }
    LogicalType operator()(const Inet& inet) const {
      return inet.is_network ? LogicalType::Network() : LogicalType(TypeId::kInet);
    }
    LogicalType operator()(const Other&) const { return TypeId::kOther; }
    LogicalType operator()(const List& list) const {
      return LogicalType::ListOf(TypeOfItems(list));
    }
    LogicalType operator()(const Range& range) const {
      return LogicalType::RangeOf(TypeOfBounds(range));
    }
  };
  return std::visit(Visitor{}, value);
}

std::size_t HeapBytes(const Value& value) { return std::visit(HeapBytesOf{}, value); }

}  // namespace molt::types
