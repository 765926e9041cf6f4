#include "molt/codec/msgpack_cell.h"

#include <cstddef>
#include <string>
#include <variant>
#include <vector>

#include "molt/types/decimal128.h"
#include "molt/types/iso_text.h"
#include "molt/types/value_text.h"

namespace molt::codec {

namespace {

using types::TypeId;
using types::Value;

void PackBound(const Value& bound, bool is_inclusive, PackOut& out) {
  if (types::IsNull(bound)) return out.Nil();
  out.Map(2);
  out.String("value");
  PackValue(bound, out);
  out.String("inclusive");
  out.Bool(is_inclusive);
}

void PackTimestamp(types::Timestamp timestamp, PackOut& out) {
  char text[types::kTimestampTextMax];
  out.String({text, types::WriteTimestamp(timestamp, 'T', text)});
}

struct ValuePacker {
  PackOut& out;

  void operator()(types::Null) const { out.Nil(); }
  void operator()(bool value) const { out.Bool(value); }
  void operator()(std::int64_t value) const { out.Int(value); }
  void operator()(double value) const { out.Double(value); }
  void operator()(const std::string& text) const { out.String(text); }
  void operator()(const types::Bytes& bytes) const { out.Binary(bytes.data); }
  void operator()(types::Date date) const { out.String(types::FormatDate(date)); }
  void operator()(types::Time time) const { out.String(types::FormatTime(time)); }
  void operator()(types::Timestamp timestamp) const { PackTimestamp(timestamp, out); }
  void operator()(const types::Decimal& decimal) const { out.String(decimal.text); }
  void operator()(const types::Uuid& uuid) const { out.String(types::FormatUuid(uuid)); }
  void operator()(const types::Interval& interval) const {
    out.Map(3);
    out.String("months");
    out.Int(interval.months);
    out.String("days");
    out.Int(interval.days);
    out.String("micros");
    out.Int(interval.micros);
  }
  void operator()(types::TimeTz time) const { out.String(types::FormatTimeTz(time)); }
  void operator()(const types::Json& json) const { out.String(json.text); }
  void operator()(const types::Inet& inet) const { out.String(inet.text); }
  void operator()(const types::Other& other) const { out.String(other.text); }
  void operator()(const types::List& list) const {
    const std::vector<std::int32_t>& bounds = list.items->lower_bounds;
    if (!bounds.empty()) {
      out.Map(2);
      out.String("lower_bounds");
      out.Array(bounds.size());
      for (const std::int32_t bound : bounds) out.Int(bound);
      out.String("values");
    }
    out.Array(list.items->values.size());
    for (const Value& item : list.items->values) PackValue(item, out);
  }
  void operator()(const types::Range& range) const {
    const types::RangeBounds& bounds = *range.bounds;
    out.Map(3);
    out.String("empty");
    out.Bool(bounds.empty);
    out.String("lower");
    PackBound(bounds.lower, bounds.lower_inclusive, out);
    out.String("upper");
    PackBound(bounds.upper, bounds.upper_inclusive, out);
  }
};

}  // namespace

void PackValue(const Value& value, PackOut& out) { std::visit(ValuePacker{out}, value); }

void PackCell(const types::Column& column, std::int64_t row, PackOut& out) {
  if (column.IsMixed()) return PackValue(column.mixed[static_cast<std::size_t>(row)], out);
  if (column.IsNull(row)) return out.Nil();
  switch (column.type.id) {
    case TypeId::kBool:
      return out.Bool(column.BoolAt(row));
    case TypeId::kInt16:
      return out.Int(column.data.As<std::int16_t>()[row]);
    case TypeId::kInt32:
      return out.Int(column.data.As<std::int32_t>()[row]);
    case TypeId::kInt64:
      return out.Int(column.data.As<std::int64_t>()[row]);
    case TypeId::kFloat32:
      return out.Double(double{column.data.As<float>()[row]});
    case TypeId::kFloat64:
      return out.Double(column.data.As<double>()[row]);
    case TypeId::kUtf8:
    case TypeId::kDecimal:
    case TypeId::kTimeTz:
    case TypeId::kJson:
    case TypeId::kInet:
    case TypeId::kOther:
      return out.String(column.BytesAt(row));
    case TypeId::kBinary:
      return out.Binary(column.BytesAt(row));
    case TypeId::kTimestamp:
      return PackTimestamp({column.data.As<std::int64_t>()[row], false}, out);
    case TypeId::kTimestampTz:
      return PackTimestamp({column.data.As<std::int64_t>()[row], true}, out);
    case TypeId::kDecimal128: {
      char text[types::kDecimal128TextMax];
      const std::size_t size = types::WriteDecimal128(
          types::LoadInt128(column.data.data() + row * 16), column.type.scale, text);
      return out.String({text, size});
    }
    default:
      return PackValue(column.ValueAt(row), out);
  }
}

}  // namespace molt::codec
