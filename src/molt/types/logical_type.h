// The types a column or value can have, whatever engine it comes from.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace molt::types {

enum class TypeId : std::uint8_t {
  kUnknown,  // not known yet: the first value decides
  kNull,     // only NULLs were ever there
  kBool,
  kInt64,
  kFloat64,
  kUtf8,
  kBinary,
  kDate,         // days since 1970-01-01, proleptic Gregorian
  kTime,         // microseconds since midnight
  kTimestamp,    // microseconds since 1970-01-01 00:00:00, no zone
  kTimestampTz,  // microseconds since 1970-01-01 00:00:00 UTC
  kDecimal,      // exact decimal of any precision; its text
  kUuid,         // 16 bytes
  // Types that only results and parameters have; in a query they are what Coarse() says.
  kInt16,
  kInt32,
  kFloat32,
  kDecimal128,  // exact decimal of a fixed precision and scale, at most 38 digits
  kInterval,    // months, days, nanoseconds
  kTimeTz,      // a time of day with its own offset; its text
  kJson,        // a JSON document; its text
  kInet,        // an IP address, interface or network; its text
  kOther,       // a type without a name here; its text, and the engine's name for it
  kList,        // of an element type
  kRange,       // of an element type; cells are values, see Column::mixed
};

struct LogicalType {
  TypeId id = TypeId::kUnknown;
  std::uint8_t precision = 0;  // kDecimal128: digits in all, 1 to 38
  std::int8_t scale = 0;       // kDecimal128: of these after the point; 0 <= scale <= precision

  LogicalType() = default;
  LogicalType(TypeId type_id) : id(type_id) {}  // NOLINT(google-explicit-constructor)
  [[nodiscard]] static LogicalType Decimal128(int precision, int scale);
  [[nodiscard]] static LogicalType ListOf(const LogicalType& element);
  [[nodiscard]] static LogicalType RangeOf(const LogicalType& element);
  // `name` is the engine's own, such as "tsvector".
  [[nodiscard]] static LogicalType Other(std::string_view name);
  // kInet of networks alone: the text of a network may be that of an interface.
  [[nodiscard]] static LogicalType Network();

  // Of kList and kRange; unknown for all others.
  [[nodiscard]] const LogicalType& element() const;
  // Of kOther; empty for all others.
  [[nodiscard]] std::string_view name() const;
  [[nodiscard]] bool is_network() const;

  friend bool operator==(const LogicalType& a, const LogicalType& b);
  [[nodiscard]] bool IsKnown() const { return id != TypeId::kUnknown && id != TypeId::kNull; }
  [[nodiscard]] bool IsNumeric() const {
    return id == TypeId::kInt64 || id == TypeId::kFloat64 || id == TypeId::kDecimal;
  }

 private:
  struct Detail;
  std::shared_ptr<const Detail> detail_;  // of the types that need more than the above
};

// The type that queries reason with: int16 and int32 are int64, float32 is float64, decimal128 is
// decimal, and types a query knows nothing of are unknown.
[[nodiscard]] LogicalType Coarse(const LogicalType& type);

// "int64", "timestamp", …: the names used in errors, the serialized IR and Python. Without
// parameters: a decimal(12, 2) is a "decimal128", a list of text a "list".
[[nodiscard]] std::string_view TypeName(const LogicalType& type);
[[nodiscard]] std::optional<LogicalType> TypeFromName(std::string_view name);

}  // namespace molt::types
