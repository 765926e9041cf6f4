// Validity of UTF-8 (RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF).
#pragma once

#include <cstddef>
#include <string_view>

namespace molt::types {

// The length of the longest valid prefix; text.size() if all of it is valid. Fast on ASCII.
[[nodiscard]] std::size_t ValidUtf8Prefix(std::string_view text);

[[nodiscard]] inline bool IsValidUtf8(std::string_view text) {
  return ValidUtf8Prefix(text) == text.size();
}

}  // namespace molt::types
