#include "molt/types/record_batch.h"

namespace molt::types {

Value Column::ValueAt(std::int64_t row) const {
  if (IsMixed()) return mixed[static_cast<std::size_t>(row)];
  if (IsNull(row)) return Null{};
  switch (type.id) {
    case TypeId::kBool:
      return BoolAt(row);
    case TypeId::kInt64:
      return data.As<std::int64_t>()[row];
    case TypeId::kFloat64:
      return data.As<double>()[row];
    case TypeId::kUtf8:
      return std::string(BytesAt(row));
    case TypeId::kBinary:
      return Bytes{std::string(BytesAt(row))};
    case TypeId::kDate:
      return Date{data.As<std::int32_t>()[row]};
    case TypeId::kTime:
      return Time{data.As<std::int64_t>()[row]};
    case TypeId::kTimestamp:
      return Timestamp{data.As<std::int64_t>()[row], false};
    case TypeId::kTimestampTz:
      return Timestamp{data.As<std::int64_t>()[row], true};
    default:
      return Null{};
  }
}

}  // namespace molt::types
