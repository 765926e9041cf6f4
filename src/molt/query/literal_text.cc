#include "molt/query/literal_text.h"

#include <string_view>

#include "molt/types/iso_text.h"
#include "molt/types/utf8.h"
#include "molt/types/value_text.h"

namespace molt::query {

namespace {

using types::LogicalType;
using types::TypeId;
using types::Value;

std::string_view TakeDigits(std::string_view& text) {
  std::size_t count = 0;
  while (count < text.size() && text[count] >= '0' && text[count] <= '9') ++count;
  const std::string_view digits = text.substr(0, count);
  text.remove_prefix(count);
  return digits;
}

// [-]digits[.digits][E±digits], NaN, Infinity or -Infinity, as types::Decimal holds them.
bool IsDecimal(std::string_view text) {
  if (text == "NaN" || text == "Infinity" || text == "-Infinity") return true;
  if (text.starts_with('-')) text.remove_prefix(1);
  if (TakeDigits(text).empty()) return false;
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    if (TakeDigits(text).empty()) return false;
  }
  if (text.empty()) return true;
  if (!text.starts_with("E+") && !text.starts_with("E-")) return false;
  text.remove_prefix(2);
  return !TakeDigits(text).empty() && text.empty();
}

// Host, prefix or both, as far as a look at the characters tells; the engine reads it.
bool IsInet(std::string_view text) {
  constexpr std::size_t kLengthMax = 49;  // of an IPv6 address with its prefix
  return !text.empty() && text.size() <= kLengthMax &&
         text.find_first_not_of("0123456789abcdefABCDEF.:/") == std::string_view::npos;
}

}  // namespace

Result<Value> ReadLiteralText(const LogicalType& type, const std::string& text) {
  switch (type.id) {
    case TypeId::kUtf8:
      if (types::IsValidUtf8(text)) return text;
      return InvalidQuery("the text is not UTF-8");
    case TypeId::kJson:
      if (types::IsValidUtf8(text)) return types::Json{text};
      return InvalidQuery("the JSON is not UTF-8");
    case TypeId::kOther:
      if (types::IsValidUtf8(text)) return types::Other{text};
      return InvalidQuery("the text is not UTF-8");
    case TypeId::kInet:
      if (IsInet(text)) return types::Inet{text, type.is_network()};
      return InvalidQuery("an inet is written 192.168.0.1, 192.168.0.1/24 or 2001:db8::1");
    case TypeId::kTimeTz:
      if (const auto time = types::ParseTimeTz(text)) return *time;
      return InvalidQuery("a timetz is written 10:34:56+02:00, with its offset");
    case TypeId::kDate:
      if (const auto date = types::ParseDate(text)) return *date;
      return InvalidQuery("a date is written 2024-02-29, in the years 0001 to 9999");
    case TypeId::kTime:
      if (const auto time = types::ParseTime(text)) return *time;
      return InvalidQuery("a time is written 10:34:56 or 10:34:56.123456");
    case TypeId::kTimestamp:
    case TypeId::kTimestampTz: {
      const bool utc = type.id == TypeId::kTimestampTz;
      const auto timestamp = types::ParseTimestamp(text);
      if (timestamp && timestamp->utc == utc) return *timestamp;
      return InvalidQuery(utc ? "a timestamptz is written 2024-02-29T10:34:56+00:00, with its zone"
                              : "a timestamp is written 2024-02-29T10:34:56, without a zone");
    }
    case TypeId::kDecimal:
      if (IsDecimal(text)) return types::Decimal{text};
      return InvalidQuery("a decimal is written -12.50 or 1E+20, or NaN, Infinity, -Infinity");
    case TypeId::kUuid:
      if (const auto uuid = types::ParseUuid(text)) return *uuid;
      return InvalidQuery("a uuid is 32 hexadecimal digits, with or without hyphens");
    default:
      return Internal("no text type: " + std::string(types::TypeName(type)));
  }
}

}  // namespace molt::query
