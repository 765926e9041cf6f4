#include "molt/types/record_batch.h"

#include <cstring>
#include <utility>

#include "molt/types/decimal128.h"
#include "molt/types/value_text.h"

namespace molt::types {

namespace {

constexpr std::int64_t kNanosPerMicro = 1'000;

Value UuidAt(const Column& column, std::int64_t row) {
  Uuid uuid;
  std::memcpy(uuid.bytes.data(), column.data.data() + row * 16, uuid.bytes.size());
  return uuid;
}

Value TimeTzAt(const Column& column, std::int64_t row) {
  const std::string_view text = column.BytesAt(row);
  if (const auto time = ParseTimeTz(text)) return *time;
  return Other{std::string(text)};
}

Value ListAt(const Column& column, std::int64_t row) {
  const auto* offset = column.offsets.As<std::int32_t>() + row;
  ListItems items;
  items.values.reserve(static_cast<std::size_t>(offset[1] - offset[0]));
  for (std::int32_t i = offset[0]; i < offset[1]; ++i) {
    items.values.push_back(column.children[0].ValueAt(i));
  }
  return List(std::move(items));
}

}  // namespace

Interval Column::IntervalAt(std::int64_t row) const {
  Interval interval;
  const std::uint8_t* at = data.data() + row * 16;
  std::memcpy(&interval.months, at, 4);
  std::memcpy(&interval.days, at + 4, 4);
  std::memcpy(&interval.micros, at + 8, 8);
  interval.micros /= kNanosPerMicro;
  return interval;
}

Value Column::ValueAt(std::int64_t row) const {
  if (IsMixed()) return mixed[static_cast<std::size_t>(row)];
  if (IsNull(row)) return Null{};
  switch (type.id) {
    case TypeId::kBool:
      return BoolAt(row);
    case TypeId::kInt16:
      return std::int64_t{data.As<std::int16_t>()[row]};
    case TypeId::kInt32:
      return std::int64_t{data.As<std::int32_t>()[row]};
    case TypeId::kInt64:
      return data.As<std::int64_t>()[row];
    case TypeId::kFloat32:
      return double{data.As<float>()[row]};
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
    case TypeId::kDecimal:
      return Decimal{std::string(BytesAt(row))};
    case TypeId::kDecimal128:
      return Decimal{FormatDecimal128(LoadInt128(data.data() + row * 16), type.scale)};
    case TypeId::kUuid:
      return UuidAt(*this, row);
    case TypeId::kInterval:
      return IntervalAt(row);
    case TypeId::kTimeTz:
      return TimeTzAt(*this, row);
    case TypeId::kJson:
      return Json{std::string(BytesAt(row))};
    case TypeId::kInet:
      return Inet{std::string(BytesAt(row)), type.is_network()};
    case TypeId::kOther:
      return Other{std::string(BytesAt(row))};
    case TypeId::kList:
      return ListAt(*this, row);
    case TypeId::kUnknown:
    case TypeId::kNull:
    case TypeId::kRange:  // always mixed
      break;
  }
  return Null{};
}

namespace {

std::size_t ByteSize(const Column& column) {
  std::size_t bytes = column.validity.size() + column.offsets.size() + column.data.size();
  for (const Column& child : column.children) bytes += ByteSize(child);
  for (const Value& value : column.mixed) bytes += HeapBytes(value) + sizeof(double);
  return bytes;
}

}  // namespace

std::size_t ByteSize(const RecordBatch& batch) {
  std::size_t bytes = 0;
  for (const Column& column : batch.columns) bytes += ByteSize(column);
  return bytes;
}

}  // namespace molt::types
