// DataRow: the cells of one row. Read with a cursor, because this is the one message whose cost
// counts: it comes once per row.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "molt/base/status.h"
#include "molt/db/postgres/protocol/message.h"
#include "molt/db/postgres/protocol/wire.h"

namespace molt::db::postgres::protocol {

// Open, then Next exactly as often as `count` says, then AtEnd must hold. Where one of them is
// false the row is malformed: return Malformed("DataRow").
class DataRowReader {
 public:
  // `body` must outlive the reader.
  [[nodiscard]] bool Open(std::string_view body, std::int16_t& count) {
    if (body.size() < sizeof(std::uint16_t)) return false;
    count = static_cast<std::int16_t>(LoadUInt16(body.data()));
    next_ = body.data() + sizeof(std::uint16_t);
    end_ = body.data() + body.size();
    return count >= 0 && static_cast<std::size_t>(count) * kSizeBytes <= Left();
  }

  // `cell` points into the body; it is empty when `is_null`.
  [[nodiscard]] bool Next(bool& is_null, std::string_view& cell) {
    if (Left() < kSizeBytes) [[unlikely]]
      return false;
    const std::uint32_t size = LoadUInt32(next_);
    if (size == kNullSize) {
      next_ += kSizeBytes;
      is_null = true;
      cell = {};
      return true;
    }
    // Any other negative size is, unsigned, more than a message can hold.
    if (size > Left() - kSizeBytes) [[unlikely]]
      return false;
    is_null = false;
    cell = std::string_view(next_ + kSizeBytes, size);
    next_ += kSizeBytes + size;
    return true;
  }

  [[nodiscard]] bool AtEnd() const { return next_ == end_; }

 private:
  static constexpr std::size_t kSizeBytes = 4;
  static constexpr std::uint32_t kNullSize = 0xFFFF'FFFF;  // -1

  [[nodiscard]] std::size_t Left() const { return static_cast<std::size_t>(end_ - next_); }

  const char* next_ = nullptr;
  const char* end_ = nullptr;
};

struct DataRow {
  std::span<const std::optional<std::string_view>> cells;  // none is NULL

  [[nodiscard]] Status Encode(std::string& out) const {
    if (cells.size() > std::numeric_limits<std::int16_t>::max()) {
      return InvalidQuery("more than 32767 columns");
    }
    std::size_t length = kLengthBytes + sizeof(std::int16_t);
    for (const auto& cell : cells) length += sizeof(std::int32_t) + (cell ? cell->size() : 0);
    MOLT_RETURN_IF_ERROR(CheckLength("the row", length, kServerLengthMax));
    const std::size_t start = BeginMessage(out, kDataRow);
    PutInt16(out, static_cast<std::int16_t>(cells.size()));
    for (const auto& cell : cells) {
      PutInt32(out, cell ? static_cast<std::int32_t>(cell->size()) : -1);
      if (cell) out.append(*cell);
    }
    EndMessage(out, start);
    return {};
  }
};

}  // namespace molt::db::postgres::protocol
