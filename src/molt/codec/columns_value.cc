// A single value: u8 kind, then by kind
//   0 null             nothing
//   1 bool             u8
//   2 int64            i64
//   3 float64          f64
//   4 utf8  5 binary   bytes
//   6 date             i32 days since 1970-01-01
//   7 time             i64 microseconds since midnight
//   8 timestamp        i64 microseconds since 1970-01-01, u8 utc
//   9 decimal          bytes, its text
//  10 uuid             16 bytes
//  11 interval         i32 months, i32 days, i64 microseconds
//  12 timetz           i64 microseconds since midnight, i32 seconds east of UTC
//  13 json             bytes
//  14 inet             bytes, u8 is_network
//  15 other            bytes
//  16 list             u32 count, i32 lower_bound*, u32 count, value*
//  17 range            u8 flags (1 empty, 2 lower inclusive, 4 upper inclusive), value, value
#include "molt/codec/columns_format.h"

#include <variant>

namespace molt::codec {

namespace {

// Lists nest this deep, and hold ranges, which hold values.
constexpr int kDepthMax = types::kListDepthMax + 2;

constexpr std::uint8_t kEmpty = 1;
constexpr std::uint8_t kLowerInclusive = 2;
constexpr std::uint8_t kUpperInclusive = 4;

struct WriteValue {
  ColumnsWriter& out;

  void operator()(types::Null) const {}
  void operator()(bool v) const { out.Number<std::uint8_t>(v ? 1 : 0); }
  void operator()(std::int64_t v) const { out.Number(v); }
  void operator()(double v) const { out.Number(v); }
  void operator()(const std::string& v) const { out.Bytes(v); }
  void operator()(const types::Bytes& v) const { out.Bytes(v.data); }
  void operator()(types::Date v) const { out.Number(v.days); }
  void operator()(types::Time v) const { out.Number(v.micros); }
  void operator()(types::Timestamp v) const {
    out.Number(v.micros);
    out.Number<std::uint8_t>(v.utc ? 1 : 0);
  }
  void operator()(const types::Decimal& v) const { out.Bytes(v.text); }
  void operator()(const types::Uuid& v) const { out.Number(v.bytes); }
  void operator()(const types::Interval& v) const {
    out.Number(v.months);
    out.Number(v.days);
    out.Number(v.micros);
  }
  void operator()(types::TimeTz v) const {
    out.Number(v.micros);
    out.Number(v.offset_seconds);
  }
  void operator()(const types::Json& v) const { out.Bytes(v.text); }
  void operator()(const types::Inet& v) const {
    out.Bytes(v.text);
    out.Number<std::uint8_t>(v.is_network ? 1 : 0);
  }
  void operator()(const types::Other& v) const { out.Bytes(v.text); }
  void operator()(const types::List& v) const {
    out.Number(static_cast<std::uint32_t>(v.items->lower_bounds.size()));
    for (const std::int32_t bound : v.items->lower_bounds) out.Number(bound);
    out.Number(static_cast<std::uint32_t>(v.items->values.size()));
    for (const types::Value& item : v.items->values) out.Value(item);
  }
  void operator()(const types::Range& v) const {
    const types::RangeBounds& bounds = *v.bounds;
    out.Number(static_cast<std::uint8_t>((bounds.empty ? kEmpty : 0) |
                                         (bounds.lower_inclusive ? kLowerInclusive : 0) |
                                         (bounds.upper_inclusive ? kUpperInclusive : 0)));
    out.Value(bounds.lower);
    out.Value(bounds.upper);
  }
};

}  // namespace

void ColumnsWriter::Value(const types::Value& value) {
  Number(static_cast<std::uint8_t>(value.index()));
  std::visit(WriteValue{*this}, value);
}

types::Value ColumnsReader::ListAt(int depth) {
  types::ListItems items;
  items.lower_bounds.resize(Count(sizeof(std::int32_t)));
  for (std::int32_t& bound : items.lower_bounds) bound = Number<std::int32_t>();
  const std::uint32_t count = Count(1);
  for (std::uint32_t i = 0; i < count && !is_spoiled_; ++i) {
    items.values.push_back(ValueAt(depth + 1));
  }
  return types::List(std::move(items));
}

types::Value ColumnsReader::RangeAt(int depth) {
  types::RangeBounds bounds;
  const auto flags = Number<std::uint8_t>();
  bounds.empty = (flags & kEmpty) != 0;
  bounds.lower_inclusive = (flags & kLowerInclusive) != 0;
  bounds.upper_inclusive = (flags & kUpperInclusive) != 0;
  bounds.lower = ValueAt(depth + 1);
  bounds.upper = ValueAt(depth + 1);
  return types::Range(std::move(bounds));
}

types::Value ColumnsReader::ValueAt(int depth) {
  const auto kind = Number<std::uint8_t>();
  if (values_left_ == 0 || depth > kDepthMax) Spoil();
  if (is_spoiled_) return types::Null{};
  --values_left_;
  const auto text = [this] { return std::string(Bytes()); };
  const auto flag = [this] { return Number<std::uint8_t>() != 0; };
  // Arguments of a braced list are read in order.
  switch (kind) {
    case 0:
      return types::Null{};
    case 1:
      return flag();
    case 2:
      return Number<std::int64_t>();
    case 3:
      return Number<double>();
    case 4:
      return text();
    case 5:
      return types::Bytes{text()};
    case 6:
      return types::Date{Number<std::int32_t>()};
    case 7:
      return types::Time{Number<std::int64_t>()};
    case 8:
      return types::Timestamp{Number<std::int64_t>(), flag()};
    case 9:
      return types::Decimal{text()};
    case 10:
      return types::Uuid{Number<std::array<std::uint8_t, 16>>()};
    case 11:
      return types::Interval{Number<std::int32_t>(), Number<std::int32_t>(),
                             Number<std::int64_t>()};
    case 12:
      return types::TimeTz{Number<std::int64_t>(), Number<std::int32_t>()};
    case 13:
      return types::Json{text()};
    case 14:
      return types::Inet{text(), flag()};
    case 15:
      return types::Other{text()};
    case 16:
      return ListAt(depth);
    case 17:
      return RangeAt(depth);
    default:
      Spoil();
      return types::Null{};
  }
}

}  // namespace molt::codec
