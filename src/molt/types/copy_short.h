// Copies of a few bytes, which is what most cells are.
#pragma once

#include <cstddef>
#include <cstring>

namespace molt::types {

namespace internal {

// Between kHalf and twice as many: that many from either end, which may overlap.
template <std::size_t kHalf>
void CopyEnds(char* to, const char* from, std::size_t count) {
  char first[kHalf];
  char last[kHalf];
  std::memcpy(first, from, kHalf);
  std::memcpy(last, from + count - kHalf, kHalf);
  std::memcpy(to, first, kHalf);
  std::memcpy(to + count - kHalf, last, kHalf);
}

}  // namespace internal

// As memcpy, but without a call up to 32 bytes: of a variable number of them, the call and its
// search for the way to copy take longer than the copy.
inline void CopyShort(void* target, const void* source, std::size_t count) {
  auto* to = static_cast<char*>(target);
  const auto* from = static_cast<const char*>(source);
  if (count > 32) {
    std::memcpy(to, from, count);
  } else if (count >= 16) {
    internal::CopyEnds<16>(to, from, count);
  } else if (count >= 8) {
    internal::CopyEnds<8>(to, from, count);
  } else if (count >= 4) {
    internal::CopyEnds<4>(to, from, count);
  } else {
    for (std::size_t i = 0; i < count; ++i) to[i] = from[i];
  }
}

}  // namespace molt::types
