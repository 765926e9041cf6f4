#include "molt/types/logical_type.h"

#include <array>
#include <utility>

namespace molt::types {

namespace {
constexpr std::array<std::pair<TypeId, std::string_view>, 13> kNames = {{
    {TypeId::kUnknown, "unknown"},
    {TypeId::kNull, "null"},
    {TypeId::kBool, "bool"},
    {TypeId::kInt64, "int64"},
    {TypeId::kFloat64, "float64"},
    {TypeId::kUtf8, "utf8"},
    {TypeId::kBinary, "binary"},
    {TypeId::kDate, "date"},
    {TypeId::kTime, "time"},
    {TypeId::kTimestamp, "timestamp"},
    {TypeId::kTimestampTz, "timestamptz"},
    {TypeId::kDecimal, "decimal"},
    {TypeId::kUuid, "uuid"},
}};
}  // namespace

std::string_view TypeName(LogicalType type) {
  for (const auto& [id, name] : kNames) {
    if (id == type.id) return name;
  }
  return "unknown";
}

std::optional<LogicalType> TypeFromName(std::string_view name) {
  for (const auto& [id, text] : kNames) {
    if (text == name) return LogicalType(id);
  }
  return std::nullopt;
}

}  // namespace molt::types
