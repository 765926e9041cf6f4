#include "molt/worker/named_params.h"

#include <algorithm>
#include <cstddef>

#include "molt/base/nearest_names.h"

namespace molt::worker {

namespace {

bool IsNameStart(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool IsNamePart(char c) { return IsNameStart(c) || (c >= '0' && c <= '9'); }

// Steps over what is not SQL: strings, quoted identifiers, comments. Where one does not end, the
// engine will say so.
class Scanner {
 public:
  Scanner(std::string_view sql, char mark) : sql_(sql), is_postgres_(mark == '$') {}

  // The end of what begins at `at` and must be copied as it is; at least one character.
  [[nodiscard]] std::size_t SkipFrom(std::size_t at) const {
    const char c = sql_[at];
    const char next = at + 1 < sql_.size() ? sql_[at + 1] : '\0';
    if (c == '\'') return Quoted(at, '\'', is_postgres_ && IsEscapeString(at));
    if (c == '"') return Quoted(at, '"', false);
    if (!is_postgres_ && c == '`') return Quoted(at, '`', false);
    if (!is_postgres_ && c == '[') return After(sql_.find(']', at), 1);
    if (c == '-' && next == '-') return After(sql_.find('\n', at), 1);
    if (c == '/' && next == '*') return Comment(at);
    if (is_postgres_ && c == '$') return DollarQuoted(at);
    if (IsNameStart(c)) {
      std::size_t end = at;
      while (end < sql_.size() && (IsNamePart(sql_[end]) || sql_[end] == '$')) ++end;
      // E'…' and the like: the quote follows the letter.
      return end;
    }
    if (c == ':' && next == ':') return at + 2;
    return at + 1;
  }

 private:
  [[nodiscard]] std::size_t After(std::size_t found, std::size_t size) const {
    return found == std::string_view::npos ? sql_.size() : found + size;
  }
  // Whether the quote follows an E that stands alone.
  [[nodiscard]] bool IsEscapeString(std::size_t at) const {
    if (at == 0 || (sql_[at - 1] != 'e' && sql_[at - 1] != 'E')) return false;
    return at == 1 || !IsNamePart(sql_[at - 2]);
  }
  [[nodiscard]] std::size_t Quoted(std::size_t at, char quote, bool has_escapes) const {
    for (std::size_t i = at + 1; i < sql_.size(); ++i) {
      if (has_escapes && sql_[i] == '\\') {
        ++i;
      } else if (sql_[i] == quote) {
        if (i + 1 < sql_.size() && sql_[i + 1] == quote) {
          ++i;  // doubled: one of the text
        } else {
          return i + 1;
        }
      }
    }
    return sql_.size();
  }
  [[nodiscard]] std::size_t Comment(std::size_t at) const {
    int depth = 0;
    for (std::size_t i = at; i + 1 < sql_.size(); ++i) {
      if (sql_[i] == '/' && sql_[i + 1] == '*') {
        if (depth == 0 || is_postgres_) ++depth;  // only PostgreSQL's comments nest
        ++i;
      } else if (sql_[i] == '*' && sql_[i + 1] == '/') {
        ++i;
        if (--depth == 0) return i + 1;
      }
    }
    return sql_.size();
  }
  // $tag$ … $tag$; a $1 is a parameter.
  [[nodiscard]] std::size_t DollarQuoted(std::size_t at) const {
    std::size_t end = at + 1;
    if (end < sql_.size() && IsNameStart(sql_[end])) {
      while (end < sql_.size() && IsNamePart(sql_[end])) ++end;
    }
    if (end >= sql_.size() || sql_[end] != '$') return at + 1;
    const std::string_view tag = sql_.substr(at, end + 1 - at);
    return After(sql_.find(tag, end + 1), tag.size());
  }

  const std::string_view sql_;
  const bool is_postgres_;
};

}  // namespace

Result<Positional> ToPositional(std::string_view sql, NamedValues values, char mark) {
  std::vector<std::string> names;
  for (const auto& [name, value] : values) {
    if (std::find(names.begin(), names.end(), name) != names.end()) {
      return InvalidQuery("the parameter \"" + name + "\" is given twice");
    }
    names.push_back(name);
  }
  Positional positional;
  std::vector<std::size_t> number(values.size(), 0);  // 0: not used so far
  const Scanner scanner(sql, mark);
  for (std::size_t at = 0; at < sql.size();) {
    const bool is_name = sql[at] == ':' && at + 1 < sql.size() && IsNameStart(sql[at + 1]);
    std::size_t end = is_name ? at + 1 : scanner.SkipFrom(at);
    if (!is_name) {
      positional.sql += sql.substr(at, end - at);
      at = end;
      continue;
    }
    while (end < sql.size() && IsNamePart(sql[end])) ++end;
    const std::string name(sql.substr(at + 1, end - at - 1));
    const auto found = std::find(names.begin(), names.end(), name);
    if (found == names.end()) {
      return InvalidQuery("the SQL has a parameter :" + name + ", and no value has that name" +
                          NearestNames(name, names));
    }
    const auto index = static_cast<std::size_t>(found - names.begin());
    if (number[index] == 0) {
      positional.params.push_back(std::move(values[index].second));
      number[index] = positional.params.size();
    }
    positional.sql += mark;
    positional.sql += std::to_string(number[index]);
    at = end;
  }
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (number[i] == 0) {
      return InvalidQuery("the value \"" + names[i] + "\" is not used by the SQL");
    }
  }
  return positional;
}

}  // namespace molt::worker
