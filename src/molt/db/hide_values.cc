#include "molt/db/hide_values.h"

#include <algorithm>
#include <cctype>
#include <vector>

#include "molt/types/iso_text.h"

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

// Calls `visit` with each of its words.
template <class Visit>
void ForEachWord(std::string_view text, Visit visit) {
  for (std::size_t i = 0; i < text.size();) {
    std::size_t end = i;
    while (end < text.size() && IsWordByte(text[end])) ++end;
    if (end > i) visit(text.substr(i, end - i));
    i = std::max(end, i + 1);
  }
}

// A word of a value that may have been put into another one.
constexpr std::size_t kTellingBytes = 4;

// What bound values look like in a message.
class Secrets {
 public:
  explicit Secrets(std::span<const types::Value> params) {
    for (const types::Value& param : params) Add(param);
  }

  [[nodiscard]] bool Shows(std::string_view word) const {
    // Numbers, dates and times are worded in many ways.
    if (any_number_ && std::isdigit(static_cast<unsigned char>(word.front())) != 0) return true;
    const auto contains_it = [&](const std::string& text) {
      return text.find(word) != std::string::npos;
    };
    if (std::any_of(texts_.begin(), texts_.end(), contains_it)) return true;
    return std::any_of(words_.begin(), words_.end(), [&](const std::string& own) {
      return word.find(own) != std::string_view::npos;
    });
  }

 private:
  void Add(const types::Value& value) {
    if (const auto* list = std::get_if<types::List>(&value)) {
      for (const types::Value& item : list->items->values) Add(item);
    } else if (const auto* range = std::get_if<types::Range>(&value)) {
      if (!range->bounds) return;
      Add(range->bounds->lower);
      Add(range->bounds->upper);
    } else {
      AddText(std::visit(TextOf{}, value));
      if (!std::holds_alternative<std::string>(value)) any_number_ = true;
    }
  }
  void AddText(std::string_view text) {
    if (text.empty()) return;
    texts_.push_back(Lower(text));
    ForEachWord(texts_.back(), [&](std::string_view word) {
      if (word.size() >= kTellingBytes) words_.emplace_back(word);
    });
  }

  // Of what is kept as text, or has no other form.
  struct TextOf {
    std::string operator()(const std::string& text) const { return text; }
    std::string operator()(const types::Bytes& bytes) const { return bytes.data; }
    std::string operator()(const types::Decimal& decimal) const { return decimal.text; }
    std::string operator()(const types::Json& json) const { return json.text; }
    std::string operator()(const types::Inet& inet) const { return inet.text; }
    std::string operator()(const types::Other& other) const { return other.text; }
    std::string operator()(const types::Uuid& uuid) const { return types::FormatUuid(uuid); }
    template <class T>
    std::string operator()(const T&) const {
      return {};
    }
  };

  std::vector<std::string> texts_;
  std::vector<std::string> words_;
  bool any_number_ = false;
};

}  // namespace

std::string HideValues(std::string_view message, std::string_view sql,
                       std::span<const types::Value> params) {
  if (params.empty()) return std::string(message);
  const std::string lower_sql = Lower(sql);
  const Secrets secrets(params);
  std::string safe;
  for (std::size_t i = 0; i < message.size();) {
    std::size_t end = i;
    while (end < message.size() && IsWordByte(message[end])) ++end;
    if (end == i) {
      safe += message[i++];
      continue;
    }
    const std::string word = Lower(message.substr(i, end - i));
    const bool is_value = lower_sql.find(word) == std::string::npos && secrets.Shows(word);
    safe += is_value ? std::string_view("…") : message.substr(i, end - i);
    i = end;
  }
  return safe;
}

}  // namespace molt::db
