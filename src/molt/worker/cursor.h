// Where a list goes on: opaque to clients, and refused when it was changed.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "molt/base/status.h"

namespace molt::worker {

// `key` may be empty: then changes are found out, but who knows how could make one.
[[nodiscard]] std::string MakeCursor(std::int64_t last_id, std::string_view key);
[[nodiscard]] Result<std::int64_t> ReadCursor(std::string_view cursor, std::string_view key);

}  // namespace molt::worker
