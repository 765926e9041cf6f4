#include "molt/db/postgres/types/json_text.h"

#include <charconv>
#include <cmath>
#include <cstdint>
#include <string_view>
#include <variant>

namespace molt::db::postgres {

namespace {

constexpr int kDepthMax = 256;

bool AppendList(const types::List& list, int depth, std::string& out);

void AppendString(std::string_view text, std::string& out) {
  static constexpr char kHex[] = "0123456789abcdef";
  out += '"';
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20) {
      out += "\\u00";
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    } else {
      out += c;
    }
  }
  out += '"';
}

std::size_t SkipDigits(std::string_view text, std::size_t at) {
  while (at < text.size() && text[at] >= '0' && text[at] <= '9') ++at;
  return at;
}

// -?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)? which not every decimal is: 007, .5 and NaN are not.
bool IsJsonNumber(std::string_view text) {
  std::size_t at = text.starts_with('-') ? 1 : 0;
  std::size_t end = SkipDigits(text, at);
  if (end == at || (text[at] == '0' && end > at + 1)) return false;
  at = end;
  if (at < text.size() && text[at] == '.') {
    end = SkipDigits(text, at + 1);
    if (end == at + 1) return false;
    at = end;
  }
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    ++at;
    if (at < text.size() && (text[at] == '+' || text[at] == '-')) ++at;
    end = SkipDigits(text, at);
    if (end == at) return false;
    at = end;
  }
  return at == text.size();
}

struct AppendItem {
  int depth;
  std::string& out;

  template <class Number>
  [[nodiscard]] bool Put(Number number) const {
    char text[32];
    out.append(text, std::to_chars(text, text + sizeof(text), number).ptr);
    return true;
  }

  bool operator()(types::Null) const { return out += "null", true; }
  bool operator()(bool v) const { return out += v ? "true" : "false", true; }
  bool operator()(std::int64_t v) const { return Put(v); }
  bool operator()(double v) const { return std::isfinite(v) && Put(v); }
  bool operator()(const std::string& v) const { return AppendString(v, out), true; }
  bool operator()(const types::Json& v) const { return out += v.text, true; }
  bool operator()(const types::Decimal& v) const {
    if (!IsJsonNumber(v.text)) return false;
    out += v.text;
    return true;
  }
  bool operator()(const types::List& v) const { return AppendList(v, depth, out); }
  template <class Other>
  bool operator()(const Other&) const {
    return false;
  }
};

bool AppendList(const types::List& list, int depth, std::string& out) {
  if (depth >= kDepthMax) return false;
  char before = '[';
  for (const types::Value& item : list.items->values) {
    out += before;
    before = ',';
    if (!std::visit(AppendItem{depth + 1, out}, item)) return false;
  }
  out += before == '[' ? "[]" : "]";
  return true;
}

}  // namespace

bool AppendJsonArray(const types::List& list, std::string& out) { return AppendList(list, 0, out); }

}  // namespace molt::db::postgres
