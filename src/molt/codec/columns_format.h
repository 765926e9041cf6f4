// The result format "columns": what a RecordBatch holds, as it lies in memory, so that the other
// side has the same batch again, whatever its types. All numbers are little-endian.
//
//   result  := magic fields batch*                magic := "MOLTCOL" 0x01
//   fields  := u32 count, field*                  field := text name, u8 nullable, type
//   type    := text name, u8 precision, u8 scale, u8 flags (1 = network), text other_name,
//              u8 has_element, [type]             names are those of types::TypeName
//   batch   := i64 rows, column*                  as many columns as fields
//   column  := type, i64 length, i64 null_count, u8 is_mixed,
//              (value*length | bytes validity, bytes offsets, bytes data, u32 count, column*)
//   value   := u8 kind, …                         see columns_value.cc
//   text, bytes := u32 size, as many bytes
//
// A piece of a stream ends after a batch; the first one begins with magic and fields.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "molt/base/status.h"
#include "molt/types/value.h"

namespace molt::codec {

static_assert(std::endian::native == std::endian::little, "numbers are copied as they are");

inline constexpr std::string_view kColumnsMagic{"MOLTCOL\x01", 8};
inline constexpr std::size_t kColumnsValuesMax = std::size_t{1} << 24;

// Appends to `out`, which it borrows.
class ColumnsWriter {
 public:
  explicit ColumnsWriter(std::string& out) : out_(out) {}

  template <class T>
  void Number(T value) {
    char bytes[sizeof(T)];
    std::memcpy(bytes, &value, sizeof(T));
    out_.append(bytes, sizeof(T));
  }
  // Precondition: shorter than 4 GiB, as all buffers of a batch are.
  void Bytes(std::string_view bytes) {
    Number(static_cast<std::uint32_t>(bytes.size()));
    out_.append(bytes);
  }
  void Value(const types::Value& value);

 private:
  std::string& out_;
};

// Reads what it borrows. After the first thing that is missing or wrong all else is empty, so only
// the end must be checked.
class ColumnsReader {
 public:
  // A value takes more memory than its bytes here do, so there may be no more than `values_max`.
  explicit ColumnsReader(std::string_view bytes, std::size_t values_max = kColumnsValuesMax)
      : left_(bytes), values_left_(values_max) {}

  template <class T>
  T Number() {
    T value{};
    if (left_.size() < sizeof(T)) {
      Spoil();
      return value;
    }
    std::memcpy(&value, left_.data(), sizeof(T));
    left_.remove_prefix(sizeof(T));
    return value;
  }
  std::string_view Bytes() {
    const auto size = Number<std::uint32_t>();
    if (left_.size() < size) {
      Spoil();
      return {};
    }
    const std::string_view bytes = left_.substr(0, size);
    left_.remove_prefix(size);
    return bytes;
  }
  // How many things follow, each of at least `bytes_each`; 0 if there cannot be so many.
  std::uint32_t Count(std::size_t bytes_each) {
    const auto count = Number<std::uint32_t>();
    if (count <= left_.size() / bytes_each) return count;
    Spoil();
    return 0;
  }
  types::Value Value() { return ValueAt(0); }

  void Spoil() {
    is_spoiled_ = true;
    left_ = {};
  }
  [[nodiscard]] std::size_t left() const { return left_.size(); }
  [[nodiscard]] bool IsAtEnd() const { return left_.empty(); }
  [[nodiscard]] bool is_spoiled() const { return is_spoiled_; }

 private:
  types::Value ValueAt(int depth);
  types::Value ListAt(int depth);
  types::Value RangeAt(int depth);

  std::string_view left_;
  std::size_t values_left_;
  bool is_spoiled_ = false;
};

}  // namespace molt::codec
