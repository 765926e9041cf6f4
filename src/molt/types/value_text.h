// Text of the kinds of values that are columns of text: what iso_text.h has not.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "molt/types/value.h"

namespace molt::types {

// 10:34:56.5+02:00, with seconds of the offset only when there are any; 24:00:00 stays what it is.
[[nodiscard]] std::string FormatTimeTz(TimeTz time);
// A time as ParseTime takes it, or 24:00:00, then Z or ±hh[:mm[:ss]].
[[nodiscard]] std::optional<TimeTz> ParseTimeTz(std::string_view text);

// [1,10), (,2024-02-29], empty: as engines print ranges. A bound with a comma, bracket, quote,
// backslash or space in it, or an empty one, is in quotes. Precondition: IsTextRange.
[[nodiscard]] std::string FormatRange(const Range& range);
// Whether both bounds are of kinds that have a text.
[[nodiscard]] bool IsTextRange(const Range& range);

}  // namespace molt::types
