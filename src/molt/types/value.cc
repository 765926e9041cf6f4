#include "molt/types/value.h"

namespace molt::types {

LogicalType TypeOf(const Value& value) {
  struct Visitor {
    LogicalType operator()(Null) const { return TypeId::kNull; }
    LogicalType operator()(bool) const { return TypeId::kBool; }
    LogicalType operator()(std::int64_t) const { return TypeId::kInt64; }
    LogicalType operator()(double) const { return TypeId::kFloat64; }
    LogicalType operator()(const std::string&) const { return TypeId::kUtf8; }
    LogicalType operator()(const Bytes&) const { return TypeId::kBinary; }
    LogicalType operator()(Date) const { return TypeId::kDate; }
    LogicalType operator()(Time) const { return TypeId::kTime; }
    LogicalType operator()(Timestamp t) const {
      return t.utc ? TypeId::kTimestampTz : TypeId::kTimestamp;
    }
    LogicalType operator()(const Decimal&) const { return TypeId::kDecimal; }
    LogicalType operator()(const Uuid&) const { return TypeId::kUuid; }
  };
  return std::visit(Visitor{}, value);
}

}  // namespace molt::types
