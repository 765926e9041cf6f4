#include "molt/db/sqlite/sqlite_types.h"

#include <cctype>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <new>
#include <type_traits>
#include <utility>
#include <variant>

#include "molt/types/iso_text.h"
#include "molt/types/utf8.h"
#include "molt/types/value_text.h"

namespace molt::db::sqlite {

namespace {

using types::TypeId;

// The declared type without its arguments: "decimal(10, 2)" -> "DECIMAL".
std::string TypeWords(std::string_view declared) {
  std::string words;
  for (const char c : declared.substr(0, declared.find('('))) {
    words += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  while (!words.empty() && words.back() == ' ') words.pop_back();
  return words;
}

// A decimal's text as ±digits × 10^exponent, without zeros at either end.
struct DecimalParts {
  bool negative = false;
  std::string digits;
  int exponent = 0;
};

bool ParseDecimal(std::string_view text, DecimalParts& parts) {
  if (!text.empty() && (text[0] == '-' || text[0] == '+')) {
    parts.negative = text[0] == '-';
    text.remove_prefix(1);
  }
  bool after_point = false;
  bool any_digit = false;
  std::size_t i = 0;
  for (; i < text.size() && text[i] != 'E' && text[i] != 'e'; ++i) {
    if (text[i] == '.' && !after_point) {
      after_point = true;
      continue;
    }
    if (text[i] < '0' || text[i] > '9') return false;
    any_digit = true;
    if (after_point) --parts.exponent;
    if (text[i] != '0' || !parts.digits.empty()) parts.digits += text[i];
  }
  if (!any_digit) return false;
  if (i < text.size()) {
    std::string_view exponent_text = text.substr(i + 1);
    if (exponent_text.starts_with('+')) exponent_text.remove_prefix(1);
    int exponent = 0;
    const char* end = exponent_text.data() + exponent_text.size();
    const auto [stop, failure] = std::from_chars(exponent_text.data(), end, exponent);
    if (failure != std::errc() || stop != end || std::abs(exponent) > 100'000) return false;
    parts.exponent += exponent;
  }
  while (!parts.digits.empty() && parts.digits.back() == '0') {
    parts.digits.pop_back();
    ++parts.exponent;
  }
  return true;
}

Status FromBindCode(int code) {
  if (code == SQLITE_OK) return {};
  if (code == SQLITE_TOOBIG) return InvalidQuery("is longer than 16 MiB");
  if (code == SQLITE_NOMEM) throw std::bad_alloc();
  return Internal("SQLite refuses a parameter (code " + std::to_string(code) + ")");
}

Status BindDecimal(sqlite3_stmt* statement, int index, const types::Decimal& value) {
  DecimalParts parts;
  if (!ParseDecimal(value.text, parts)) {
    return InvalidQuery("is no finite decimal number, which SQLite cannot store");
  }
  const std::string sign = parts.negative ? "-" : "";
  const auto digits = static_cast<int>(parts.digits.size());
  if (digits == 0) return FromBindCode(sqlite3_bind_int64(statement, index, 0));
  if (parts.exponent >= 0 && digits + parts.exponent <= 19) {
    const std::string text = sign + parts.digits + std::string(parts.exponent, '0');
    std::int64_t integer = 0;
    const auto [stop, failure] = std::from_chars(text.data(), text.data() + text.size(), integer);
    if (failure == std::errc()) return FromBindCode(sqlite3_bind_int64(statement, index, integer));
  }
  // Within these bounds a double gives all the digits back.
  constexpr int kDigitsMax = 15;
  constexpr int kMagnitudeMax = 290;
  if (digits <= kDigitsMax && std::abs(digits + parts.exponent) <= kMagnitudeMax) {
    const std::string text = sign + parts.digits + "e" + std::to_string(parts.exponent);
    double number = 0;
    std::from_chars(text.data(), text.data() + text.size(), number);
    return FromBindCode(sqlite3_bind_double(statement, index, number));
  }
  return InvalidQuery(
      "is a decimal that SQLite cannot store exactly (no integer of 64 bits, and more than 15 "
      "digits); store it as text");
}

Status Lacks(const types::Interval&) {
  return Unsupported("is an interval, which SQLite has no type for; store its seconds");
}
Status Lacks(const types::List&) {
  return Unsupported(
      "is a list, and SQLite has no arrays; use in_() to compare with any of its items, or store "
      "it as JSON");
}
Status Lacks(const types::Range&) {
  return Unsupported("is a range, which SQLite has no type for; store its two bounds");
}

}  // namespace

types::LogicalType TypeFromDeclaration(const char* declared) {
  if (declared == nullptr) return TypeId::kUnknown;
  const std::string words = TypeWords(declared);
  const auto has = [&](std::string_view part) { return words.find(part) != std::string::npos; };
  if (words.starts_with("BOOL")) return TypeId::kBool;
  if (words == "DATE") return TypeId::kDate;
  if (words == "TIMESTAMPTZ" || words == "TIMESTAMP WITH TIME ZONE") return TypeId::kTimestampTz;
  if (words.starts_with("DATETIME") || words.starts_with("TIMESTAMP")) return TypeId::kTimestamp;
  if (words == "TIME") return TypeId::kTime;
  // https://www.sqlite.org/datatype3.html, "Determination Of Column Affinity", in its order.
  if (has("INT")) return TypeId::kInt64;
  if (has("CHAR") || has("CLOB") || has("TEXT")) return TypeId::kUtf8;
  if (has("BLOB")) return TypeId::kBinary;
  if (has("REAL") || has("FLOA") || has("DOUB")) return TypeId::kFloat64;
  if (has("NUMERIC") || has("DECIMAL")) return TypeId::kFloat64;
  return TypeId::kUnknown;
}

types::LogicalType StoredType(const types::LogicalType& type) {
  types::LogicalType coarse = types::Coarse(type);
  switch (coarse.id) {
    case TypeId::kDecimal:
      return TypeId::kFloat64;
    case TypeId::kUuid:
      return TypeId::kUtf8;
    case TypeId::kNull:
      return TypeId::kUnknown;
    default:
      return coarse;
  }
}

Status BindBytes(sqlite3_stmt* statement, int index, std::string_view bytes, bool is_text) {
  // A null pointer would be bound as NULL.
  const char* data = bytes.data() == nullptr ? "" : bytes.data();
  return FromBindCode(
      is_text
          ? sqlite3_bind_text64(statement, index, data, bytes.size(), SQLITE_STATIC, SQLITE_UTF8)
          : sqlite3_bind_blob64(statement, index, data, bytes.size(), SQLITE_STATIC));
}

Status BindInt64(sqlite3_stmt* statement, int index, std::int64_t value) {
  return FromBindCode(sqlite3_bind_int64(statement, index, value));
}

Status BindDouble(sqlite3_stmt* statement, int index, double value) {
  if (std::isnan(value)) return InvalidQuery("is NaN, which SQLite would store as NULL");
  return FromBindCode(sqlite3_bind_double(statement, index, value));
}

Status Parameter::BindText(sqlite3_stmt* statement, int index, std::string text) {
  text_ = std::move(text);
  return BindBytes(statement, index, text_, true);
}

Status Parameter::Bind(sqlite3_stmt* statement, int index, const types::Value& value) {
  return std::visit(
      [&](const auto& v) -> Status {
        using T = std::decay_t<decltype(v)>;
        if constexpr (std::is_same_v<T, types::Null>) {
          return FromBindCode(sqlite3_bind_null(statement, index));
        } else if constexpr (std::is_same_v<T, bool>) {
          return FromBindCode(sqlite3_bind_int64(statement, index, v ? 1 : 0));
        } else if constexpr (std::is_same_v<T, std::int64_t>) {
          return FromBindCode(sqlite3_bind_int64(statement, index, v));
        } else if constexpr (std::is_same_v<T, double>) {
          return BindDouble(statement, index, v);
        } else if constexpr (std::is_same_v<T, std::string>) {
          return BindBytes(statement, index, v, true);
        } else if constexpr (std::is_same_v<T, types::Bytes>) {
          return BindBytes(statement, index, v.data, false);
        } else if constexpr (std::is_same_v<T, types::Date>) {
          return BindText(statement, index, types::FormatDate(v));
        } else if constexpr (std::is_same_v<T, types::Time>) {
          return BindText(statement, index, types::FormatTime(v));
        } else if constexpr (std::is_same_v<T, types::Timestamp>) {
          return BindText(statement, index, types::FormatTimestamp(v, ' '));
        } else if constexpr (std::is_same_v<T, types::Decimal>) {
          return BindDecimal(statement, index, v);
        } else if constexpr (std::is_same_v<T, types::Uuid>) {
          return BindText(statement, index, types::FormatUuid(v));
        } else if constexpr (std::is_same_v<T, types::TimeTz>) {
          return BindText(statement, index, types::FormatTimeTz(v));
        } else if constexpr (std::is_same_v<T, types::Json> || std::is_same_v<T, types::Inet> ||
                             std::is_same_v<T, types::Other>) {
          return BindBytes(statement, index, v.text, true);
        } else {
          return Lacks(v);
        }
      },
      value);
}

std::string_view TextOf(sqlite3_value* cell) {
  const auto* text = reinterpret_cast<const char*>(sqlite3_value_text(cell));
  if (text == nullptr) [[unlikely]]
    throw std::bad_alloc();
  return {text, static_cast<std::size_t>(sqlite3_value_bytes(cell))};
}

std::string_view BlobOf(sqlite3_value* cell) {
  const auto* blob = static_cast<const char*>(sqlite3_value_blob(cell));
  const auto size = static_cast<std::size_t>(sqlite3_value_bytes(cell));
  if (blob == nullptr && size != 0) [[unlikely]]
    throw std::bad_alloc();
  return {blob, size};
}

types::Value StoredValue(sqlite3_value* cell) {
  switch (sqlite3_value_type(cell)) {
    case SQLITE_INTEGER:
      return std::int64_t{sqlite3_value_int64(cell)};
    case SQLITE_FLOAT:
      return sqlite3_value_double(cell);
    case SQLITE_TEXT: {
      const std::string_view text = TextOf(cell);
      if (!types::IsValidUtf8(text)) return types::Bytes{std::string(text)};
      return std::string(text);
    }
    case SQLITE_BLOB:
      return types::Bytes{std::string(BlobOf(cell))};
    default:
      return types::Null{};
  }
}

}  // namespace molt::db::sqlite
