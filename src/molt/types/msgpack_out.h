// MsgPack, written piece by piece (https://github.com/msgpack/msgpack/blob/master/spec.md).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace molt::types {

// Appends to a string. Integers and lengths take their shortest form; a double stays a double.
// Whoever announces an array or a map writes as many items, or pairs, after it.
class MsgPackOut {
 public:
  explicit MsgPackOut(std::string& bytes) : bytes_(bytes) {}

  void Nil() { bytes_.push_back('\xC0'); }
  void Bool(bool value) { bytes_.push_back(value ? '\xC3' : '\xC2'); }
  void Int(std::int64_t value);
  void Uint(std::uint64_t value);
  void Double(double value);
  void String(std::string_view text);
  void Binary(std::string_view bytes);
  void Array(std::size_t items);
  void Map(std::size_t pairs);
  // The header alone of a binary that the caller appends, or sends, himself.
  void BinaryHeader(std::size_t size);

 private:
  std::string& bytes_;
};

}  // namespace molt::types
