// How much of a text needs no escape in JSON.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace molt::codec {

static_assert(std::endian::native == std::endian::little, "the first byte is the lowest");

// The bytes from `at` on before the first that is below 0x20, a quote or a backslash, or with
// `is_ascii` above 0x7E; up to the end if there is none. Eight at a time: most text is plain.
template <bool is_ascii>
[[nodiscard]] inline std::size_t PlainEnd(std::string_view text, std::size_t at) {
  constexpr std::uint64_t kOnes = 0x0101010101010101U;
  constexpr std::uint64_t kHighs = 0x8080808080808080U;
  const char* const bytes = text.data();
  for (; at + sizeof(std::uint64_t) <= text.size(); at += sizeof(std::uint64_t)) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes + at, sizeof(word));
    // The high bit of each byte that is zero, or below 0x20. A borrow can only mark a byte above
    // one that is marked itself, and so never the first.
    const auto zero = [&](std::uint64_t x) { return (x - kOnes) & ~x; };
    std::uint64_t found =
        zero(word ^ kOnes * '"') | zero(word ^ kOnes * '\\') | ((word - kOnes * 0x20) & ~word);
    if constexpr (is_ascii) found |= word | (word + kOnes);
    found &= kHighs;
    if (found != 0) return at + static_cast<std::size_t>(std::countr_zero(found)) / 8;
  }
  for (; at < text.size(); ++at) {
    const auto byte = static_cast<unsigned char>(bytes[at]);
    if (byte < 0x20 || byte == '"' || byte == '\\' || (is_ascii && byte > 0x7E)) break;
  }
  return at;
}

}  // namespace molt::codec
