#include "molt/types/value_text.h"

#include <charconv>
#include <cstdint>
#include <cstdlib>

#include "molt/types/iso_text.h"

namespace molt::types {

namespace {

constexpr std::int64_t kMicrosPerDay = 86'400'000'000;
constexpr std::string_view kEndOfDay = "24:00:00";

bool ReadTwo(std::string_view& text, int& value) {
  if (text.size() < 2 || text[0] < '0' || text[0] > '9' || text[1] < '0' || text[1] > '9') {
    return false;
  }
  value = (text[0] - '0') * 10 + (text[1] - '0');
  text.remove_prefix(2);
  return true;
}

// Z or ±hh[:mm[:ss]], all of it, as seconds east of UTC.
std::optional<std::int32_t> ReadOffset(std::string_view text) {
  if (text == "Z") return 0;
  if (text.empty() || (text[0] != '+' && text[0] != '-')) return std::nullopt;
  const bool west = text[0] == '-';
  text.remove_prefix(1);
  std::int32_t seconds = 0;
  for (const int unit : {3600, 60, 1}) {
    int value = 0;
    if (!ReadTwo(text, value) || value > (unit == 3600 ? 23 : 59)) return std::nullopt;
    seconds += value * unit;
    if (text.empty()) return west ? -seconds : seconds;
    if (text[0] != ':') return std::nullopt;
    text.remove_prefix(1);
  }
  return std::nullopt;
}

void AppendTwo(std::string& text, int value) {
  text += static_cast<char>('0' + value / 10);
  text += static_cast<char>('0' + value % 10);
}

template <class Number>
std::string NumberText(Number value) {
  char text[32];
  return {text, std::to_chars(text, text + sizeof(text), value).ptr};
}

// Of a range's bound; nothing for kinds that no range is of.
std::optional<std::string> BoundText(const Value& value) {
  struct Visitor {
    using Text = std::optional<std::string>;
    Text operator()(Null) const { return ""; }
    Text operator()(std::int64_t v) const { return NumberText(v); }
    Text operator()(double v) const { return NumberText(v); }
    Text operator()(const std::string& v) const { return v; }
    Text operator()(Date v) const { return FormatDate(v); }
    Text operator()(Time v) const { return FormatTime(v); }
    Text operator()(Timestamp v) const { return FormatTimestamp(v); }
    Text operator()(const Decimal& v) const { return v.text; }
    Text operator()(const Uuid& v) const { return FormatUuid(v); }
    Text operator()(TimeTz v) const { return FormatTimeTz(v); }
    Text operator()(const Inet& v) const { return v.text; }
    Text operator()(const Other& v) const { return v.text; }
    Text operator()(bool) const { return std::nullopt; }
    Text operator()(const Bytes&) const { return std::nullopt; }
    Text operator()(Interval) const { return std::nullopt; }
    Text operator()(const Json&) const { return std::nullopt; }
    Text operator()(const List&) const { return std::nullopt; }
    Text operator()(const Range&) const { return std::nullopt; }
  };
  return std::visit(Visitor{}, value);
}

void AppendBound(std::string& text, const Value& bound) {
  if (IsNull(bound)) return;
  const std::string plain = BoundText(bound).value_or("");
  if (!plain.empty() && plain.find_first_of(",()[]\"\\ \t\n\r\v\f") == std::string::npos) {
    text += plain;
    return;
  }
  text += '"';
  for (const char c : plain) {
    if (c == '"' || c == '\\') text += c;
    text += c;
  }
  text += '"';
}

}  // namespace

std::string FormatTimeTz(TimeTz time) {
  std::string text =
      time.micros == kMicrosPerDay ? std::string(kEndOfDay) : FormatTime({time.micros});
  const int offset = std::abs(time.offset_seconds);
  text += time.offset_seconds < 0 ? '-' : '+';
  AppendTwo(text, offset / 3600 % 100);
  text += ':';
  AppendTwo(text, offset / 60 % 60);
  if (offset % 60 != 0) {
    text += ':';
    AppendTwo(text, offset % 60);
  }
  return text;
}

std::optional<TimeTz> ParseTimeTz(std::string_view text) {
  const std::size_t zone = text.find_first_of("Z+-");
  if (zone == std::string_view::npos) return std::nullopt;
  const auto offset = ReadOffset(text.substr(zone));
  if (!offset) return std::nullopt;
  text = text.substr(0, zone);
  if (text == kEndOfDay) return TimeTz{kMicrosPerDay, *offset};
  const auto time = ParseTime(text);
  if (!time) return std::nullopt;
  return TimeTz{time->micros, *offset};
}

bool IsTextRange(const Range& range) {
  return BoundText(range.bounds->lower).has_value() && BoundText(range.bounds->upper).has_value();
}

std::string FormatRange(const Range& range) {
  const RangeBounds& bounds = *range.bounds;
  if (bounds.empty) return "empty";
  std::string text(1, bounds.lower_inclusive ? '[' : '(');
  AppendBound(text, bounds.lower);
  text += ',';
  AppendBound(text, bounds.upper);
  text += bounds.upper_inclusive ? ']' : ')';
  return text;
}

}  // namespace molt::types
