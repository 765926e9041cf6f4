// MsgPack, written piece by piece (https://github.com/msgpack/msgpack/blob/master/spec.md).
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace molt::types {

// Appends to a std::string or a ByteOut. Integers and lengths take their shortest form; a double
// stays a double, 1.0 too. Whoever announces an array or a map writes as many items, or pairs,
// after it. Precondition: no length is more than 32 bits hold.
template <class Bytes>
class BasicMsgPackOut {
 public:
  explicit BasicMsgPackOut(Bytes& bytes) : bytes_(bytes) {}

  void Nil() { bytes_.push_back('\xC0'); }
  void Bool(bool value) { bytes_.push_back(value ? '\xC3' : '\xC2'); }
  void Int(std::int64_t value) {
    if (value >= 0) return Uint(static_cast<std::uint64_t>(value));
    const auto bits = static_cast<std::uint64_t>(value);
    if (value >= -32) return bytes_.push_back(static_cast<char>(value));
    if (value >= INT8_MIN) return Put<1>('\xD0', bits);
    if (value >= INT16_MIN) return Put<2>('\xD1', bits);
    if (value >= INT32_MIN) return Put<4>('\xD2', bits);
    Put<8>('\xD3', bits);
  }
  void Uint(std::uint64_t value) {
    if (value < 0x80) return bytes_.push_back(static_cast<char>(value));
    if (value <= UINT8_MAX) return Put<1>('\xCC', value);
    if (value <= UINT16_MAX) return Put<2>('\xCD', value);
    if (value <= UINT32_MAX) return Put<4>('\xCE', value);
    Put<8>('\xCF', value);
  }
  void Double(double value) { Put<8>('\xCB', std::bit_cast<std::uint64_t>(value)); }
  void String(std::string_view text) {
    const std::size_t size = text.size();
    if (size < 32) {
      bytes_.push_back(static_cast<char>(0xA0 | size));
    } else if (size <= UINT8_MAX) {
      Put<1>('\xD9', size);
    } else if (size <= UINT16_MAX) {
      Put<2>('\xDA', size);
    } else {
      Put<4>('\xDB', size);
    }
    bytes_.append(text.data(), size);
  }
  void Binary(std::string_view bytes) {
    BinaryHeader(bytes.size());
    bytes_.append(bytes.data(), bytes.size());
  }
  void Array(std::size_t items) { Count('\x90', '\xDC', items); }
  void Map(std::size_t pairs) { Count('\x80', '\xDE', pairs); }
  // The header alone of a binary that the caller appends, or sends, himself.
  void BinaryHeader(std::size_t size) {
    if (size <= UINT8_MAX) return Put<1>('\xC4', size);
    if (size <= UINT16_MAX) return Put<2>('\xC5', size);
    Put<4>('\xC6', size);
  }

 private:
  // A byte that says what follows, and a big-endian integer.
  template <std::size_t kBytes>
  void Put(char kind, std::uint64_t value) {
    char bytes[1 + kBytes] = {kind};
    for (std::size_t i = 0; i < kBytes; ++i) {
      bytes[1 + i] = static_cast<char>(value >> (8 * (kBytes - 1 - i)) & 0xFF);
    }
    bytes_.append(static_cast<const char*>(bytes), sizeof(bytes));
  }
  void Count(char few, char many, std::size_t count) {
    if (count < 16) return bytes_.push_back(static_cast<char>(few | static_cast<char>(count)));
    if (count <= UINT16_MAX) return Put<2>(many, count);
    Put<4>(static_cast<char>(many + 1), count);
  }

  Bytes& bytes_;
};

using MsgPackOut = BasicMsgPackOut<std::string>;

}  // namespace molt::types
