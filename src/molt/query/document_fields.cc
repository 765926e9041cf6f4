#include "molt/query/document_fields.h"

#include <algorithm>
#include <vector>

#include "molt/base/nearest_names.h"
#include "molt/query/serialize.h"
#include "molt/types/utf8.h"

namespace molt::query {

using types::Document;

std::string Path::Text() const {
  std::string text = parent != nullptr ? parent->Text() : "";
  if (key.empty()) return parent != nullptr ? text + "[" + std::to_string(index) + "]" : text;
  if (!text.empty()) text += '.';
  return text.append(key);
}

tl::unexpected<Error> At(const Path& path, std::string_view problem) {
  const std::string where = path.Text();
  return InvalidQuery((where.empty() ? "the document" : where) + ": " + std::string(problem));
}

tl::unexpected<Error> WrongKind(const Path& path, std::string_view expected, const Document& got) {
  return At(path, "expected " + std::string(expected) + ", got " + std::string(got.KindName()));
}

std::string Shown(std::string_view name) {
  constexpr std::size_t kShownMax = 60;
  if (name.size() <= kShownMax) return "\"" + std::string(name) + "\"";
  const std::string_view start = name.substr(0, kShownMax);
  return "\"" + std::string(start.substr(0, types::ValidUtf8Prefix(start))) + "…\"";
}

Result<Fields> Fields::Of(const Document& document, const Path& path,
                          std::initializer_list<std::string_view> known) {
  const Document::Map* map = document.AsMap();
  if (map == nullptr) return WrongKind(path, "a map", document);
  for (const auto& [key, value] : *map) {
    if (std::find(known.begin(), known.end(), key) != known.end()) continue;
    const std::vector<std::string> names(known.begin(), known.end());
    return At(path, "unknown key " + Shown(key) + NearestNames(key, names));
  }
  return Fields(document, path);
}

Result<const Document*> Fields::Need(std::string_view key) const {
  if (const Document* value = Find(key)) return value;
  return At(path_, "\"" + std::string(key) + "\" is missing");
}

Result<std::string> Fields::NeedString(std::string_view key) const {
  MOLT_ASSIGN(const Document* value, Need(key));
  if (const std::string* text = value->AsString()) return *text;
  return WrongKind(Sub(key), "a string", *value);
}

Result<std::string> Fields::String(std::string_view key) const {
  if (Find(key) == nullptr) return std::string();
  return NeedString(key);
}

Result<bool> Fields::Bool(std::string_view key, bool otherwise) const {
  const Document* value = Find(key);
  if (value == nullptr) return otherwise;
  if (const auto flag = value->AsBool()) return *flag;
  return WrongKind(Sub(key), "true or false", *value);
}

Result<const Document::Array*> Fields::Array(std::string_view key) const {
  static const Document::Array kNone;
  const Document* value = Find(key);
  if (value == nullptr) return &kNone;
  if (const Document::Array* array = value->AsArray()) return array;
  return WrongKind(Sub(key), "an array", *value);
}

Result<const Document::Array*> Fields::ShortArray(std::string_view key) const {
  MOLT_ASSIGN(const Document::Array* array, Array(key));
  if (array->size() <= kIrListMax) return array;
  return At(Sub(key), "has more than " + std::to_string(kIrListMax) + " elements");
}

}  // namespace molt::query
