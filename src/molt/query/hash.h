// 128-bit structural hashes. Equal structure gives equal hashes in every process and on every
// machine; unequal structure is told apart by comparing, never by the hash alone.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace molt::query {

struct Hash128 {
  std::uint64_t lo = 0x9e3779b97f4a7c15ULL;
  std::uint64_t hi = 0xc2b2ae3d27d4eb4fULL;

  friend bool operator==(const Hash128&, const Hash128&) = default;

  void Add(std::uint64_t word) {
    lo = Mix(lo ^ word);
    hi = Mix(hi + std::rotl(word, 32) + lo);
  }
  void Add(const Hash128& other) {
    Add(other.lo);
    Add(other.hi);
  }
  void Add(std::string_view text) {
    Add(text.size());
    while (text.size() >= 8) {
      Add(Word(text.substr(0, 8)));
      text.remove_prefix(8);
    }
    if (!text.empty()) Add(Word(text));
  }

 private:
  // The finalizer of SplitMix64: a bijection that spreads every input bit.
  static std::uint64_t Mix(std::uint64_t x) {
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
    return x ^ (x >> 31);
  }
  static std::uint64_t Word(std::string_view bytes) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data(), bytes.size());
    if constexpr (std::endian::native == std::endian::big) word = __builtin_bswap64(word);
    return word;
  }
};

}  // namespace molt::query
