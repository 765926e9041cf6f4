#include "molt/codec/json_string.h"

#include <array>
#include <cstddef>
#include <cstdint>

#include "molt/codec/plain_text.h"

namespace molt::codec {

namespace {

// What follows the backslash, of a byte that is not plain; 'u' for \uXXXX.
constexpr auto kEscapes = [] {
  std::array<char, 256> escapes{};
  escapes.fill('u');
  escapes['"'] = '"';
  escapes['\\'] = '\\';
  escapes['\b'] = 'b';
  escapes['\f'] = 'f';
  escapes['\n'] = 'n';
  escapes['\r'] = 'r';
  escapes['\t'] = 't';
  return escapes;
}();

void AppendUnit(std::uint32_t unit, types::ByteOut& out) {
  constexpr std::string_view kHex = "0123456789abcdef";
  out += "\\u";
  for (int shift = 12; shift >= 0; shift -= 4) out += kHex[unit >> shift & 0xF];
}

// Of the character that begins at `at`, as one unit of UTF-16 or two; gives its bytes.
std::size_t AppendEscapedCharacter(std::string_view text, std::size_t at, types::ByteOut& out) {
  const auto byte = [&](std::size_t i) {
    return static_cast<std::uint32_t>(static_cast<unsigned char>(text[at + i]));
  };
  const std::uint32_t first = byte(0);
  if (first < 0x80) {
    AppendUnit(first, out);
    return 1;
  }
  if (first < 0xE0) {
    AppendUnit((first & 0x1F) << 6 | (byte(1) & 0x3F), out);
    return 2;
  }
  if (first < 0xF0) {
    AppendUnit((first & 0x0F) << 12 | (byte(1) & 0x3F) << 6 | (byte(2) & 0x3F), out);
    return 3;
  }
  const std::uint32_t code =
      ((first & 0x07) << 18 | (byte(1) & 0x3F) << 12 | (byte(2) & 0x3F) << 6 | (byte(3) & 0x3F)) -
      0x10000;
  AppendUnit(0xD800 | code >> 10, out);
  AppendUnit(0xDC00 | (code & 0x3FF), out);
  return 4;
}

template <bool is_ascii>
void AppendQuoted(std::string_view text, types::ByteOut& out) {
  out += '"';
  for (std::size_t at = 0;;) {
    const std::size_t end = PlainEnd<is_ascii>(text, at);
    out += text.substr(at, end - at);
    if (end == text.size()) break;
    const char escape = kEscapes[static_cast<unsigned char>(text[end])];
    if (escape == 'u') {
      at = end + AppendEscapedCharacter(text, end, out);
    } else {
      out += '\\';
      out += escape;
      at = end + 1;
    }
  }
  out += '"';
}

}  // namespace

void AppendJsonString(std::string_view text, types::ByteOut& out) {
  AppendQuoted<false>(text, out);
}

void AppendAsciiJsonString(std::string_view text, types::ByteOut& out) {
  AppendQuoted<true>(text, out);
}

}  // namespace molt::codec
