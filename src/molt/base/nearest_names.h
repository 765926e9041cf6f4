// "Did you mean": the names closest to one that was not found.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace molt {

// ` (did you mean "email" or "mail"?)` with up to three candidates within a small edit distance,
// closest first, ignoring ASCII case; empty when none is close. At most `candidates` × lengths
// work.
[[nodiscard]] std::string NearestNames(std::string_view name,
                                       std::span<const std::string> candidates);

}  // namespace molt
