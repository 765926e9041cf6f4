#include <algorithm>
#include <cstdint>
#include <exception>
#include <string>
#include <string_view>
#include <utility>

#include <msgpack.hpp>

#include "molt/types/document.h"
#include "molt/types/document_builder.h"
#include "molt/types/msgpack_out.h"

namespace molt::types {

namespace {

// What msgpack-cxx calls while it reads; false stops it. Its own tree is never built, so nothing
// is allocated before it is checked here.
class MsgPackVisitor : public msgpack::null_visitor {
 public:
  MsgPackVisitor(DocumentBuilder& builder, std::size_t size_bytes)
      : builder_(builder), unpromised_bytes_(size_bytes) {}

  bool visit_nil() { return Value(Document()); }
  bool visit_boolean(bool value) { return Value(value); }
  bool visit_positive_integer(std::uint64_t value) { return Value(value); }
  bool visit_negative_integer(std::int64_t value) { return Value(value); }
  bool visit_float32(float value) { return Value(double{value}); }
  bool visit_float64(double value) { return Value(value); }
  bool visit_str(const char* text, std::uint32_t size) {
    const std::string_view view(size == 0 ? "" : text, size);
    return in_key_ ? builder_.Key(view) : builder_.AddString(view);
  }
  bool visit_bin(const char* bytes, std::uint32_t size) {
    return Value(Bytes{size == 0 ? std::string() : std::string(bytes, size)});
  }
  bool visit_ext(const char*, std::uint32_t) { return builder_.Refuse("an extension type"); }

  bool start_array(std::uint32_t count) {
    return CheckNotKey() && Promise(count) && builder_.BeginArray();
  }
  bool end_array() { return builder_.End(); }
  bool start_map(std::uint32_t count) {
    return CheckNotKey() && Promise(std::uint64_t{count} * 2) && builder_.BeginMap();
  }
  bool end_map() { return builder_.End(); }
  bool start_map_key() {
    in_key_ = true;
    return true;
  }
  bool end_map_key() {
    in_key_ = false;
    return true;
  }

  void parse_error(std::size_t, std::size_t offset) { Stop("a byte that begins no value", offset); }
  void insufficient_bytes(std::size_t, std::size_t offset) {
    Stop("the end comes too early", offset);
  }
  [[nodiscard]] std::size_t error_offset() const { return error_offset_; }

 private:
  bool CheckNotKey() { return !in_key_ || builder_.Refuse("a map key that is not a string"); }
  bool Value(Document value) { return CheckNotKey() && builder_.Add(std::move(value)); }

  // A count promises as many keys and values to come, and each takes a byte at least. All that is
  // promised must fit the input, or a few bytes could announce billions.
  bool Promise(std::uint64_t count) {
    if (count > unpromised_bytes_) return builder_.Refuse("a count larger than what follows");
    unpromised_bytes_ -= count;
    return true;
  }

  void Stop(const char* problem, std::size_t offset) {
    builder_.Refuse(problem);
    error_offset_ = offset;
  }

  DocumentBuilder& builder_;
  std::uint64_t unpromised_bytes_;
  std::size_t error_offset_ = 0;
  bool in_key_ = false;
};

void Pack(const Document& document, MsgPackOut& out) {
  struct Visitor {
    MsgPackOut& to;
    void operator()(std::monostate) const { to.Nil(); }
    void operator()(bool value) const { to.Bool(value); }
    void operator()(std::int64_t value) const { to.Int(value); }
    void operator()(std::uint64_t value) const { to.Uint(value); }
    void operator()(double value) const { to.Double(value); }
    void operator()(const std::string& text) const { to.String(text); }
    void operator()(const Bytes& bytes) const { to.Binary(bytes.data); }
    void operator()(const Document::Array& array) const {
      to.Array(array.size());
      for (const Document& item : array) Pack(item, to);
    }
    void operator()(const Document::Map& map) const {
      to.Map(map.size());
      for (const auto& [key, value] : map) {
        to.String(key);
        Pack(value, to);
      }
    }
  };
  std::visit(Visitor{out}, document.data());
}

}  // namespace

Result<Document> ParseMsgPack(std::string_view bytes, const DocumentLimits& limits,
                              Document* so_far) {
  MOLT_RETURN_IF_ERROR(CheckDocumentSize("MsgPack", bytes.size(), limits));
  try {
    DocumentBuilder builder(limits);
    MsgPackVisitor visitor(builder, bytes.size());
    std::size_t offset = 0;
    const bool parsed = msgpack::parse(bytes.data(), bytes.size(), offset, visitor);
    if (!builder.problem().empty() || !parsed) {
      if (so_far != nullptr) *so_far = builder.TakeSoFar();
      return Fail(
          DocumentError("MsgPack", builder.problem(), std::max(offset, visitor.error_offset())));
    }
    if (offset != bytes.size()) {
      if (so_far != nullptr) *so_far = builder.TakeSoFar();
      return Fail(DocumentError("MsgPack", "bytes after the document", offset));
    }
    return builder.Take();
  } catch (const std::exception& error) {
    return InvalidQuery(std::string("MsgPack: ") + error.what());
  }
}

std::string ToMsgPack(const Document& document) {
  std::string bytes;
  MsgPackOut out(bytes);
  Pack(document, out);
  return bytes;
}

}  // namespace molt::types
