#pragma once

#include <span>
#include <string>
#include <string_view>

#include "molt/types/value.h"

namespace molt::db {

// An engine's message without the words that come from bound values only; "…" stands for them.
[[nodiscard]] std::string HideValues(std::string_view message, std::string_view sql,
                                     std::span<const types::Value> params);

}  // namespace molt::db
