#include "molt/db/postgres/types/param_text.h"

#include <charconv>
#include <cmath>
#include <cstdint>
#include <variant>

#include "molt/types/iso_text.h"
#include "molt/types/value_text.h"

namespace molt::db::postgres {

namespace {

constexpr std::int32_t kDaysOfYear1 = -719'162;  // 0001-01-01; the server wants "BC" before it
constexpr std::int64_t kMicrosOfYear1 = kDaysOfYear1 * std::int64_t{86'400'000'000};

struct AppendText {
  std::string& out;

  [[nodiscard]] bool Put(std::string_view text) const {
    out += text;
    return true;
  }
  template <class Number>
  [[nodiscard]] bool PutNumber(Number number) const {
    char text[32];
    out.append(text, std::to_chars(text, text + sizeof(text), number).ptr);
    return true;
  }

  bool operator()(types::Null) const { return false; }
  bool operator()(bool v) const { return Put(v ? "t" : "f"); }
  bool operator()(std::int64_t v) const { return PutNumber(v); }
  bool operator()(double v) const {
    if (std::isnan(v)) return Put("NaN");
    if (std::isinf(v)) return Put(v > 0 ? "Infinity" : "-Infinity");
    return PutNumber(v);
  }
  bool operator()(const std::string& v) const { return Put(v); }
  bool operator()(const types::Bytes& v) const {
    out += "\\x";
    types::AppendHex(v.data, out);
    return true;
  }
  bool operator()(types::Date v) const {
    return v.days >= kDaysOfYear1 && Put(types::FormatDate(v));
  }
  bool operator()(types::Time v) const { return Put(types::FormatTime(v)); }
  bool operator()(types::Timestamp v) const {
    return v.micros >= kMicrosOfYear1 && Put(types::FormatTimestamp(v));
  }
  bool operator()(const types::Decimal& v) const { return Put(v.text); }
  bool operator()(const types::Uuid& v) const { return Put(types::FormatUuid(v)); }
  bool operator()(const types::Interval& v) const {
    return PutNumber(v.months) && Put(" months ") && PutNumber(v.days) && Put(" days ") &&
           PutNumber(v.micros) && Put(" microseconds");
  }
  bool operator()(types::TimeTz v) const { return Put(types::FormatTimeTz(v)); }
  bool operator()(const types::Json& v) const { return Put(v.text); }
  bool operator()(const types::Inet& v) const { return Put(v.text); }
  bool operator()(const types::Other& v) const { return Put(v.text); }
  bool operator()(const types::Range& v) const {
    return types::IsTextRange(v) && Put(types::FormatRange(v));
  }
  bool operator()(const types::List& v) const {
    char before = '{';
    for (const types::Value& item : v.items->values) {
      const auto* range = std::get_if<types::Range>(&item);
      if (range == nullptr) return false;
      out += before;
      before = ',';
      if (!(*this)(*range)) return false;
    }
    return Put(before == '{' ? "{}" : "}");
  }
};

}  // namespace

bool AppendParamText(const types::Value& value, std::string& out) {
  return std::visit(AppendText{out}, value);
}

bool AppendQuotedParamText(const types::Value& value, std::string& out) {
  std::string plain;
  if (!AppendParamText(value, plain)) return false;
  out += '"';
  for (const char c : plain) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  out += '"';
  return true;
}

}  // namespace molt::db::postgres
