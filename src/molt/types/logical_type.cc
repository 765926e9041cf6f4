#include "molt/types/logical_type.h"

#include <array>
#include <utility>

namespace molt::types {

namespace {
constexpr std::array<std::pair<TypeId, std::string_view>, 24> kNames = {{
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
    {TypeId::kInt16, "int16"},
    {TypeId::kInt32, "int32"},
    {TypeId::kFloat32, "float32"},
    {TypeId::kDecimal128, "decimal128"},
    {TypeId::kInterval, "interval"},
    {TypeId::kTimeTz, "timetz"},
    {TypeId::kJson, "json"},
    {TypeId::kInet, "inet"},
    {TypeId::kOther, "other"},
    {TypeId::kList, "list"},
    {TypeId::kRange, "range"},
}};
}  // namespace

struct LogicalType::Detail {
  LogicalType element;
  std::string name;
  bool is_network = false;
  friend bool operator==(const Detail&, const Detail&) = default;
};

LogicalType LogicalType::Decimal128(int precision, int scale) {
  LogicalType type(TypeId::kDecimal128);
  type.precision = static_cast<std::uint8_t>(precision);
  type.scale = static_cast<std::int8_t>(scale);
  return type;
}

LogicalType LogicalType::ListOf(const LogicalType& element) {
  LogicalType type(TypeId::kList);
  type.detail_ = std::make_shared<Detail>(Detail{element, {}, false});
  return type;
}

LogicalType LogicalType::RangeOf(const LogicalType& element) {
  LogicalType type(TypeId::kRange);
  type.detail_ = std::make_shared<Detail>(Detail{element, {}, false});
  return type;
}

LogicalType LogicalType::Other(std::string_view name) {
  LogicalType type(TypeId::kOther);
  type.detail_ = std::make_shared<Detail>(Detail{{}, std::string(name), false});
  return type;
}

LogicalType LogicalType::Network() {
  static const auto detail = std::make_shared<const Detail>(Detail{{}, {}, true});
  LogicalType type(TypeId::kInet);
  type.detail_ = detail;
  return type;
}

const LogicalType& LogicalType::element() const {
  static const LogicalType unknown;
  return detail_ == nullptr ? unknown : detail_->element;
}

std::string_view LogicalType::name() const {
  return detail_ == nullptr ? std::string_view() : std::string_view(detail_->name);
}

bool LogicalType::is_network() const { return detail_ != nullptr && detail_->is_network; }

bool operator==(const LogicalType& a, const LogicalType& b) {
  if (a.id != b.id || a.precision != b.precision || a.scale != b.scale) return false;
  if (a.detail_ == b.detail_) return true;
  // A type made from its id alone is one whose details are empty.
  static const LogicalType::Detail none;
  const auto& x = a.detail_ == nullptr ? none : *a.detail_;
  const auto& y = b.detail_ == nullptr ? none : *b.detail_;
  return x == y;
}

LogicalType Coarse(const LogicalType& type) {
  switch (type.id) {
    case TypeId::kInt16:
    case TypeId::kInt32:
      return TypeId::kInt64;
    case TypeId::kFloat32:
      return TypeId::kFloat64;
    case TypeId::kDecimal128:
      return TypeId::kDecimal;
    case TypeId::kInterval:
    case TypeId::kTimeTz:
    case TypeId::kJson:
    case TypeId::kInet:
    case TypeId::kOther:
    case TypeId::kList:
    case TypeId::kRange:
      return TypeId::kUnknown;
    default:
      return type;
  }
}

std::string_view TypeName(const LogicalType& type) {
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
