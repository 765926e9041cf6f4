// The functions that a read may not call.
#pragma once

#include <cstdint>
#include <string_view>

namespace molt::db::postgres {

// `x.f` calls f(x) if x has no such column.
enum class Written : std::uint8_t { kAsCall, kAsColumn };

// Why no read may call the function of this name, in whatever schema; empty if it may.
[[nodiscard]] std::string_view WhyRefused(std::string_view function, Written written);

}  // namespace molt::db::postgres
