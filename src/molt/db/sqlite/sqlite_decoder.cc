#include "molt/db/sqlite/sqlite_decoder.h"

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "molt/db/sqlite/sqlite_types.h"
#include "molt/types/iso_text.h"
#include "molt/types/utf8.h"
#include "molt/types/value.h"

namespace molt::db::sqlite {

using types::TypeId;

RowDecoder::Mode RowDecoder::ModeFor(types::LogicalType type) {
  switch (type.id) {
    case TypeId::kUnknown:
      return Mode::kUndecided;
    case TypeId::kBool:
      return Mode::kBool;
    case TypeId::kInt64:
      return Mode::kInt64;
    case TypeId::kFloat64:
      return Mode::kFloat64;
    case TypeId::kUtf8:
      return Mode::kUtf8;
    case TypeId::kBinary:
      return Mode::kBinary;
    case TypeId::kDate:
      return Mode::kDate;
    case TypeId::kTime:
      return Mode::kTime;
    case TypeId::kTimestamp:
      return Mode::kTimestamp;
    case TypeId::kTimestampTz:
      return Mode::kTimestampTz;
    default:
      return Mode::kUntyped;
  }
}

RowDecoder::RowDecoder(const types::Schema& planned) : row_bytes_(planned.size() * 8) {
  columns_.reserve(planned.size());
  for (const types::Field& field : planned) {
    columns_.push_back({types::ColumnBuilder(field.type), ModeFor(field.type),
                        field.type.id == TypeId::kUnknown});
  }
}

// The hot path: true if the cell is of its column's type and was appended.
inline bool RowDecoder::AppendUsual(DecodedColumn& column, sqlite3_value* cell) {
  const int kind = sqlite3_value_type(cell);
  switch (column.mode) {
    case Mode::kInt64:
      if (kind != SQLITE_INTEGER) return false;
      column.builder.AppendInt64(sqlite3_value_int64(cell));
      return true;
    case Mode::kFloat64:
      if (kind != SQLITE_FLOAT) return false;
      column.builder.AppendDouble(sqlite3_value_double(cell));
      return true;
    case Mode::kUtf8: {
      if (kind != SQLITE_TEXT) return false;
      const std::string_view text = TextOf(cell);
      if (!types::IsValidUtf8(text)) return false;
      column.builder.AppendBytes(text);
      bytes_ += text.size();
      return true;
    }
    case Mode::kBinary: {
      if (kind != SQLITE_BLOB) return false;
      const std::string_view blob = BlobOf(cell);
      column.builder.AppendBytes(blob);
      bytes_ += blob.size();
      return true;
    }
    case Mode::kBool: {
      if (kind != SQLITE_INTEGER) return false;
      const std::int64_t value = sqlite3_value_int64(cell);
      if (value != 0 && value != 1) return false;
      column.builder.AppendBool(value == 1);
      return true;
    }
    case Mode::kDate: {
      if (kind != SQLITE_TEXT) return false;
      const std::optional<types::Date> date = types::ParseDate(TextOf(cell));
      if (!date) return false;
      column.builder.AppendInt32(date->days);
      return true;
    }
    case Mode::kTime: {
      if (kind != SQLITE_TEXT) return false;
      const std::optional<types::Time> time = types::ParseTime(TextOf(cell));
      if (!time) return false;
      column.builder.AppendInt64(time->micros);
      return true;
    }
    case Mode::kTimestamp:
    case Mode::kTimestampTz: {
      if (kind != SQLITE_TEXT) return false;
      const std::optional<types::Timestamp> when = types::ParseTimestamp(TextOf(cell));
      if (!when || when->utc != (column.mode == Mode::kTimestampTz)) return false;
      column.builder.AppendInt64(when->micros);
      return true;
    }
    default:
      return false;
  }
}

void RowDecoder::AppendRow(sqlite3_stmt* statement) {
  int index = 0;
  for (DecodedColumn& column : columns_) {
    // An "unprotected" value: fine to read, since this connection is this thread's alone.
    sqlite3_value* cell = sqlite3_column_value(statement, index++);
    if (!AppendUsual(column, cell)) AppendUnusual(column, cell);
  }
  ++rows_;
}

// The first value of a column decides its type.
void RowDecoder::Decide(DecodedColumn& column, sqlite3_value* cell) {
  switch (sqlite3_value_type(cell)) {
    case SQLITE_INTEGER:
      column.builder.SetType(TypeId::kInt64);
      break;
    case SQLITE_FLOAT:
      column.builder.SetType(TypeId::kFloat64);
      break;
    case SQLITE_TEXT:
      column.builder.SetType(TypeId::kUtf8);
      break;
    default:
      column.builder.SetType(TypeId::kBinary);
      break;
  }
  column.mode = ModeFor(column.builder.type());
}

void RowDecoder::AppendUnusual(DecodedColumn& column, sqlite3_value* cell) {
  const int kind = sqlite3_value_type(cell);
  if (kind == SQLITE_NULL) return column.builder.AppendNull();
  if (column.mode == Mode::kUndecided) {
    Decide(column, cell);
    if (AppendUsual(column, cell)) return;
  }
  if (column.mode == Mode::kFloat64 && kind == SQLITE_INTEGER) {
    const std::int64_t value = sqlite3_value_int64(cell);
    if (value >= -types::kMaxExactDouble && value <= types::kMaxExactDouble) {
      return column.builder.AppendDouble(static_cast<double>(value));
    }
  }
  if (column.mode == Mode::kInt64 && kind == SQLITE_FLOAT && column.inferred && first_batch_ &&
      column.builder.WidenToFloat64()) {
    column.mode = Mode::kFloat64;
    return column.builder.AppendDouble(sqlite3_value_double(cell));
  }
  // Its type differs from the column's, so this makes the column mixed.
  column.mode = Mode::kMixed;
  types::Value value = StoredValue(cell);
  bytes_ += sizeof(value);
  if (kind == SQLITE_TEXT || kind == SQLITE_BLOB) {
    bytes_ += static_cast<std::size_t>(sqlite3_value_bytes(cell));
  }
  column.builder.AppendValue(std::move(value));
}

std::vector<types::Column> RowDecoder::Finish() {
  std::vector<types::Column> finished;
  finished.reserve(columns_.size());
  for (DecodedColumn& column : columns_) {
    if (column.mode == Mode::kUndecided) column.builder.SetType(TypeId::kNull);
    finished.push_back(column.builder.Finish());
    column.mode = ModeFor(column.builder.type());
  }
  first_batch_ = false;
  rows_ = 0;
  bytes_ = 0;
  return finished;
}

}  // namespace molt::db::sqlite
