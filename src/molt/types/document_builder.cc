#include "molt/types/document_builder.h"

#include <algorithm>
#include <utility>

#include "molt/types/utf8.h"

namespace molt::types {

namespace {

// Destroying and writing a document recurse: this much always fits the stack.
constexpr std::size_t kDepthMax = 256;
constexpr std::size_t kShownBytesMax = 64;

// The key that occurs twice, or nullptr.
const std::string* RepeatedKey(const Document::Map& map) {
  std::vector<const std::string*> keys;
  keys.reserve(map.size());
  for (const auto& [key, value] : map) keys.push_back(&key);
  // Sorted, so that a map of a million keys is no attack.
  std::sort(keys.begin(), keys.end(), [](const auto* a, const auto* b) { return *a < *b; });
  const auto repeated = std::adjacent_find(keys.begin(), keys.end(),
                                           [](const auto* a, const auto* b) { return *a == *b; });
  return repeated == keys.end() ? nullptr : *repeated;
}

std::string Shown(std::string_view key) {
  std::string_view front = key.substr(0, kShownBytesMax);
  front = front.substr(0, ValidUtf8Prefix(front));  // not half a character
  return '"' + std::string(front) + (front.size() < key.size() ? "…\"" : "\"");
}

}  // namespace

DocumentBuilder::DocumentBuilder(const DocumentLimits& limits) : limits_(limits) {
  limits_.depth_max = std::min(limits_.depth_max, kDepthMax);
}

bool DocumentBuilder::Refuse(std::string problem) {
  if (problem_.empty()) problem_ = std::move(problem);
  return false;
}

bool DocumentBuilder::CountNode() {
  if (++nodes_ <= limits_.nodes_max) return true;
  return Refuse("more than " + std::to_string(limits_.nodes_max) + " values");
}

void DocumentBuilder::Place(Document document) {
  if (open_.empty()) {
    root_ = std::move(document);
    return;
  }
  Frame& frame = open_.back();
  if (frame.is_map) {
    frame.map.emplace_back(std::move(frame.key), std::move(document));
    frame.key.clear();
  } else {
    frame.array.push_back(std::move(document));
  }
}

bool DocumentBuilder::Add(Document scalar) {
  if (!CountNode()) return false;
  Place(std::move(scalar));
  return true;
}

bool DocumentBuilder::AddString(std::string_view text) {
  if (!IsValidUtf8(text)) return Refuse("a string that is not valid UTF-8");
  return Add(text);
}

bool DocumentBuilder::Begin(bool is_map) {
  if (!CountNode()) return false;
  if (open_.size() >= limits_.depth_max) {
    return Refuse("more than " + std::to_string(limits_.depth_max) + " levels of nesting");
  }
  open_.push_back({is_map, {}, {}, {}});
  return true;
}

bool DocumentBuilder::Key(std::string_view key) {
  if (!IsValidUtf8(key)) return Refuse("a key that is not valid UTF-8");
  open_.back().key = key;
  return true;
}

bool DocumentBuilder::End() {
  Frame frame = std::move(open_.back());
  open_.pop_back();
  if (!frame.is_map) {
    Place(std::move(frame.array));
    return true;
  }
  const std::string* repeated = RepeatedKey(frame.map);
  if (repeated != nullptr) Refuse("the key " + Shown(*repeated) + " twice in one map");
  // Also when it is refused: what was read of the document is asked for.
  Place(std::move(frame.map));
  return repeated == nullptr;
}

Document DocumentBuilder::TakeSoFar() {
  if (open_.empty()) return std::move(root_);
  if (open_.front().is_map) return std::move(open_.front().map);
  return {};
}

Error DocumentError(std::string_view format, std::string_view problem, std::size_t offset) {
  return Error{ErrorCode::kInvalidQuery,
               std::string(format) + ": " + std::string(problem) + " (at byte " +
                   std::to_string(offset) + ")",
               {},
               false};
}

Status CheckDocumentSize(std::string_view format, std::size_t size_bytes,
                         const DocumentLimits& limits) {
  if (size_bytes <= limits.size_bytes_max) return {};
  return InvalidQuery(std::string(format) + ": " + std::to_string(size_bytes) +
                      " bytes, and the limit is " + std::to_string(limits.size_bytes_max));
}

}  // namespace molt::types
