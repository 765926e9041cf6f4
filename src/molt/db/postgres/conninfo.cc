#include "molt/db/postgres/conninfo.h"

#include <cctype>
#include <cstdio>

namespace molt::db::postgres {

namespace {

bool IsHex(char c) { return std::isxdigit(static_cast<unsigned char>(c)) != 0; }

std::string Escaped(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool escape = c == '%' && i + 2 < text.size() && IsHex(text[i + 1]) && IsHex(text[i + 2]);
    const bool plain = std::isalnum(static_cast<unsigned char>(c)) != 0 ||
                       std::string_view("-._~!$&'()*+,;=").find(c) != std::string_view::npos;
    if (escape || plain) {
      out += c;
      continue;
    }
    char code[4];
    std::snprintf(code, sizeof(code), "%%%02X",
                  static_cast<unsigned>(static_cast<unsigned char>(c)));
    out += code;
  }
  return out;
}

}  // namespace

std::string NormalizeConninfo(std::string_view text) {
  const std::size_t scheme = text.find("://");
  if (scheme == std::string_view::npos) return std::string(text);
  const std::size_t start = scheme + 3;
  // The last '@' before the options: a password may have others.
  const std::size_t at = text.substr(0, text.find('?', start)).rfind('@');
  if (at == std::string_view::npos || at < start) return std::string(text);
  const std::string_view user_part = text.substr(start, at - start);
  const std::size_t colon = user_part.find(':');
  std::string out(text.substr(0, start));
  out += Escaped(user_part.substr(0, colon));
  if (colon != std::string_view::npos) out += ":" + Escaped(user_part.substr(colon + 1));
  out += text.substr(at);
  return out;
}

}  // namespace molt::db::postgres
