#include <algorithm>
#include <bit>
#include <cstdint>
#include <exception>
#include <string>
#include <string_view>
#include <utility>

#include <msgpack.hpp>

#include "molt/types/document.h"
#include "molt/types/document_builder.h"

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

struct StringSink {
  std::string bytes;
  void write(const char* data, std::size_t size) { bytes.append(data, size); }
};
using Packer = msgpack::packer<StringSink>;

// Not msgpack-cxx's own pack_double: it turns 1.0 into the integer 1.
void PackDouble(double value, StringSink& sink) {
  const auto bits = std::bit_cast<std::uint64_t>(value);
  char bytes[9] = {'\xCB'};
  for (int i = 0; i < 8; ++i) bytes[1 + i] = static_cast<char>(bits >> (56 - 8 * i) & 0xFF);
  sink.write(bytes, sizeof(bytes));
}

void PackString(std::string_view text, Packer& packer) {
  const auto size = static_cast<std::uint32_t>(text.size());
  packer.pack_str(size).pack_str_body(text.data(), size);
}

void Pack(const Document& document, Packer& packer, StringSink& sink) {
  struct Visitor {
    Packer& out;
    StringSink& bytes_out;
    void operator()(std::monostate) const { out.pack_nil(); }
    void operator()(bool value) const { value ? out.pack_true() : out.pack_false(); }
    void operator()(std::int64_t value) const { out.pack_int64(value); }
    void operator()(std::uint64_t value) const { out.pack_uint64(value); }
    void operator()(double value) const { PackDouble(value, bytes_out); }
    void operator()(const std::string& text) const { PackString(text, out); }
    void operator()(const Bytes& bytes) const {
      const auto size = static_cast<std::uint32_t>(bytes.data.size());
      out.pack_bin(size).pack_bin_body(bytes.data.data(), size);
    }
    void operator()(const Document::Array& array) const {
      out.pack_array(static_cast<std::uint32_t>(array.size()));
      for (const Document& item : array) Pack(item, out, bytes_out);
    }
    void operator()(const Document::Map& map) const {
      out.pack_map(static_cast<std::uint32_t>(map.size()));
      for (const auto& [key, value] : map) {
        PackString(key, out);
        Pack(value, out, bytes_out);
      }
    }
  };
  std::visit(Visitor{packer, sink}, document.data());
}

}  // namespace

Result<Document> ParseMsgPack(std::string_view bytes, const DocumentLimits& limits) {
  MOLT_RETURN_IF_ERROR(CheckDocumentSize("MsgPack", bytes.size(), limits));
  try {
    DocumentBuilder builder(limits);
    MsgPackVisitor visitor(builder, bytes.size());
    std::size_t offset = 0;
    const bool parsed = msgpack::parse(bytes.data(), bytes.size(), offset, visitor);
    if (!builder.problem().empty() || !parsed) {
      return Fail(
          DocumentError("MsgPack", builder.problem(), std::max(offset, visitor.error_offset())));
    }
    if (offset != bytes.size()) {
      return Fail(DocumentError("MsgPack", "bytes after the document", offset));
    }
    return builder.Take();
  } catch (const std::exception& error) {
    return InvalidQuery(std::string("MsgPack: ") + error.what());
  }
}

std::string ToMsgPack(const Document& document) {
  StringSink sink;
  Packer packer(sink);
  Pack(document, packer, sink);
  return std::move(sink.bytes);
}

}  // namespace molt::types
