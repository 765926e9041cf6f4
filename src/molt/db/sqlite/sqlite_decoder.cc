#include "molt/db/sqlite/sqlite_decoder.h"

#include <cstring>
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

namespace {

// Most cells are short and ASCII: not worth the call that settles the rest.
inline bool IsAscii(std::string_view text) {
  constexpr std::uint64_t kHighBits = 0x8080808080808080U;
  const char* at = text.data();
  std::size_t left = text.size();
  std::uint64_t bits = 0;
  std::uint64_t word = 0;
  if (left >= sizeof(word)) {
    for (; left > sizeof(word); left -= sizeof(word), at += sizeof(word)) {
      std::memcpy(&word, at, sizeof(word));
      bits |= word;
    }
    // The last eight, some of them for the second time.
    std::memcpy(&word, text.data() + text.size() - sizeof(word), sizeof(word));
    return ((bits | word) & kHighBits) == 0;
  }
  for (; left > 0; --left, ++at) bits |= static_cast<unsigned char>(*at);
  return (bits & 0x80U) == 0;
}

}  // namespace

RowDecoder::Mode RowDecoder::ModeFor(const types::LogicalType& type) {
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
                        field.type.id == TypeId::kUnknown, false});
  }
}

void RowDecoder::Reserve(std::span<const ResultShape::Sizes> sizes) {
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    columns_[i].builder.Reserve(sizes[i].data_bytes, sizes[i].offsets_bytes);
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
      if (!IsAscii(text) && !types::IsValidUtf8(text)) return false;
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
  if (rows_ == 0 && !first_batch_) {
    // Growing step by step would copy every batch a few times over.
    for (DecodedColumn& column : columns_) column.builder.ReserveAsLast();
  }
  int index = 0;
  for (DecodedColumn& column : columns_) {
    // An "unprotected" value: fine to read, since this connection is this thread's alone.
    sqlite3_value* cell = sqlite3_column_value(statement, index++);
    if (column.mixed || !AppendUsual(column, cell)) AppendUnusual(column, cell);
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

// A cell of a mixed column: of the column's type if it fits, like the cells before, else as stored.
types::Value RowDecoder::ValueOf(const DecodedColumn& column, sqlite3_value* cell) {
  types::Value stored = StoredValue(cell);
  const auto* integer = std::get_if<std::int64_t>(&stored);
  const auto* text = std::get_if<std::string>(&stored);
  if (column.mode == Mode::kBool && integer != nullptr && (*integer == 0 || *integer == 1)) {
    return *integer == 1;
  }
  if (column.mode == Mode::kFloat64 && integer != nullptr && *integer >= -types::kMaxExactDouble &&
      *integer <= types::kMaxExactDouble) {
    return static_cast<double>(*integer);
  }
  if (text == nullptr) return stored;
  if (column.mode == Mode::kDate) {
    if (const auto date = types::ParseDate(*text)) return *date;
  } else if (column.mode == Mode::kTime) {
    if (const auto time = types::ParseTime(*text)) return *time;
  } else if (column.mode == Mode::kTimestamp || column.mode == Mode::kTimestampTz) {
    const auto when = types::ParseTimestamp(*text);
    if (when && when->utc == (column.mode == Mode::kTimestampTz)) return *when;
  }
  return stored;
}

void RowDecoder::AppendUnusual(DecodedColumn& column, sqlite3_value* cell) {
  const int kind = sqlite3_value_type(cell);
  if (kind == SQLITE_NULL) return column.builder.AppendNull();
  if (column.mode == Mode::kUndecided) {
    Decide(column, cell);
    if (AppendUsual(column, cell)) return;
  }
  if (!column.mixed && column.mode == Mode::kInt64 && kind == SQLITE_FLOAT && column.inferred &&
      first_batch_ && column.builder.WidenToFloat64()) {
    column.mode = Mode::kFloat64;
  }
  types::Value value = ValueOf(column, cell);
  bytes_ += sizeof(value);
  if (kind == SQLITE_TEXT || kind == SQLITE_BLOB) {
    bytes_ += static_cast<std::size_t>(sqlite3_value_bytes(cell));
  }
  column.builder.AppendValue(std::move(value));
  column.mixed = column.builder.IsMixed();
}

std::vector<types::Column> RowDecoder::Finish() {
  std::vector<types::Column> finished;
  finished.reserve(columns_.size());
  for (DecodedColumn& column : columns_) {
    if (column.mode == Mode::kUndecided) column.builder.SetType(TypeId::kNull);
    finished.push_back(column.builder.Finish());
    column.mode = ModeFor(column.builder.type());
    column.mixed = false;
  }
  first_batch_ = false;
  rows_ = 0;
  bytes_ = 0;
  return finished;
}

}  // namespace molt::db::sqlite
