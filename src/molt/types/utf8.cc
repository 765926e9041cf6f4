#include "molt/types/utf8.h"

#include <array>
#include <cstdint>
#include <cstring>

namespace molt::types {

namespace {

constexpr std::size_t kWord = 8;
constexpr std::size_t kBlock = 4 * kWord;

// Whether so many bytes are all ASCII.
template <std::size_t kCount>
bool IsAscii(const std::uint8_t* bytes) {
  std::array<std::uint64_t, kCount / kWord> words{};
  std::memcpy(words.data(), bytes, kCount);
  std::uint64_t all = 0;
  for (const std::uint64_t word : words) all |= word;
  return (all & 0x8080808080808080U) == 0;
}

bool IsContinuation(std::uint8_t byte) { return (byte & 0xC0) == 0x80; }

// The length of the sequence at the front of `at`, or 0 if it is none. Precondition: left > 0 and
// the first byte is not ASCII.
std::size_t SequenceLength(const std::uint8_t* at, std::size_t left) {
  const std::uint8_t lead = at[0];
  // The second byte's range excludes overlong forms, surrogates and what is above U+10FFFF.
  std::uint8_t low = 0x80;
  std::uint8_t high = 0xBF;
  std::size_t length = 0;
  if (lead >= 0xC2 && lead <= 0xDF) {
    length = 2;
  } else if (lead >= 0xE0 && lead <= 0xEF) {
    length = 3;
    if (lead == 0xE0) low = 0xA0;
    if (lead == 0xED) high = 0x9F;
  } else if (lead >= 0xF0 && lead <= 0xF4) {
    length = 4;
    if (lead == 0xF0) low = 0x90;
    if (lead == 0xF4) high = 0x8F;
  } else {
    return 0;
  }
  if (left < length || at[1] < low || at[1] > high) return 0;
  for (std::size_t i = 2; i < length; ++i) {
    if (!IsContinuation(at[i])) return 0;
  }
  return length;
}

}  // namespace

std::size_t ValidUtf8Prefix(std::string_view text) {
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(text.data());
  const std::size_t size = text.size();
  std::size_t i = 0;
  while (i < size) {
    while (size - i >= kBlock && IsAscii<kBlock>(bytes + i)) i += kBlock;
    while (size - i >= kWord && IsAscii<kWord>(bytes + i)) i += kWord;
    if (i == size) break;
    if (bytes[i] < 0x80) {
      ++i;
      continue;
    }
    const std::size_t length = SequenceLength(bytes + i, size - i);
    if (length == 0) return i;
    i += length;
  }
  return size;
}

}  // namespace molt::types
