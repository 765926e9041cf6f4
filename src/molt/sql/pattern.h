// Literal text turned into the pattern an engine matches with, when it is bound.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "molt/base/status.h"
#include "molt/types/value.h"

namespace molt::sql {

// What the user's text is.
enum class PatternKind : std::uint8_t { kNone, kLike, kPrefix, kSuffix, kInfix };
// What the engine's operator takes.
enum class PatternStyle : std::uint8_t {
  kLike,       // LIKE, with backslash to escape
  kGlob,       // SQLite's GLOB
  kAsciiLike,  // SQLite's LIKE, which ignores the case of ASCII letters only
};

struct Pattern {
  PatternKind kind = PatternKind::kNone;
  PatternStyle style = PatternStyle::kLike;
  friend bool operator==(Pattern, Pattern) = default;
};

// NULL stays NULL. InvalidQuery for a LIKE pattern that ends in the middle of an escape;
// Unsupported for a non-ASCII one where the engine ignores the case of ASCII only.
[[nodiscard]] Result<types::Value> MakePattern(Pattern pattern, const types::Value& text);

}  // namespace molt::sql
