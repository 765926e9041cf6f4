#include "molt/codec/json_cell.h"

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <variant>
#include <vector>

#include "molt/codec/json_string.h"
#include "molt/codec/number_text.h"
#include "molt/types/decimal128.h"
#include "molt/types/iso_text.h"
#include "molt/types/value_text.h"

namespace molt::codec {

namespace {

using types::ByteOut;
using types::Column;
using types::TypeId;
using types::Value;

// Of text that has nothing to escape.
void AppendQuoted(std::string_view text, ByteOut& out) {
  out += '"';
  out += text;
  out += '"';
}

template <std::floating_point T>
void AppendFloatOrNull(T value, ByteOut& out) {
  if (std::isfinite(value)) {
    AppendFloat(value, out);
  } else {
    out += "null";
  }
}

void AppendByteList(std::string_view bytes, ByteOut& out) {
  out += '[';
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (i != 0) out += ',';
    AppendInteger(static_cast<unsigned char>(bytes[i]), out);
  }
  out += ']';
}

// A document as the engine gave it: between its tokens there may be line feeds, and a line of
// JSON Lines must not have any. Within its strings there are none.
void AppendDocument(std::string_view text, ByteOut& out) {
  char* to = out.Room(text.size());
  std::replace_copy_if(
      text.begin(), text.end(), to, [](char c) { return c == '\n' || c == '\r'; }, ' ');
  out.Advance(text.size());
}

void AppendTimestamp(types::Timestamp timestamp, ByteOut& out) {
  char text[types::kTimestampTextMax];
  AppendQuoted({text, types::WriteTimestamp(timestamp, 'T', text)}, out);
}

void AppendBound(const Value& bound, bool is_inclusive, ByteOut& out) {
  if (types::IsNull(bound)) {
    out += "null";
    return;
  }
  out += R"({"value":)";
  AppendJsonValue(bound, out);
  out += is_inclusive ? R"(,"inclusive":true})" : R"(,"inclusive":false})";
}

struct ValueWriter {
  ByteOut& out;

  void operator()(types::Null) const { out += "null"; }
  void operator()(bool value) const { out += value ? "true" : "false"; }
  void operator()(std::int64_t value) const { AppendInteger(value, out); }
  void operator()(double value) const { AppendFloatOrNull(value, out); }
  void operator()(const std::string& text) const { AppendJsonString(text, out); }
  void operator()(const types::Bytes& bytes) const { AppendByteList(bytes.data, out); }
  void operator()(types::Date date) const { AppendQuoted(types::FormatDate(date), out); }
  void operator()(types::Time time) const { AppendQuoted(types::FormatTime(time), out); }
  void operator()(types::Timestamp timestamp) const { AppendTimestamp(timestamp, out); }
  void operator()(const types::Decimal& decimal) const { AppendQuoted(decimal.text, out); }
  void operator()(const types::Uuid& uuid) const { AppendQuoted(types::FormatUuid(uuid), out); }
  void operator()(const types::Interval& interval) const {
    out += R"({"months":)";
    AppendInteger(interval.months, out);
    out += R"(,"days":)";
    AppendInteger(interval.days, out);
    out += R"(,"micros":)";
    AppendInteger(interval.micros, out);
    out += '}';
  }
  void operator()(types::TimeTz time) const { AppendQuoted(types::FormatTimeTz(time), out); }
  void operator()(const types::Json& json) const { AppendDocument(json.text, out); }
  void operator()(const types::Inet& inet) const { AppendJsonString(inet.text, out); }
  void operator()(const types::Other& other) const { AppendJsonString(other.text, out); }
  void operator()(const types::List& list) const {
    const std::vector<std::int32_t>& bounds = list.items->lower_bounds;
    if (!bounds.empty()) {
      out += R"({"lower_bounds":[)";
      for (std::size_t i = 0; i < bounds.size(); ++i) {
        if (i != 0) out += ',';
        AppendInteger(bounds[i], out);
      }
      out += R"(],"values":)";
    }
    out += '[';
    bool is_first = true;
    for (const Value& item : list.items->values) {
      if (!is_first) out += ',';
      is_first = false;
      AppendJsonValue(item, out);
    }
    out += bounds.empty() ? "]" : "]}";
  }
  void operator()(const types::Range& range) const {
    const types::RangeBounds& bounds = *range.bounds;
    out += bounds.empty ? R"({"empty":true,"lower":)" : R"({"empty":false,"lower":)";
    AppendBound(bounds.lower, bounds.lower_inclusive, out);
    out += R"(,"upper":)";
    AppendBound(bounds.upper, bounds.upper_inclusive, out);
    out += '}';
  }
};

}  // namespace

void AppendJsonValue(const Value& value, ByteOut& out) { std::visit(ValueWriter{out}, value); }

void AppendJsonCell(const Column& column, std::int64_t row, ByteOut& out) {
  if (column.IsMixed()) {
    return AppendJsonValue(column.mixed[static_cast<std::size_t>(row)], out);
  }
  if (column.IsNull(row)) {
    out += "null";
    return;
  }
  switch (column.type.id) {
    case TypeId::kBool:
      out += column.BoolAt(row) ? "true" : "false";
      return;
    case TypeId::kInt16:
      return AppendInteger(column.data.As<std::int16_t>()[row], out);
    case TypeId::kInt32:
      return AppendInteger(column.data.As<std::int32_t>()[row], out);
    case TypeId::kInt64:
      return AppendInteger(column.data.As<std::int64_t>()[row], out);
    case TypeId::kFloat32:
      return AppendFloatOrNull(column.data.As<float>()[row], out);
    case TypeId::kFloat64:
      return AppendFloatOrNull(column.data.As<double>()[row], out);
    case TypeId::kUtf8:
    case TypeId::kInet:
    case TypeId::kOther:
      return AppendJsonString(column.BytesAt(row), out);
    case TypeId::kDecimal:
    case TypeId::kTimeTz:
      return AppendQuoted(column.BytesAt(row), out);
    case TypeId::kBinary:
      return AppendByteList(column.BytesAt(row), out);
    case TypeId::kJson:
      return AppendDocument(column.BytesAt(row), out);
    case TypeId::kTimestamp:
      return AppendTimestamp({column.data.As<std::int64_t>()[row], false}, out);
    case TypeId::kTimestampTz:
      return AppendTimestamp({column.data.As<std::int64_t>()[row], true}, out);
    case TypeId::kDecimal128: {
      char text[types::kDecimal128TextMax];
      const std::size_t size = types::WriteDecimal128(
          types::LoadInt128(column.data.data() + row * 16), column.type.scale, text);
      return AppendQuoted({text, size}, out);
    }
    default:
      return AppendJsonValue(column.ValueAt(row), out);
  }
}

}  // namespace molt::codec
