// Rows as Python's json.dumps writes a list of dicts, byte for byte: with its separators, its
// ASCII, its floats, and dates and times as Django's JSON encoder has them.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "molt/types/record_batch.h"

namespace molt::codec {

// What a column's values are to the caller, whatever the engine keeps them as.
enum class PythonKind : std::uint8_t {
  kInt,
  kText,
  kBool,  // also 0 and 1
  kFloat,
  kDate,
  kNaive,  // a date and time without zone
  kUtc,    // a date and time; one without zone is in UTC
};
[[nodiscard]] std::optional<PythonKind> PythonKindFromName(std::string_view name);

// Nothing if a value is not of the kind that its column should have, or not text in UTF-8: then
// only Python itself knows what to make of it. Precondition: as many names and kinds as columns.
[[nodiscard]] std::optional<std::string> ToPythonJson(
    const std::vector<types::RecordBatchPtr>& batches, std::span<const std::string> names,
    std::span<const PythonKind> kinds);

}  // namespace molt::codec
