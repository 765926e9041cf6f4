// `:name` in SQL that is otherwise the engine's own.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "molt/base/status.h"
#include "molt/types/value.h"

namespace molt::worker {

using NamedValues = std::vector<std::pair<std::string, types::Value>>;

struct Positional {
  std::string sql;
  std::vector<types::Value> params;
};

// Every `:name` becomes `<mark>1`, `<mark>2`…, the same name the same number; mark is '$' for
// PostgreSQL and '?' for others. Not within strings, quoted identifiers and comments, and `::` is a
// cast. InvalidQuery for names that are missing, not used or given twice.
[[nodiscard]] Result<Positional> ToPositional(std::string_view sql, NamedValues values, char mark);

}  // namespace molt::worker
