// What the gate thinks of one text.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "molt/base/status.h"

namespace molt::db::postgres {

struct Verdict {
  Status read;
  Status write;
};

// The stack that Judge may need. Chains of operators make the deepest trees: the parser takes 128
// bytes a level, 16 MiB for the longest text. What opens and closes is less: the parser gives up at
// a depth of 10,000.
constexpr std::size_t kJudgeStack = std::size_t{64} << 20;

// `sql` without NUL.
[[nodiscard]] Verdict Judge(const std::string& sql);

// Refuses texts that are not worth parsing, or not safe to.
[[nodiscard]] Status CheckText(std::string_view sql);

}  // namespace molt::db::postgres
