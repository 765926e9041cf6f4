// ISO 8601 text of dates and times, UUIDs, hexadecimal and base64, as engines store them and JSON
// carries them.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "molt/types/value.h"

namespace molt::types {

// Years 0001 to 9999, as Python's datetime has them; anything else is nullopt.
[[nodiscard]] std::optional<Date> ParseDate(std::string_view text);  // 2024-02-29
// 10:34[:56[.ffffff]]
[[nodiscard]] std::optional<Time> ParseTime(std::string_view text);
// A date, then 'T' or ' ' and a time, then nothing, 'Z' or ±hh[:mm]. A bare date is midnight. With
// a zone the result is in UTC. More than six digits of a second are refused, not rounded.
[[nodiscard]] std::optional<Timestamp> ParseTimestamp(std::string_view text);
[[nodiscard]] std::optional<Uuid> ParseUuid(std::string_view text);

[[nodiscard]] std::string FormatDate(Date date);
[[nodiscard]] std::string FormatTime(Time time);  // fraction only when there is one
// `separator` between date and time; "+00:00" after a UTC one.
[[nodiscard]] std::string FormatTimestamp(Timestamp timestamp, char separator = ' ');
// The same into `text`, which has room for kTimestampTextMax; gives its size.
inline constexpr std::size_t kTimestampTextMax = 48;
[[nodiscard]] std::size_t WriteTimestamp(Timestamp timestamp, char separator, char* text);
[[nodiscard]] std::string FormatUuid(const Uuid& uuid);

void AppendHex(std::string_view bytes, std::string& out);        // lower case
[[nodiscard]] std::string EncodeBase64(std::string_view bytes);  // standard, padded
[[nodiscard]] std::optional<std::string> DecodeBase64(std::string_view text);

// Proleptic Gregorian civil date <-> days since 1970-01-01.
struct CivilDate {
  int year;
  unsigned month;
  unsigned day;
};
[[nodiscard]] CivilDate ToCivil(Date date);
[[nodiscard]] Date FromCivil(CivilDate civil);

}  // namespace molt::types
