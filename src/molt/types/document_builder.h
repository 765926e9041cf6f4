// What the JSON and the MsgPack reader share: they report what they see, this checks the limits
// and grows the tree. Used by them alone.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "molt/types/document.h"

namespace molt::types {

// Each step returns false when the document is refused; problem() then tells why.
class DocumentBuilder {
 public:
  explicit DocumentBuilder(const DocumentLimits& limits);

  [[nodiscard]] bool Add(Document scalar);
  [[nodiscard]] bool AddString(std::string_view text);
  [[nodiscard]] bool BeginArray() { return Begin(false); }
  [[nodiscard]] bool BeginMap() { return Begin(true); }
  // Within a map, before each value.
  [[nodiscard]] bool Key(std::string_view key);
  [[nodiscard]] bool End();

  bool Refuse(std::string problem);
  [[nodiscard]] const std::string& problem() const { return problem_; }
  // Precondition: everything that began has ended.
  [[nodiscard]] Document Take() { return std::move(root_); }
  // Of a document that was refused: what is complete of its outermost map.
  [[nodiscard]] Document TakeSoFar();

 private:
  struct Frame {
    bool is_map;
    Document::Array array;
    Document::Map map;
    std::string key;  // of the value to come
  };

  bool Begin(bool is_map);
  bool CountNode();
  void Place(Document document);

  DocumentLimits limits_;
  std::size_t nodes_ = 0;
  std::vector<Frame> open_;  // from the outermost in
  Document root_;
  std::string problem_;
};

// "JSON: <problem> (at byte 17)".
[[nodiscard]] Error DocumentError(std::string_view format, std::string_view problem,
                                  std::size_t offset);
[[nodiscard]] Status CheckDocumentSize(std::string_view format, std::size_t size_bytes,
                                       const DocumentLimits& limits);

}  // namespace molt::types
