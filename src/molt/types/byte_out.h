// Bytes that are written piece by piece, and end up as a string.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include "molt/types/copy_short.h"

namespace molt::types {

// A std::string looks after its size and its final zero with each piece, in a call that is not
// inlined: for cells of a few bytes that takes longer than what they are made of. This one keeps
// room ahead and gives the string its size in the end.
class ByteOut {
 public:
  ByteOut() = default;
  ByteOut(ByteOut&& other) noexcept { *this = std::move(other); }
  ByteOut& operator=(ByteOut&& other) noexcept {
    const std::size_t size = other.size();
    const std::size_t room = other.bytes_.size();
    bytes_ = std::move(other.bytes_);
    at_ = bytes_.data() + size;
    end_ = bytes_.data() + room;
    other.Clear();
    return *this;
  }

  [[nodiscard]] std::size_t size() const { return static_cast<std::size_t>(at_ - bytes_.data()); }
  [[nodiscard]] bool empty() const { return at_ == bytes_.data(); }
  // Valid until more is written.
  [[nodiscard]] std::string_view view() const { return {bytes_.data(), size()}; }
  // Of what is written.
  [[nodiscard]] char* data() { return bytes_.data(); }

  // A place for so many bytes; Advance() says how many were written there.
  [[nodiscard]] char* Room(std::size_t bytes) {
    if (static_cast<std::size_t>(end_ - at_) < bytes) [[unlikely]]
      Grow(bytes);
    return at_;
  }
  void Advance(std::size_t bytes) { at_ += bytes; }

  // As a std::string has them, so that code can be for either.
  void push_back(char byte) {
    *Room(1) = byte;
    ++at_;
  }
  void append(const char* bytes, std::size_t count) {
    CopyShort(Room(count), bytes, count);
    at_ += count;
  }
  ByteOut& operator+=(char byte) {
    push_back(byte);
    return *this;
  }
  ByteOut& operator+=(std::string_view bytes) {
    append(bytes.data(), bytes.size());
    return *this;
  }

  // All that was written; nothing is left.
  [[nodiscard]] std::string Take() {
    bytes_.resize(size());
    std::string taken = std::move(bytes_);
    Clear();
    return taken;
  }

 private:
  static constexpr std::size_t kLeast = 256;

  void Grow(std::size_t bytes) {
    const std::size_t size = this->size();
    bytes_.resize(std::max({size + bytes, size * 2, kLeast}));
    at_ = bytes_.data() + size;
    end_ = bytes_.data() + bytes_.size();
  }
  void Clear() {
    bytes_.clear();
    at_ = end_ = bytes_.data();
  }

  std::string bytes_;  // as large as there is room
  char* at_ = bytes_.data();
  char* end_ = bytes_.data();
};

}  // namespace molt::types
