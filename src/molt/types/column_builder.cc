#include "molt/types/column_builder.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

namespace molt::types {

namespace {
bool IsBytes(TypeId id) { return id == TypeId::kUtf8 || id == TypeId::kBinary; }
}  // namespace

void ColumnBuilder::AppendNull() {
  if (IsMixed()) {
    AppendMixed(Null{});
    ++column_.null_count;
    return;
  }
  if (column_.null_count == 0 && column_.type.IsKnown()) {
    // The first NULL: every row so far was valid.
    column_.validity.Resize(static_cast<std::size_t>(column_.length + 7) / 8);
    std::fill_n(column_.validity.data(), column_.validity.size(), std::uint8_t{0xFF});
    if ((column_.length & 7) != 0) {
      column_.validity.data()[column_.validity.size() - 1] =
          static_cast<std::uint8_t>((1U << (column_.length & 7)) - 1);
    }
  }
  if (column_.type.IsKnown()) {
    AppendZero();
    SetBit(column_.validity, false);
  }
  ++column_.null_count;
  ++column_.length;
}

// The place that a NULL takes in the data buffers.
void ColumnBuilder::AppendZero() {
  switch (column_.type.id) {
    case TypeId::kBool:
      SetBit(column_.data, false);
      break;
    case TypeId::kDate:
      column_.data.Append(std::int32_t{0});
      break;
    case TypeId::kUtf8:
    case TypeId::kBinary:
      if (column_.offsets.empty()) column_.offsets.Append(std::int32_t{0});
      column_.offsets.Append(static_cast<std::int32_t>(column_.data.size()));
      break;
    default:
      column_.data.Append(std::int64_t{0});
      break;
  }
}

void ColumnBuilder::SetType(LogicalType type) {
  column_.type = type;
  const std::int64_t nulls = column_.length;
  column_.length = 0;
  column_.null_count = 0;
  for (std::int64_t i = 0; i < nulls; ++i) AppendNull();
}

bool ColumnBuilder::WidenToFloat64() {
  if (IsMixed()) return false;
  auto* values = column_.data.As<std::int64_t>();
  const bool exact = std::all_of(values, values + column_.length, [](std::int64_t v) {
    return v >= -kMaxExactDouble && v <= kMaxExactDouble;
  });
  if (!exact) return false;
  for (std::int64_t i = 0; i < column_.length; ++i) {
    const auto widened = static_cast<double>(values[i]);
    std::memcpy(&values[i], &widened, sizeof(widened));
  }
  column_.type = TypeId::kFloat64;
  return true;
}

void ColumnBuilder::MakeMixed() {
  if (IsMixed()) return;
  std::vector<Value> values;
  values.reserve(static_cast<std::size_t>(column_.length) + 1);
  for (std::int64_t i = 0; i < column_.length; ++i) values.push_back(column_.ValueAt(i));
  mixed_bytes_ = values.size() * sizeof(Value) + column_.data.size();
  column_.validity = Buffer();
  column_.offsets = Buffer();
  column_.data = Buffer();
  column_.mixed = std::move(values);
}

void ColumnBuilder::AppendBytesAsValue(std::string_view bytes) {
  if (column_.type == TypeId::kBinary) return AppendMixed(Bytes{std::string(bytes)});
  AppendMixed(std::string(bytes));
}

void ColumnBuilder::AppendMixed(Value value) {
  MakeMixed();
  mixed_bytes_ += sizeof(Value);
  if (const auto* text = std::get_if<std::string>(&value)) mixed_bytes_ += text->size();
  if (const auto* bytes = std::get_if<Bytes>(&value)) mixed_bytes_ += bytes->data.size();
  column_.mixed.push_back(std::move(value));
  ++column_.length;
}

void ColumnBuilder::AppendValue(Value value) {
  if (types::IsNull(value)) return AppendNull();
  if (!column_.IsMixed() && column_.type.id == TypeId::kUnknown) SetType(TypeOf(value));
  const bool fits = !IsMixed() && TypeOf(value) == column_.type &&
                    column_.type.id != TypeId::kDecimal && column_.type.id != TypeId::kUuid;
  if (!fits) return AppendMixed(std::move(value));
  switch (column_.type.id) {
    case TypeId::kBool:
      return AppendBool(std::get<bool>(value));
    case TypeId::kInt64:
      return AppendInt64(std::get<std::int64_t>(value));
    case TypeId::kFloat64:
      return AppendDouble(std::get<double>(value));
    case TypeId::kUtf8:
      return AppendBytes(std::get<std::string>(value));
    case TypeId::kBinary:
      return AppendBytes(std::get<Bytes>(value).data);
    case TypeId::kDate:
      return AppendInt32(std::get<Date>(value).days);
    case TypeId::kTime:
      return AppendInt64(std::get<Time>(value).micros);
    case TypeId::kTimestamp:
    case TypeId::kTimestampTz:
      return AppendInt64(std::get<Timestamp>(value).micros);
    default:
      return;
  }
}

Column ColumnBuilder::Finish() {
  if (!IsMixed() && IsBytes(column_.type.id) && column_.offsets.empty()) {
    column_.offsets.Append(std::int32_t{0});
  }
  const LogicalType type = column_.type;
  last_data_size_ = column_.data.size();
  last_offsets_size_ = column_.offsets.size();
  mixed_bytes_ = 0;
  Column done = std::exchange(column_, Column{});
  column_.type = type;
  return done;
}

void ColumnBuilder::ReserveAsLast() {
  column_.data.Reserve(last_data_size_ + last_data_size_ / 16);
  column_.offsets.Reserve(last_offsets_size_);
}

}  // namespace molt::types
