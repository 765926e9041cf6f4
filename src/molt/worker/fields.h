// Fields of a payload that may be left out.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "molt/base/status.h"
#include "molt/types/document.h"

namespace molt::worker {

// nullptr if it is absent, or null, which is the same.
[[nodiscard]] const types::Document* Given(const types::Document& map, std::string_view key);
// InvalidQuery if it is there and no string.
[[nodiscard]] Result<std::optional<std::string>> Text(const types::Document& map,
                                                      std::string_view key);
// False if it is absent; InvalidQuery if it is there and neither true nor false.
[[nodiscard]] Result<bool> Flag(const types::Document& map, std::string_view key);
// InvalidQuery: `"key" must be <expected>, not <kind>`.
[[nodiscard]] tl::unexpected<Error> Wrong(std::string_view key, std::string_view expected,
                                          const types::Document& got);

}  // namespace molt::worker
