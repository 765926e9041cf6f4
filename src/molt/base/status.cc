#include "molt/base/status.h"

#include <array>
#include <cstddef>

namespace molt {

namespace {

// In the order of the enumeration.
constexpr std::array<std::string_view, 10> kNames = {
    "InvalidQuery", "Unsupported", "Busy",        "Timeout",  "Cancelled",
    "Database",     "Closed",      "Unavailable", "Protocol", "Internal"};

}  // namespace

std::string_view ErrorCodeName(ErrorCode code) { return kNames[static_cast<std::size_t>(code)]; }

std::optional<ErrorCode> ErrorCodeFromName(std::string_view name) {
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (kNames[i] == name) return static_cast<ErrorCode>(i);
  }
  return std::nullopt;
}

}  // namespace molt
