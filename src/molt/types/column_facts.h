// What has to be known of a whole column before it is written out.
#pragma once

#include <cstdint>
#include <optional>

#include "molt/types/record_batch.h"

namespace molt::types {

// Whether a column that began as int64 is float64 by now: widened by its builder, or mixed because
// a double came too late for that.
[[nodiscard]] bool WidensToFloat64(const Column& column);

// The first row whose text, in lists too, is not valid UTF-8. Quick if there is none.
[[nodiscard]] std::optional<std::int64_t> FindInvalidText(const Column& column);

}  // namespace molt::types
