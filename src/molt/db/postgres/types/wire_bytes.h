// The numbers inside cells, which are big-endian and at any alignment.
#pragma once

#include <bit>
#include <cstdint>
#include <string>
#include <string_view>

#include "molt/db/postgres/protocol/wire.h"

namespace molt::db::postgres {

// The caller has checked that there are as many bytes.
[[nodiscard]] inline std::int16_t LoadInt16(const char* bytes) {
  return static_cast<std::int16_t>(protocol::LoadUInt16(bytes));
}
[[nodiscard]] inline std::int32_t LoadInt32(const char* bytes) {
  return static_cast<std::int32_t>(protocol::LoadUInt32(bytes));
}
[[nodiscard]] inline std::int64_t LoadInt64(const char* bytes) {
  return static_cast<std::int64_t>(std::uint64_t{protocol::LoadUInt32(bytes)} << 32 |
                                   protocol::LoadUInt32(bytes + 4));
}
[[nodiscard]] inline float LoadFloat(const char* bytes) {
  return std::bit_cast<float>(protocol::LoadUInt32(bytes));
}
[[nodiscard]] inline double LoadDouble(const char* bytes) {
  return std::bit_cast<double>(LoadInt64(bytes));
}

inline void PutInt64(std::string& out, std::int64_t value) {
  const auto bits = static_cast<std::uint64_t>(value);
  protocol::PutUInt32(out, static_cast<std::uint32_t>(bits >> 32));
  protocol::PutUInt32(out, static_cast<std::uint32_t>(bits));
}

// What arrays and ranges are made of: a length, then as many bytes. Begin gives what End needs to
// fill in the length.
[[nodiscard]] inline std::size_t BeginItem(std::string& out) {
  protocol::PutInt32(out, 0);
  return out.size();
}
inline void EndItem(std::string& out, std::size_t start) {
  const auto size = static_cast<std::uint32_t>(out.size() - start);
  for (std::size_t i = 0; i < 4; ++i) out[start - 4 + i] = static_cast<char>(size >> (24 - 8 * i));
}
// False if the bytes left do not hold it. A NULL has no bytes, and `is_null` is set.
[[nodiscard]] inline bool ReadItem(protocol::Reader& reader, std::string_view& item,
                                   bool& is_null) {
  std::int32_t size = 0;
  if (!reader.ReadInt32(size) || size < -1) return false;
  is_null = size == -1;
  return is_null || reader.ReadBytes(static_cast<std::size_t>(size), item);
}

}  // namespace molt::db::postgres
