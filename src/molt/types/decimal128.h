// Exact decimals of a fixed scale, as 128-bit integers, and their text.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace molt::types {

__extension__ using Int128 = __int128;

inline constexpr int kDecimal128DigitsMax = 38;

// The number times 10^scale. Takes what Decimal holds: [-+]digits[.digits][E±digits]. nullopt if it
// is no number, is NaN or infinite, or does not fit `precision` and `scale` exactly.
[[nodiscard]] std::optional<Int128> ParseDecimal128(std::string_view text, int precision,
                                                    int scale);

// With exactly `scale` digits after the point. Precondition: 0 <= scale <= 38.
[[nodiscard]] std::string FormatDecimal128(Int128 value, int scale);

// The same without an allocation; `out` has room for kDecimal128TextMax characters. Gives how many
// were written.
inline constexpr std::size_t kDecimal128TextMax = 48;
std::size_t WriteDecimal128(Int128 value, int scale, char* out);

// The 16 bytes of one cell, at any alignment.
[[nodiscard]] Int128 LoadInt128(const void* bytes);

}  // namespace molt::types
