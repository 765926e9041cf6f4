#include "molt/db/url.h"

#include <algorithm>
#include <cctype>

namespace molt::db {

namespace {

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

Result<std::string> PercentDecode(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    const int high = i + 2 < text.size() ? HexDigit(text[i + 1]) : -1;
    const int low = i + 2 < text.size() ? HexDigit(text[i + 2]) : -1;
    if (high < 0 || low < 0) {
      return InvalidQuery("the database URL has a '%' that starts no %XX escape; write %25");
    }
    out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return out;
}

}  // namespace

Result<Url> ParseUrl(std::string_view text) {
  const std::size_t colon = text.find("://");
  if (colon == std::string_view::npos || colon == 0) {
    return InvalidQuery(
        "a database URL starts with its kind, such as sqlite:///app.db; a path alone is not one");
  }
  Url url;
  for (const char c : text.substr(0, colon)) {
    url.scheme += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  std::string_view rest = text.substr(colon + 3);
  const std::size_t question = rest.find('?');
  std::string_view query =
      question == std::string_view::npos ? std::string_view() : rest.substr(question + 1);
  rest = rest.substr(0, question);
  if (rest.starts_with('/')) rest.remove_prefix(1);
  MOLT_ASSIGN(url.path, PercentDecode(rest));
  while (!query.empty()) {
    const std::size_t end = std::min(query.find('&'), query.size());
    const std::string_view pair = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    const std::size_t equals = std::min(pair.find('='), pair.size());
    MOLT_ASSIGN(std::string key, PercentDecode(pair.substr(0, equals)));
    MOLT_ASSIGN(std::string value, PercentDecode(pair.substr(std::min(equals + 1, pair.size()))));
    url.options.emplace_back(std::move(key), std::move(value));
  }
  return url;
}

namespace {

// From `begin`, where a password starts, to `end`.
void Mask(std::string& text, std::size_t begin, std::size_t end) {
  text.replace(begin, end - begin, "***");
}

// The values of …password=… up to any of `ends`; a quoted one up to its closing quote.
void MaskPasswordValues(std::string& text, std::size_t from, std::string_view ends) {
  constexpr std::string_view kWord = "password";
  for (std::size_t at = text.find(kWord, from); at != std::string::npos;
       at = text.find(kWord, from)) {
    from = at + kWord.size();
    const std::size_t equals = text.find_first_not_of(' ', from);
    if (equals == std::string::npos || text[equals] != '=') continue;
    std::size_t begin = text.find_first_not_of(' ', equals + 1);
    if (begin == std::string::npos) return;
    std::size_t end = text.find_first_of(ends, begin);
    if (text[begin] == '\'') {
      end = begin + 1;
      while (end < text.size() && text[end] != '\'') end += text[end] == '\\' ? 2 : 1;
      ++end;
    }
    Mask(text, begin, std::min(end, text.size()));
    from = begin;
  }
}

}  // namespace

std::string EncodeUrlPath(std::string_view path) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string encoded;
  for (const char c : path) {
    if (c == '%' || c == '?' || c == '#') {
      const auto byte = static_cast<unsigned char>(c);
      encoded += {'%', kHex[byte >> 4], kHex[byte & 15]};
    } else {
      encoded += c;
    }
  }
  return encoded;
}

std::string RedactUrl(std::string_view given) {
  std::string text(given);
  const std::size_t scheme = text.find("://");
  if (scheme == std::string::npos) {
    MaskPasswordValues(text, 0, " \t\n");
    return text;
  }
  const std::size_t authority = scheme + 3;
  const std::size_t question = std::min(text.find('?', authority), text.size());
  MaskPasswordValues(text, question, "&");
  // A password may hold '@' and '/' itself, so the last '@' before the options ends the user part.
  const std::size_t at = text.substr(0, question).rfind('@');
  const std::size_t colon = text.find(':', authority);
  if (at != std::string::npos && colon < at) Mask(text, colon + 1, at);
  return text;
}

}  // namespace molt::db
