#include "molt/types/column_builder.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>
#include <utility>

#include "molt/types/decimal128.h"
#include "molt/types/value_text.h"

namespace molt::types {

namespace {

constexpr std::int64_t kNanosPerMicro = 1'000;

// Whether a float holds it exactly.
bool IsFloat(double value) {
  if (!std::isfinite(value)) return true;
  return std::abs(value) <= double{std::numeric_limits<float>::max()} &&
         double{static_cast<float>(value)} == value;
}

// Appends a value if the column's type holds it exactly; false, and nothing done, if not.
// Precondition: the column is not mixed.
struct AppendIfFits {
  ColumnBuilder& out;

  [[nodiscard]] bool Is(TypeId id) const { return out.type().id == id; }
  [[nodiscard]] bool Text(TypeId id, std::string_view text) const {
    if (Is(id)) out.AppendBytes(text);
    return Is(id);
  }
  [[nodiscard]] bool Micros(TypeId id, std::int64_t micros) const {
    if (Is(id)) out.AppendInt64(micros);
    return Is(id);
  }

  bool operator()(Null) const { return false; }
  bool operator()(bool v) const {
    if (Is(TypeId::kBool)) out.AppendBool(v);
    return Is(TypeId::kBool);
  }
  bool operator()(std::int64_t v) const {
    switch (out.type().id) {
      case TypeId::kInt64:
        out.AppendInt64(v);
        return true;
      case TypeId::kInt32:
        if (!std::in_range<std::int32_t>(v)) return false;
        out.AppendInt32(static_cast<std::int32_t>(v));
        return true;
      case TypeId::kInt16:
        if (!std::in_range<std::int16_t>(v)) return false;
        out.AppendInt16(static_cast<std::int16_t>(v));
        return true;
      default:
        return false;
    }
  }
  bool operator()(double v) const {
    if (Is(TypeId::kFloat64)) {
      out.AppendDouble(v);
      return true;
    }
    if (!Is(TypeId::kFloat32) || !IsFloat(v)) return false;
    out.AppendFloat(static_cast<float>(v));
    return true;
  }
  bool operator()(const std::string& v) const { return Text(TypeId::kUtf8, v); }
  bool operator()(const Bytes& v) const { return Text(TypeId::kBinary, v.data); }
  bool operator()(Date v) const {
    if (Is(TypeId::kDate)) out.AppendInt32(v.days);
    return Is(TypeId::kDate);
  }
  bool operator()(Time v) const { return Micros(TypeId::kTime, v.micros); }
  bool operator()(Timestamp v) const {
    return Micros(v.utc ? TypeId::kTimestampTz : TypeId::kTimestamp, v.micros);
  }
  bool operator()(const Decimal& v) const {
    if (!Is(TypeId::kDecimal128)) return Text(TypeId::kDecimal, v.text);
    const auto number = ParseDecimal128(v.text, out.type().precision, out.type().scale);
    if (number) out.AppendFixed(&*number, sizeof(*number));
    return number.has_value();
  }
  bool operator()(const Uuid& v) const {
    if (Is(TypeId::kUuid)) out.AppendFixed(v.bytes.data(), v.bytes.size());
    return Is(TypeId::kUuid);
  }
  bool operator()(const Interval& v) const {
    std::uint8_t cell[16];
    std::int64_t nanos = 0;
    if (!Is(TypeId::kInterval) || __builtin_mul_overflow(v.micros, kNanosPerMicro, &nanos)) {
      return false;
    }
    std::memcpy(cell, &v.months, 4);
    std::memcpy(cell + 4, &v.days, 4);
    std::memcpy(cell + 8, &nanos, 8);
    out.AppendFixed(cell, sizeof(cell));
    return true;
  }
  bool operator()(TimeTz v) const {
    return Is(TypeId::kTimeTz) && Text(TypeId::kTimeTz, FormatTimeTz(v));
  }
  bool operator()(const Json& v) const { return Text(TypeId::kJson, v.text); }
  bool operator()(const Inet& v) const {
    return out.type().is_network() == v.is_network && Text(TypeId::kInet, v.text);
  }
  bool operator()(const Other& v) const { return Text(TypeId::kOther, v.text); }
  bool operator()(const List& v) const {
    // A column has no place for bounds.
    if (!Is(TypeId::kList) || !v.items->lower_bounds.empty()) return false;
    // Items that do not fit make the column mixed when the list ends.
    for (const Value& item : v.items->values) out.items().AppendValue(item);
    out.EndList();
    return true;
  }
  bool operator()(const Range&) const { return false; }
};

}  // namespace

ColumnBuilder::ColumnBuilder(const LogicalType& type) {
  column_.type = type;
  if (type.id == TypeId::kList) items_ = std::make_unique<ColumnBuilder>(type.element());
}

void ColumnBuilder::AppendNull() {
  if (IsMixed() || column_.type.id == TypeId::kRange) {
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
    case TypeId::kInt16:
      column_.data.Append(std::int16_t{0});
      break;
    case TypeId::kInt32:
    case TypeId::kDate:
      column_.data.Append(std::int32_t{0});
      break;
    case TypeId::kFloat32:
      column_.data.Append(float{0});
      break;
    case TypeId::kDecimal128:
    case TypeId::kUuid:
    case TypeId::kInterval:
      column_.data.Append(std::int64_t{0});
      column_.data.Append(std::int64_t{0});
      break;
    case TypeId::kUtf8:
    case TypeId::kBinary:
    case TypeId::kDecimal:
    case TypeId::kTimeTz:
    case TypeId::kJson:
    case TypeId::kInet:
    case TypeId::kOther:
      if (column_.offsets.empty()) column_.offsets.Append(std::int32_t{0});
      column_.offsets.Append(static_cast<std::int32_t>(column_.data.size()));
      break;
    case TypeId::kList:
      if (column_.offsets.empty()) column_.offsets.Append(std::int32_t{0});
      column_.offsets.Append(static_cast<std::int32_t>(listed_));
      break;
    default:
      column_.data.Append(std::int64_t{0});
      break;
  }
}

void ColumnBuilder::SetType(const LogicalType& type) {
  column_.type = type;
  if (type.id == TypeId::kList) items_ = std::make_unique<ColumnBuilder>(type.element());
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
  if (items_ != nullptr && column_.children.empty()) {
    column_.children.push_back(items_->Finish());
    listed_ = 0;
  }
  std::vector<Value> values;
  values.reserve(static_cast<std::size_t>(column_.length) + 1);
  for (std::int64_t i = 0; i < column_.length; ++i) values.push_back(column_.ValueAt(i));
  mixed_bytes_ = values.size() * sizeof(Value) + column_.data.size();
  if (items_ != nullptr) {
    for (const Value& value : values) mixed_bytes_ += HeapBytes(value);
    column_.children.clear();
  }
  column_.validity = Buffer();
  column_.offsets = Buffer();
  column_.data = Buffer();
  column_.mixed = std::move(values);
}

void ColumnBuilder::AppendBytesAsValue(std::string_view bytes) {
  switch (column_.type.id) {
    case TypeId::kBinary:
      return AppendMixed(Bytes{std::string(bytes)});
    case TypeId::kDecimal:
      return AppendMixed(Decimal{std::string(bytes)});
    case TypeId::kTimeTz:
      if (const auto time = ParseTimeTz(bytes)) return AppendMixed(*time);
      return AppendMixed(Other{std::string(bytes)});
    case TypeId::kJson:
      return AppendMixed(Json{std::string(bytes)});
    case TypeId::kInet:
      return AppendMixed(Inet{std::string(bytes), column_.type.is_network()});
    case TypeId::kOther:
      return AppendMixed(Other{std::string(bytes)});
    default:
      return AppendMixed(std::string(bytes));
  }
}

void ColumnBuilder::AppendMixed(Value value) {
  MakeMixed();
  mixed_bytes_ += sizeof(Value) + HeapBytes(value);
  column_.mixed.push_back(std::move(value));
  ++column_.length;
}

void ColumnBuilder::AppendValue(Value value) {
  if (types::IsNull(value)) return AppendNull();
  if (!IsMixed() && column_.type.id == TypeId::kUnknown) SetType(TypeOf(value));
  if (!IsMixed() && std::visit(AppendIfFits{*this}, value)) return;
  AppendMixed(std::move(value));
}

void ColumnBuilder::EndList() {
  if (!IsMixed() && !items_->IsMixed() && items_->length() <= kItemsMax) [[likely]] {
    listed_ = items_->length();
    if (column_.offsets.empty()) column_.offsets.Append(std::int32_t{0});
    column_.offsets.Append(static_cast<std::int32_t>(listed_));
    return MarkValid();
  }
  Column items = items_->Finish();
  ListItems list;
  for (std::int64_t i = listed_; i < items.length; ++i) list.values.push_back(items.ValueAt(i));
  listed_ = 0;
  if (!IsMixed()) {
    column_.children.push_back(std::move(items));
    MakeMixed();
  }
  AppendMixed(List(std::move(list)));
}

Column ColumnBuilder::Finish() {
  const bool has_offsets = HasBytes(column_.type.id) || column_.type.id == TypeId::kList;
  if (!IsMixed() && has_offsets && column_.offsets.empty()) {
    column_.offsets.Append(std::int32_t{0});
  }
  if (items_ != nullptr) {
    Column items = items_->Finish();
    // Items of an unknown type have taken that of their first value.
    if (!(items.type == column_.type.element())) column_.type = LogicalType::ListOf(items.type);
    if (!IsMixed()) column_.children.push_back(std::move(items));
    listed_ = 0;
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
  Reserve(last_data_size_ + last_data_size_ / 16, last_offsets_size_);
  if (items_ != nullptr) items_->ReserveAsLast();
}

}  // namespace molt::types
