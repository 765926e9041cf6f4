#include "molt/db/hide_values.h"

#include <algorithm>
#include <cctype>

namespace molt::db {

namespace {

std::string Lower(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return lower;
}

bool IsWordByte(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c < 0;
}

// The text of a value, if it is kept as one.
struct TextOf {
  std::string_view operator()(const std::string& text) const { return text; }
  std::string_view operator()(const types::Bytes& bytes) const { return bytes.data; }
  std::string_view operator()(const types::Decimal& decimal) const { return decimal.text; }
  std::string_view operator()(const types::Json& json) const { return json.text; }
  std::string_view operator()(const types::Inet& inet) const { return inet.text; }
  std::string_view operator()(const types::Other& other) const { return other.text; }
  template <class T>
  std::string_view operator()(const T&) const {
    return {};
  }
};

bool OccursIn(const std::string& word, const types::Value& value) {
  if (const auto* list = std::get_if<types::List>(&value)) {
    return std::any_of(list->items->values.begin(), list->items->values.end(),
                       [&](const types::Value& item) { return OccursIn(word, item); });
  }
  return Lower(std::visit(TextOf{}, value)).find(word) != std::string::npos;
}

}  // namespace

std::string HideValues(std::string_view message, std::string_view sql,
                       std::span<const types::Value> params) {
  if (params.empty()) return std::string(message);
  const std::string lower_sql = Lower(sql);
  std::string safe;
  for (std::size_t i = 0; i < message.size();) {
    std::size_t end = i;
    while (end < message.size() && IsWordByte(message[end])) ++end;
    if (end == i) {
      safe += message[i++];
      continue;
    }
    const std::string word = Lower(message.substr(i, end - i));
    const bool is_value = lower_sql.find(word) == std::string::npos &&
                          std::any_of(params.begin(), params.end(), [&](const types::Value& param) {
                            return OccursIn(word, param);
                          });
    safe += is_value ? std::string_view("…") : message.substr(i, end - i);
    i = end;
  }
  return safe;
}

}  // namespace molt::db
