#include "molt/worker/fields.h"

namespace molt::worker {

using types::Document;

const Document* Given(const Document& map, std::string_view key) {
  const Document* found = map.Find(key);
  return found == nullptr || found->IsNull() ? nullptr : found;
}

tl::unexpected<Error> Wrong(std::string_view key, std::string_view expected, const Document& got) {
  return InvalidQuery("\"" + std::string(key) + "\" must be " + std::string(expected) + ", not " +
                      std::string(got.KindName()));
}

Result<std::optional<std::string>> Text(const Document& map, std::string_view key) {
  const Document* found = Given(map, key);
  if (found == nullptr) return std::nullopt;
  if (const std::string* text = found->AsString()) return *text;
  return Wrong(key, "a string", *found);
}

Result<bool> Flag(const Document& map, std::string_view key) {
  const Document* found = Given(map, key);
  if (found == nullptr) return false;
  if (const auto flag = found->AsBool()) return *flag;
  return Wrong(key, "true or false", *found);
}

}  // namespace molt::worker
