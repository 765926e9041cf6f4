// The one representation of a result: columns in Arrow layout.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "molt/types/buffer.h"
#include "molt/types/schema.h"
#include "molt/types/value.h"

namespace molt::types {

// Whether columns of the type have bytes of any length: BytesAt reads them.
[[nodiscard]] constexpr bool HasBytes(TypeId id) {
  switch (id) {
    case TypeId::kUtf8:
    case TypeId::kBinary:
    case TypeId::kDecimal:
    case TypeId::kTimeTz:
    case TypeId::kJson:
    case TypeId::kInet:
    case TypeId::kOther:
      return true;
    default:
      return false;
  }
}

// One column of a batch. Layout by type (Arrow columnar format):
//   bool                                   data: bitmap, least significant bit first
//   int64, time, timestamp, timestamptz    data: int64 a row
//   int32, date                            data: int32 a row
//   int16                                  data: int16 a row
//   float64, float32                       data: double, float a row
//   decimal128                             data: int128 a row, little-endian, value * 10^scale
//   uuid                                   data: 16 bytes a row
//   interval                               data: int32 months, int32 days, int64 nanoseconds a row
//   utf8, binary, and the types kept as text (decimal, timetz, json, inet, other)
//                                          offsets: int32, length+1; data: bytes
//   list                                   offsets: int32, length+1, into children[0]
//   range                                  always mixed
//   null, unknown                          nothing
// validity: bitmap, 1 = a value; empty when null_count is 0.
struct Column {
  LogicalType type;
  std::int64_t length = 0;
  std::int64_t null_count = 0;
  Buffer validity;
  Buffer offsets;
  Buffer data;
  std::vector<Column> children;  // of a list: its one column of items, of type.element()
  // Engines without strict types can put any kind of value into any column. A column whose values
  // do not all fit its type holds them here, one a row, and the buffers stay empty: rows give
  // every value as it was stored, Arrow export refuses.
  std::vector<Value> mixed;

  [[nodiscard]] bool IsMixed() const { return !mixed.empty(); }
  [[nodiscard]] bool IsNull(std::int64_t row) const {
    if (IsMixed()) return types::IsNull(mixed[static_cast<std::size_t>(row)]);
    if (null_count == 0) return false;
    if (validity.empty()) return true;
    return (validity.data()[row >> 3] >> (row & 7) & 1) == 0;
  }
  // Precondition: utf8, binary or a type kept as text, not mixed. Valid while the column lives.
  [[nodiscard]] std::string_view BytesAt(std::int64_t row) const {
    const auto* offset = offsets.As<std::int32_t>() + row;
    return {reinterpret_cast<const char*>(data.data()) + offset[0],
            static_cast<std::size_t>(offset[1] - offset[0])};
  }
  [[nodiscard]] bool BoolAt(std::int64_t row) const {
    return (data.data()[row >> 3] >> (row & 7) & 1) != 0;
  }
  // Precondition: interval, not mixed, not NULL.
  [[nodiscard]] Interval IntervalAt(std::int64_t row) const;
  // Any cell, by value. Slow: for errors, mixed columns and tests.
  [[nodiscard]] Value ValueAt(std::int64_t row) const;
};

// Immutable once shared.
struct RecordBatch {
  std::shared_ptr<const Schema> schema;
  std::vector<Column> columns;
  std::int64_t num_rows = 0;
};

using RecordBatchPtr = std::shared_ptr<const RecordBatch>;

// About what its cells take, in memory and in formats that have them as they are.
[[nodiscard]] std::size_t ByteSize(const RecordBatch& batch);

}  // namespace molt::types
