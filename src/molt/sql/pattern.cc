#include "molt/sql/pattern.h"

#include <algorithm>

#include "molt/types/iso_text.h"

namespace molt::sql {

namespace {

void AppendPlain(char c, PatternStyle style, std::string& out) {
  if (style == PatternStyle::kGlob) {
    if (c == '*' || c == '?' || c == '[') {
      out += '[';
      out += c;
      out += ']';
      return;
    }
  } else if (c == '%' || c == '_' || c == '\\') {
    out += '\\';
  }
  out += c;
}

}  // namespace

Result<types::Value> MakePattern(Pattern pattern, const types::Value& text) {
  if (const auto* uuid = std::get_if<types::Uuid>(&text)) {
    return MakePattern(pattern, types::FormatUuid(*uuid));
  }
  const auto* plain = std::get_if<std::string>(&text);
  if (plain == nullptr) return text;
  if (pattern.style == PatternStyle::kAsciiLike &&
      std::any_of(plain->begin(), plain->end(), [](unsigned char c) { return c >= 0x80; })) {
    return Unsupported(
        "sqlite: matching without regard to case is limited to ASCII text, and the text here is "
        "not; match with case, or keep a folded copy of the column");
  }
  if (pattern.style != PatternStyle::kLike && plain->find('\0') != std::string::npos) {
    return Unsupported(
        "sqlite: a pattern ends at its first NUL character, so text to match must have none");
  }
  const bool glob = pattern.style == PatternStyle::kGlob;
  const char any = glob ? '*' : '%';
  const char one = glob ? '?' : '_';
  std::string out;
  out.reserve(plain->size() + 8);
  if (pattern.kind == PatternKind::kSuffix || pattern.kind == PatternKind::kInfix) out += any;
  for (std::size_t i = 0; i < plain->size(); ++i) {
    const char c = (*plain)[i];
    if (pattern.kind != PatternKind::kLike) {
      AppendPlain(c, pattern.style, out);
    } else if (c == '%') {
      out += any;
    } else if (c == '_') {
      out += one;
    } else if (c != '\\') {
      AppendPlain(c, pattern.style, out);
    } else if (++i == plain->size()) {
      return InvalidQuery("like: the pattern ends with a backslash; write \\\\ for a plain one");
    } else {
      AppendPlain((*plain)[i], pattern.style, out);
    }
  }
  if (pattern.kind == PatternKind::kPrefix || pattern.kind == PatternKind::kInfix) out += any;
  return types::Value(std::move(out));
}

}  // namespace molt::sql
