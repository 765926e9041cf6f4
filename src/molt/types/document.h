// A small generic tree for what peers send as JSON or MsgPack: serialized queries, envelopes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "molt/base/status.h"
#include "molt/types/value.h"

namespace molt::types {

class Document {
 public:
  using Array = std::vector<Document>;
  // In the order they came; keys are unique in what was parsed.
  using Map = std::vector<std::pair<std::string, Document>>;
  // uint64 only above the range of int64.
  using Data = std::variant<std::monostate, bool, std::int64_t, std::uint64_t, double, std::string,
                            Bytes, Array, Map>;

  // NOLINTBEGIN(google-explicit-constructor): a value is a document.
  Document() = default;  // null
  Document(bool value) : data_(value) {}
  Document(int value) : data_(std::int64_t{value}) {}
  Document(std::int64_t value) : data_(value) {}
  Document(std::uint64_t value);
  Document(double value) : data_(value) {}
  Document(const char* value) : data_(std::string(value)) {}
  Document(std::string_view value) : data_(std::string(value)) {}
  Document(std::string value) : data_(std::move(value)) {}
  Document(Bytes value) : data_(std::move(value)) {}
  Document(Array value) : data_(std::move(value)) {}
  Document(Map value) : data_(std::move(value)) {}
  template <class T>
  Document(T*) = delete;  // or any pointer would be a bool
  // NOLINTEND(google-explicit-constructor)

  [[nodiscard]] const Data& data() const { return data_; }
  [[nodiscard]] bool IsNull() const { return std::holds_alternative<std::monostate>(data_); }
  // "null", "bool", "integer", "number", "string", "bytes", "array", "map": for errors.
  [[nodiscard]] std::string_view KindName() const;

  // The content if it is of that kind, else nothing. Pointers are valid while the document lives.
  [[nodiscard]] std::optional<bool> AsBool() const;
  [[nodiscard]] std::optional<std::int64_t> AsInt64() const;
  [[nodiscard]] std::optional<std::uint64_t> AsUint64() const;  // any integer that is not negative
  [[nodiscard]] std::optional<double> AsDouble() const;         // also an integer, rounded
  [[nodiscard]] const std::string* AsString() const { return std::get_if<std::string>(&data_); }
  [[nodiscard]] const Bytes* AsBytes() const { return std::get_if<Bytes>(&data_); }
  [[nodiscard]] const Array* AsArray() const { return std::get_if<Array>(&data_); }
  [[nodiscard]] const Map* AsMap() const { return std::get_if<Map>(&data_); }
  [[nodiscard]] Bytes* AsBytes() { return std::get_if<Bytes>(&data_); }
  [[nodiscard]] Array* AsArray() { return std::get_if<Array>(&data_); }
  [[nodiscard]] Map* AsMap() { return std::get_if<Map>(&data_); }
  // The value under a key of a map; nullptr if there is none or this is no map.
  [[nodiscard]] const Document* Find(std::string_view key) const;

  // An integer differs from a double of the same value.
  friend bool operator==(const Document& a, const Document& b) { return a.data_ == b.data_; }

 private:
  Data data_;
};

// What a peer may make this process hold. The defaults suit a query.
struct DocumentLimits {
  std::size_t depth_max = 64;  // arrays and maps within each other; 256 at most
  std::size_t size_bytes_max = std::size_t{16} << 20;
  std::size_t nodes_max = 1'000'000;  // values of any kind, keys not counted
};

// All of `text` must be one document. Refused: what exceeds the limits, a key that repeats within
// a map, text that is not UTF-8, bytes that follow. Errors (InvalidQuery) tell the byte offset.
// `so_far`, if given, gets the part of a refused document's outermost map that was read, in which a
// key may repeat.
[[nodiscard]] Result<Document> ParseJson(std::string_view text, const DocumentLimits& limits = {},
                                         Document* so_far = nullptr);
// Also refused: extension types and keys that are not strings.
[[nodiscard]] Result<Document> ParseMsgPack(std::string_view bytes,
                                            const DocumentLimits& limits = {},
                                            Document* so_far = nullptr);

// JSON has no bytes and no NaN or infinity: bytes become a base64 string, the others null.
[[nodiscard]] std::string ToJson(const Document& document);
// Integers and lengths take their shortest form; doubles stay doubles.
[[nodiscard]] std::string ToMsgPack(const Document& document);

}  // namespace molt::types
