#include "molt/codec/columns_decoder.h"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>

#include "molt/codec/columns_format.h"

namespace molt::codec {

namespace {

using types::Column;
using types::LogicalType;
using types::TypeId;

constexpr int kTypeDepthMax = types::kListDepthMax + 2;
constexpr std::size_t kFieldBytesMin = 16;
constexpr std::size_t kColumnBytesMin = 20;

LogicalType ReadType(ColumnsReader& in, int depth = 0) {
  const auto known = types::TypeFromName(in.Bytes());
  const auto precision = in.Number<std::uint8_t>();
  const auto scale = in.Number<std::int8_t>();
  const bool is_network = in.Number<std::uint8_t>() != 0;
  const std::string_view name = in.Bytes();
  const bool has_element = in.Number<std::uint8_t>() != 0;
  const bool takes_element = known && (known->id == TypeId::kList || known->id == TypeId::kRange);
  if (!known || has_element != takes_element || depth > kTypeDepthMax) in.Spoil();
  if (in.is_spoiled()) return {};
  const LogicalType element = has_element ? ReadType(in, depth + 1) : LogicalType();
  switch (known->id) {
    case TypeId::kDecimal128:
      if (precision < 1 || precision > 38 || scale < 0 || scale > precision) in.Spoil();
      return in.is_spoiled() ? LogicalType() : LogicalType::Decimal128(precision, scale);
    case TypeId::kOther:
      return LogicalType::Other(name);
    case TypeId::kInet:
      return is_network ? LogicalType::Network() : *known;
    case TypeId::kList:
      return LogicalType::ListOf(element);
    case TypeId::kRange:
      return LogicalType::RangeOf(element);
    default:
      return *known;
  }
}

void ReadBuffer(ColumnsReader& in, types::Buffer& buffer) {
  const std::string_view bytes = in.Bytes();
  buffer.Append(bytes.data(), bytes.size());
}

// Of a row, in `data`; 0 if there is none.
std::size_t BitsPerRow(const LogicalType& type) {
  switch (type.id) {
    case TypeId::kBool:
      return 1;
    case TypeId::kInt16:
      return 16;
    case TypeId::kInt32:
    case TypeId::kFloat32:
    case TypeId::kDate:
      return 32;
    case TypeId::kInt64:
    case TypeId::kFloat64:
    case TypeId::kTime:
    case TypeId::kTimestamp:
    case TypeId::kTimestampTz:
      return 64;
    case TypeId::kDecimal128:
    case TypeId::kUuid:
    case TypeId::kInterval:
      return 128;
    default:
      return 0;
  }
}

// Whether the offsets lead nowhere but into `size` bytes or items.
bool AreOffsetsSound(const Column& column, std::size_t size) {
  if (column.length == 0 && column.offsets.empty()) return true;
  const auto count = static_cast<std::size_t>(column.length) + 1;
  if (column.offsets.size() / sizeof(std::int32_t) < count) return false;
  const auto* offsets = column.offsets.As<std::int32_t>();
  std::int32_t before = 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (offsets[i] < before) return false;
    before = offsets[i];
  }
  return static_cast<std::size_t>(before) <= size;
}

// What every reader of a column relies on (record_batch.h).
bool IsSound(const Column& column) {
  const auto rows = static_cast<std::size_t>(column.length);
  if (column.null_count < 0 || column.null_count > column.length) return false;
  if (!column.validity.empty() && column.validity.size() < (rows + 7) / 8) return false;
  if (column.null_count != 0 && column.validity.empty() && column.null_count != column.length) {
    return false;
  }
  const bool is_list = column.type.id == TypeId::kList;
  if (column.children.size() != (is_list ? 1 : 0)) return false;
  if (is_list) {
    return AreOffsetsSound(column, static_cast<std::size_t>(column.children.front().length));
  }
  if (types::HasBytes(column.type.id)) return AreOffsetsSound(column, column.data.size());
  if (column.type.id == TypeId::kRange) return rows == 0;  // its values are `mixed`
  return column.data.size() >= (rows * BitsPerRow(column.type) + 7) / 8;
}

Column ReadColumn(ColumnsReader& in, std::int64_t rows_max, int depth = 0) {
  Column column;
  column.type = ReadType(in);
  column.length = in.Number<std::int64_t>();
  column.null_count = in.Number<std::int64_t>();
  const bool is_mixed = in.Number<std::uint8_t>() != 0;
  if (column.length < 0 || column.length > rows_max || depth > kTypeDepthMax) in.Spoil();
  if (in.is_spoiled()) return {};
  if (is_mixed) {
    for (std::int64_t row = 0; row < column.length && !in.is_spoiled(); ++row) {
      column.mixed.push_back(in.Value());
    }
    return column;
  }
  ReadBuffer(in, column.validity);
  ReadBuffer(in, column.offsets);
  ReadBuffer(in, column.data);
  const std::uint32_t children = in.Count(kColumnBytesMin);
  for (std::uint32_t i = 0; i < children && !in.is_spoiled(); ++i) {
    column.children.push_back(ReadColumn(in, std::numeric_limits<std::int32_t>::max(), depth + 1));
  }
  if (in.is_spoiled() || !IsSound(column)) in.Spoil();
  return column;
}

std::shared_ptr<const types::Schema> ReadSchema(ColumnsReader& in) {
  auto schema = std::make_shared<types::Schema>();
  const std::uint32_t fields = in.Count(kFieldBytesMin);
  for (std::uint32_t i = 0; i < fields && !in.is_spoiled(); ++i) {
    types::Field field;
    field.name = in.Bytes();
    field.nullable = in.Number<std::uint8_t>() != 0;
    field.type = ReadType(in);
    schema->push_back(std::move(field));
  }
  return schema;
}

}  // namespace

Status ColumnsDecoder::Add(std::string_view piece, std::vector<types::RecordBatchPtr>& batches) {
  const auto wrong = [] {
    return Protocol("the result that came is not in the format \"columns\"");
  };
  if (!schema_) {
    if (!piece.starts_with(kColumnsMagic)) return wrong();
    piece.remove_prefix(kColumnsMagic.size());
  }
  ColumnsReader in(piece);
  if (!schema_) schema_ = ReadSchema(in);
  while (!in.IsAtEnd()) {
    auto batch = std::make_shared<types::RecordBatch>();
    batch->schema = schema_;
    batch->num_rows = in.Number<std::int64_t>();
    for (std::size_t i = 0; i < schema_->size() && !in.is_spoiled(); ++i) {
      batch->columns.push_back(ReadColumn(in, batch->num_rows));
      if (batch->columns.back().length != batch->num_rows) in.Spoil();
    }
    if (batch->num_rows < 0) in.Spoil();
    if (!in.is_spoiled()) batches.push_back(std::move(batch));
  }
  if (in.is_spoiled()) return wrong();
  return {};
}

}  // namespace molt::codec
