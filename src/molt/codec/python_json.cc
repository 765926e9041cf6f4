#include "molt/codec/python_json.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>

#include "molt/codec/json_string.h"
#include "molt/codec/number_text.h"
#include "molt/types/column_facts.h"
#include "molt/types/iso_text.h"

namespace molt::codec {

namespace {

using types::Column;
using types::TypeId;

// In the order of the enumeration.
constexpr std::array<std::string_view, 7> kNames = {"int",  "text",  "bool", "float",
                                                    "date", "naive", "utc"};

void AppendFloat64(double value, types::ByteOut& out) {
  if (std::isnan(value)) {
    out += "NaN";
  } else if (std::isinf(value)) {
    out += value > 0 ? "Infinity" : "-Infinity";
  } else {
    AppendFloat(value, out);
  }
}

// isoformat(), with no more than milliseconds.
void AppendTimestamp(types::Timestamp timestamp, types::ByteOut& out) {
  const bool is_utc = timestamp.utc;
  timestamp.utc = false;
  constexpr std::size_t kMillisEnd = 23;  // 2024-02-29T10:11:12.123456, if there are any
  char text[types::kTimestampTextMax];
  const std::size_t size = types::WriteTimestamp(timestamp, 'T', text);
  out += '"';
  out.append(text, std::min(size, kMillisEnd));
  out += is_utc ? "Z\"" : "\"";
}

bool IsAllNull(const Column& column) {
  return column.null_count == column.length && !column.IsMixed();
}

// Whether AppendCell can write all cells of the column as that kind.
bool Fits(const Column& column, PythonKind kind) {
  if (IsAllNull(column)) return true;
  if (column.IsMixed()) return false;
  const TypeId id = column.type.id;
  const bool is_int = id == TypeId::kInt64 || id == TypeId::kInt32 || id == TypeId::kInt16;
  switch (kind) {
    case PythonKind::kInt:
      return is_int;
    case PythonKind::kText:
      return id == TypeId::kUtf8 && !types::FindInvalidText(column);
    case PythonKind::kBool:
      if (id != TypeId::kInt64) return id == TypeId::kBool;
      for (std::int64_t row = 0; row < column.length; ++row) {
        const std::int64_t value = column.data.As<std::int64_t>()[row];
        if (!column.IsNull(row) && value != 0 && value != 1) return false;
      }
      return true;
    case PythonKind::kFloat:
      return id == TypeId::kFloat64;
    case PythonKind::kDate:
      return id == TypeId::kDate;
    case PythonKind::kNaive:
      return id == TypeId::kTimestamp;
    case PythonKind::kUtc:
      return id == TypeId::kTimestamp || id == TypeId::kTimestampTz;
  }
  return false;
}

std::int64_t IntAt(const Column& column, std::int64_t row) {
  switch (column.type.id) {
    case TypeId::kInt16:
      return column.data.As<std::int16_t>()[row];
    case TypeId::kInt32:
      return column.data.As<std::int32_t>()[row];
    default:
      return column.data.As<std::int64_t>()[row];
  }
}

// Precondition: Fits.
void AppendCell(const Column& column, PythonKind kind, std::int64_t row, types::ByteOut& out) {
  if (column.IsNull(row) || IsAllNull(column)) {
    out += "null";
    return;
  }
  switch (kind) {
    case PythonKind::kInt:
      return AppendInteger(IntAt(column, row), out);
    case PythonKind::kText:
      return AppendAsciiJsonString(column.BytesAt(row), out);
    case PythonKind::kBool: {
      const bool is_true =
          column.type.id == TypeId::kBool ? column.BoolAt(row) : IntAt(column, row) != 0;
      out += is_true ? "true" : "false";
      return;
    }
    case PythonKind::kFloat:
      return AppendFloat64(column.data.As<double>()[row], out);
    case PythonKind::kDate:
      out += '"';
      out += types::FormatDate({column.data.As<std::int32_t>()[row]});
      out += '"';
      return;
    case PythonKind::kNaive:
    case PythonKind::kUtc:
      return AppendTimestamp({column.data.As<std::int64_t>()[row], kind == PythonKind::kUtc}, out);
  }
}

}  // namespace

std::optional<PythonKind> PythonKindFromName(std::string_view name) {
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (kNames[i] == name) return static_cast<PythonKind>(i);
  }
  return std::nullopt;
}

std::optional<std::string> ToPythonJson(const std::vector<types::RecordBatchPtr>& batches,
                                        std::span<const std::string> names,
                                        std::span<const PythonKind> kinds) {
  std::vector<std::string> keys;
  for (const std::string& name : names) {
    types::ByteOut key;
    key += keys.empty() ? "{" : ", ";
    AppendAsciiJsonString(name, key);
    key += ": ";
    keys.push_back(key.Take());
  }
  types::ByteOut out;
  out += '[';
  for (const types::RecordBatchPtr& batch : batches) {
    for (std::size_t i = 0; i < kinds.size(); ++i) {
      if (!Fits(batch->columns[i], kinds[i])) return std::nullopt;
    }
    for (std::int64_t row = 0; row < batch->num_rows; ++row) {
      if (out.size() > 1) out += ", ";
      for (std::size_t i = 0; i < kinds.size(); ++i) {
        out += keys[i];
        AppendCell(batch->columns[i], kinds[i], row, out);
      }
      out += '}';
    }
  }
  out += ']';
  return out.Take();
}

}  // namespace molt::codec
