// Strict reading of the maps in a document, with errors that tell the path. Used by the reader of
// the serialized IR alone.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <string>
#include <string_view>

#include "molt/base/status.h"
#include "molt/types/document.h"

namespace molt::query {

// Where the reader is; lives on its stack and becomes text only for an error.
struct Path {
  const Path* parent = nullptr;
  std::string_view key;  // empty: an element of an array
  std::size_t index = 0;

  // `query.where[1].args[0]`; empty for the document itself.
  [[nodiscard]] std::string Text() const;
};

// InvalidQuery("<path>: <problem>").
[[nodiscard]] tl::unexpected<Error> At(const Path& path, std::string_view problem);
[[nodiscard]] tl::unexpected<Error> WrongKind(const Path& path, std::string_view expected,
                                              const types::Document& got);
// A name from the peer, quoted and short enough to show.
[[nodiscard]] std::string Shown(std::string_view name);

// A map all of whose keys are known. Borrows the document and the path.
class Fields {
 public:
  static Result<Fields> Of(const types::Document& document, const Path& path,
                           std::initializer_list<std::string_view> known);

  [[nodiscard]] const types::Document* Find(std::string_view key) const {
    return document_.Find(key);
  }
  [[nodiscard]] Path Sub(std::string_view key) const { return {&path_, key}; }

  [[nodiscard]] Result<const types::Document*> Need(std::string_view key) const;
  [[nodiscard]] Result<std::string> NeedString(std::string_view key) const;
  // Empty when the key is absent; likewise the arrays.
  [[nodiscard]] Result<std::string> String(std::string_view key) const;
  [[nodiscard]] Result<bool> Bool(std::string_view key, bool otherwise) const;
  [[nodiscard]] Result<const types::Document::Array*> Array(std::string_view key) const;
  // At most kIrListMax elements: binding compares the elements of clauses with each other.
  [[nodiscard]] Result<const types::Document::Array*> ShortArray(std::string_view key) const;

 private:
  Fields(const types::Document& document, const Path& path) : document_(document), path_(path) {}
  const types::Document& document_;
  const Path& path_;
};

}  // namespace molt::query
