// How protocol v3 writes integers, texts and lengths, and how they are read from a server that is
// not trusted. Source: PostgreSQL documentation, "Message Data Types" and "Message Formats".
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "molt/base/status.h"

namespace molt::db::postgres::protocol {

// The length field counts itself, but not the type byte before it.
inline constexpr std::size_t kLengthBytes = 4;

// ---- Writing. Everything appends.

inline void PutInt16(std::string& out, std::int16_t value) {
  const auto bits = static_cast<std::uint16_t>(value);
  const char bytes[] = {static_cast<char>(bits >> 8), static_cast<char>(bits)};
  out.append(bytes, sizeof(bytes));
}

// Counts of parameters use all 16 bits.
inline void PutUInt16(std::string& out, std::uint16_t value) {
  PutInt16(out, static_cast<std::int16_t>(value));
}

inline void PutUInt32(std::string& out, std::uint32_t value) {
  const char bytes[] = {static_cast<char>(value >> 24), static_cast<char>(value >> 16),
                        static_cast<char>(value >> 8), static_cast<char>(value)};
  out.append(bytes, sizeof(bytes));
}

inline void PutInt32(std::string& out, std::int32_t value) {
  PutUInt32(out, static_cast<std::uint32_t>(value));
}

// `text` must have passed CheckText: after a NUL inside, the server would read the rest of the text
// as the fields that follow.
inline void PutCString(std::string& out, std::string_view text) {
  out.append(text);
  out.push_back('\0');
}

// `what` names the text in the error, as in "the statement".
[[nodiscard]] inline Status CheckText(std::string_view what, std::string_view text) {
  if (text.find('\0') == std::string_view::npos) return {};
  return InvalidQuery(std::string(what) +
                      " contains a NUL character, which PostgreSQL does not accept");
}

// Writes the type and room for the length; what it returns goes to EndMessage.
[[nodiscard]] inline std::size_t BeginMessage(std::string& out, char type) {
  out.push_back(type);
  const std::size_t start = out.size();
  out.append(kLengthBytes, '\0');
  return start;
}

// Fills in the length of all that was appended since. The message must be shorter than 2 GiB.
inline void EndMessage(std::string& out, std::size_t start) {
  const auto length = static_cast<std::uint32_t>(out.size() - start);
  out[start] = static_cast<char>(length >> 24);
  out[start + 1] = static_cast<char>(length >> 16);
  out[start + 2] = static_cast<char>(length >> 8);
  out[start + 3] = static_cast<char>(length);
}

// ---- Reading.

[[nodiscard]] inline std::uint16_t LoadUInt16(const char* bytes) {
  return static_cast<std::uint16_t>(static_cast<unsigned char>(bytes[0]) << 8 |
                                    static_cast<unsigned char>(bytes[1]));
}

[[nodiscard]] inline std::uint32_t LoadUInt32(const char* bytes) {
  return std::uint32_t{static_cast<unsigned char>(bytes[0])} << 24 |
         std::uint32_t{static_cast<unsigned char>(bytes[1])} << 16 |
         std::uint32_t{static_cast<unsigned char>(bytes[2])} << 8 |
         std::uint32_t{static_cast<unsigned char>(bytes[3])};
}

// A cursor over one message's body. Each Read* is false, and moves nothing, when the bytes left do
// not hold what is asked for. Texts and bytes point into the body.
class Reader {
 public:
  explicit Reader(std::string_view body) : rest_(body) {}

  [[nodiscard]] std::size_t remaining() const { return rest_.size(); }
  [[nodiscard]] bool AtEnd() const { return rest_.empty(); }

  [[nodiscard]] bool ReadByte(char& value) {
    if (rest_.empty()) return false;
    value = rest_.front();
    rest_.remove_prefix(1);
    return true;
  }

  [[nodiscard]] bool ReadUInt16(std::uint16_t& value) {
    if (rest_.size() < 2) return false;
    value = LoadUInt16(rest_.data());
    rest_.remove_prefix(2);
    return true;
  }

  [[nodiscard]] bool ReadInt16(std::int16_t& value) {
    std::uint16_t bits = 0;
    if (!ReadUInt16(bits)) return false;
    value = static_cast<std::int16_t>(bits);
    return true;
  }

  [[nodiscard]] bool ReadUInt32(std::uint32_t& value) {
    if (rest_.size() < 4) return false;
    value = LoadUInt32(rest_.data());
    rest_.remove_prefix(4);
    return true;
  }

  [[nodiscard]] bool ReadInt32(std::int32_t& value) {
    std::uint32_t bits = 0;
    if (!ReadUInt32(bits)) return false;
    value = static_cast<std::int32_t>(bits);
    return true;
  }

  [[nodiscard]] bool ReadCString(std::string_view& text) {
    const std::size_t end = rest_.find('\0');
    if (end == std::string_view::npos) return false;
    text = rest_.substr(0, end);
    rest_.remove_prefix(end + 1);
    return true;
  }

  [[nodiscard]] bool ReadBytes(std::size_t count, std::string_view& bytes) {
    if (rest_.size() < count) return false;
    bytes = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return true;
  }

 private:
  std::string_view rest_;
};

// What every Decode returns for bytes that are not the message they claim to be.
[[nodiscard]] inline auto Malformed(std::string_view message, std::string_view sender = "server") {
  return DatabaseError("the " + std::string(sender) + " sent a malformed " + std::string(message),
                       "08P01");
}

}  // namespace molt::db::postgres::protocol
