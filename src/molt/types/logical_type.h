// The types a column or value can have, whatever engine it comes from.
#pragma once

#include <cstdint>
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
  kDecimal,      // exact decimal; as a value its text
  kUuid,         // 16 bytes
};

struct LogicalType {
  TypeId id = TypeId::kUnknown;

  // A type is named by its id until parametric types (decimal, list) need more.
  LogicalType() = default;
  LogicalType(TypeId type_id) : id(type_id) {}  // NOLINT(google-explicit-constructor)

  friend bool operator==(const LogicalType&, const LogicalType&) = default;
  [[nodiscard]] bool IsKnown() const { return id != TypeId::kUnknown && id != TypeId::kNull; }
  [[nodiscard]] bool IsNumeric() const {
    return id == TypeId::kInt64 || id == TypeId::kFloat64 || id == TypeId::kDecimal;
  }
};

// "int64", "timestamp", …: the names used in errors, the serialized IR and Python.
[[nodiscard]] std::string_view TypeName(LogicalType type);
[[nodiscard]] std::optional<LogicalType> TypeFromName(std::string_view name);

}  // namespace molt::types
