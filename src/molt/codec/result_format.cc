#include "molt/codec/result_format.h"

#include <array>
#include <cstddef>

namespace molt::codec {

namespace {

// In the order of the enumeration.
constexpr std::array<std::string_view, 7> kNames = {"json", "msgpack",   "json_rows", "jsonl",
                                                    "csv",  "arrow_ipc", "columns"};

}  // namespace

std::string_view ResultFormatName(ResultFormat format) {
  return kNames[static_cast<std::size_t>(format)];
}

std::optional<ResultFormat> ResultFormatFromName(std::string_view name) {
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (kNames[i] == name) return static_cast<ResultFormat>(i);
  }
  return std::nullopt;
}

}  // namespace molt::codec
