// Arrays of types that are read as text: {a,"b c",NULL}, [0:1]={a,b}, or of boxes
// {(1,1),(0,0);NULL}.
#include <variant>

#include "molt/db/postgres/types/type_codec.h"

namespace molt::db::postgres {

namespace {

using types::Value;

class ArrayParser {
 public:
  ArrayParser(const Decoder& element, char delimiter, std::string_view text)
      : element_(element), delimiter_(delimiter), rest_(text) {}

  // All of the text.
  [[nodiscard]] bool Parse(Value& out) {
    if (rest_.starts_with('[')) {  // lower bounds, which are not kept
      const std::size_t equals = rest_.find('=');
      if (equals == std::string_view::npos) return false;
      rest_.remove_prefix(equals + 1);
    }
    return ParseList(out, 1) && rest_.empty();
  }

 private:
  bool Take(char c) {
    if (!rest_.starts_with(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }

  bool ParseList(Value& out, std::size_t depth) {
    if (depth > kArrayDimensionsMax || !Take('{')) return false;
    types::ListItems list;
    if (!Take('}')) {
      do {
        Value& item = list.values.emplace_back();
        if (rest_.starts_with('{') ? !ParseList(item, depth + 1) : !ParseItem(item)) return false;
      } while (Take(delimiter_));
      if (!Take('}')) return false;
    }
    out = types::List(std::move(list));
    return true;
  }

  bool ParseItem(Value& out) {
    if (Take('"')) return ParseQuoted(out);
    const char ends[] = {delimiter_, '}'};
    const std::size_t end = rest_.find_first_of(std::string_view(ends, sizeof(ends)));
    if (end == std::string_view::npos || end == 0) return false;
    const std::string_view item = rest_.substr(0, end);
    rest_.remove_prefix(end);
    return item == "NULL" || element_.read(element_, item, out);
  }

  bool ParseQuoted(Value& out) {
    std::string item;
    while (!Take('"')) {
      Take('\\');
      if (rest_.empty()) return false;
      item += rest_.front();
      rest_.remove_prefix(1);
    }
    return element_.read(element_, item, out);
  }

  const Decoder& element_;
  const char delimiter_;
  std::string_view rest_;
};

}  // namespace

bool ReadArrayText(const Decoder& self, std::string_view cell, Value& out) {
  return ArrayParser(*self.element, FindType(self.element_oid)->delimiter, cell).Parse(out);
}

}  // namespace molt::db::postgres
