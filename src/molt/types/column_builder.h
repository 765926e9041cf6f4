// Builds one Column, row by row.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <string_view>

#include "molt/types/record_batch.h"

namespace molt::types {

class ColumnBuilder {
 public:
  explicit ColumnBuilder(const LogicalType& type);

  [[nodiscard]] const LogicalType& type() const { return column_.type; }
  [[nodiscard]] std::int64_t length() const { return column_.length; }
  [[nodiscard]] bool IsMixed() const { return column_.IsMixed(); }
  // Bytes held so far, to cut batches.
  [[nodiscard]] std::size_t ByteSize() const {
    const std::size_t own = column_.data.size() + column_.offsets.size() + mixed_bytes_;
    return items_ == nullptr ? own : own + items_->ByteSize();
  }

  // Typed appends: the caller has matched the type (int64 also for time and timestamps, int32 for
  // date, bytes for the types kept as text) and checked that the column is not mixed.
  void AppendInt64(std::int64_t value) {
    column_.data.Append(value);
    MarkValid();
  }
  void AppendInt32(std::int32_t value) {
    column_.data.Append(value);
    MarkValid();
  }
  void AppendInt16(std::int16_t value) {
    column_.data.Append(value);
    MarkValid();
  }
  void AppendFloat(float value) {
    column_.data.Append(value);
    MarkValid();
  }
  void AppendDouble(double value) {
    column_.data.Append(value);
    MarkValid();
  }
  void AppendBool(bool value) {
    SetBit(column_.data, value);
    MarkValid();
  }
  // A cell of fixed width, as record_batch.h lays it out: 16 bytes of a decimal128, uuid or
  // interval.
  void AppendFixed(const void* bytes, std::size_t count) {
    column_.data.Append(bytes, count);
    MarkValid();
  }
  // Past 2 GiB, more than the offsets can address, the column becomes mixed; then this appends
  // there.
  void AppendBytes(std::string_view bytes) {
    if (IsMixed() || bytes.size() > kBytesMax - column_.data.size()) [[unlikely]] {
      return AppendBytesAsValue(bytes);
    }
    if (column_.offsets.empty()) column_.offsets.Append(std::int32_t{0});
    column_.data.Append(bytes.data(), bytes.size());
    column_.offsets.Append(static_cast<std::int32_t>(column_.data.size()));
    MarkValid();
  }
  // Of a list: the builder of its items. What is appended there since the last EndList() is the
  // next list; also in a column that has become mixed.
  [[nodiscard]] ColumnBuilder& items() { return *items_; }
  // A column whose items have become mixed becomes mixed itself.
  void EndList();
  void AppendNull();
  // Any value: into the typed buffers when the column's type holds it exactly, else the column
  // becomes mixed. A column of unknown type takes the type of its first value.
  void AppendValue(Value value);

  // Gives an untyped column its type; the NULLs seen so far stay.
  // Precondition: the type is unknown.
  void SetType(const LogicalType& type);
  // Turns int64 into float64 if every value survives exactly; false (and no change) if not.
  // Precondition: the type is int64. A mixed column stays as it is: false.
  [[nodiscard]] bool WidenToFloat64();
  // Moves everything into `mixed`.
  void MakeMixed();

  [[nodiscard]] Column Finish();
  // Makes room for a column as large as the one finished last.
  void ReserveAsLast();
  // Makes room for so many bytes in the buffers of these names.
  void Reserve(std::size_t data_bytes, std::size_t offsets_bytes) {
    column_.data.Reserve(data_bytes);
    column_.offsets.Reserve(offsets_bytes);
  }

 private:
  void MarkValid() {
    if (column_.null_count != 0) SetBit(column_.validity, true);
    ++column_.length;
  }
  // Writes bit `column_.length` of a bitmap.
  void SetBit(Buffer& bitmap, bool bit) {
    const auto index = static_cast<std::size_t>(column_.length);
    if ((index & 7) == 0 || bitmap.size() * 8 <= index) bitmap.Append(std::uint8_t{0});
    if (bit) bitmap.data()[index >> 3] |= static_cast<std::uint8_t>(1U << (index & 7));
  }
  void AppendZero();
  void AppendBytesAsValue(std::string_view bytes);
  void AppendMixed(Value value);

  static constexpr std::size_t kBytesMax = std::numeric_limits<std::int32_t>::max();
  static constexpr std::int64_t kItemsMax = std::numeric_limits<std::int32_t>::max();

  Column column_;
  std::unique_ptr<ColumnBuilder> items_;  // of a list
  std::int64_t listed_ = 0;               // of the items, how many are in lists already
  std::size_t mixed_bytes_ = 0;
  std::size_t last_data_size_ = 0;
  std::size_t last_offsets_size_ = 0;
};

// Integers beyond this magnitude do not all have a double of their own.
inline constexpr std::int64_t kMaxExactDouble = std::int64_t{1} << 53;

}  // namespace molt::types
