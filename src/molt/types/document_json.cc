#include <charconv>
#include <cmath>
#include <exception>

#include <rapidjson/error/en.h>
#include <rapidjson/memorystream.h>
#include <rapidjson/reader.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include "molt/types/document.h"
#include "molt/types/document_builder.h"
#include "molt/types/iso_text.h"
#include "molt/types/utf8.h"

namespace molt::types {

namespace {

// What rapidjson calls while it reads; false stops it.
class JsonHandler {
 public:
  explicit JsonHandler(DocumentBuilder& builder) : builder_(builder) {}

  bool Null() { return builder_.Add(Document()); }
  bool Bool(bool value) { return builder_.Add(value); }
  bool String(const char* text, rapidjson::SizeType size, bool) {
    return builder_.AddString({text, size});
  }
  bool Key(const char* text, rapidjson::SizeType size, bool) { return builder_.Key({text, size}); }
  bool StartObject() { return builder_.BeginMap(); }
  bool EndObject(rapidjson::SizeType) { return builder_.End(); }
  bool StartArray() { return builder_.BeginArray(); }
  bool EndArray(rapidjson::SizeType) { return builder_.End(); }

  // Numbers come as text: rapidjson alone would round an integer of more than 64 bits to a double.
  bool RawNumber(const char* text, rapidjson::SizeType size, bool) {
    const char* end = text + size;
    if (std::string_view(text, size).find_first_of(".eE") != std::string_view::npos) {
      double value = 0;
      if (std::from_chars(text, end, value).ec == std::errc()) return builder_.Add(value);
      return builder_.Refuse("a number outside the range of a double");
    }
    std::int64_t value = 0;
    if (std::from_chars(text, end, value).ec == std::errc()) return builder_.Add(value);
    std::uint64_t large = 0;
    if (*text != '-' && std::from_chars(text, end, large).ec == std::errc()) {
      return builder_.Add(large);
    }
    return builder_.Refuse("an integer of more than 64 bits");
  }

  // Never called, see RawNumber.
  bool Int(int) { return false; }
  bool Uint(unsigned) { return false; }
  bool Int64(std::int64_t) { return false; }
  bool Uint64(std::uint64_t) { return false; }
  bool Double(double) { return false; }

 private:
  DocumentBuilder& builder_;
};

using JsonWriter = rapidjson::Writer<rapidjson::StringBuffer>;

void Write(const Document& document, JsonWriter& writer) {
  const auto size = [](const std::string& text) {
    return static_cast<rapidjson::SizeType>(text.size());
  };
  struct Visitor {
    JsonWriter& out;
    decltype(size)& size_of;
    void operator()(std::monostate) const { out.Null(); }
    void operator()(bool value) const { out.Bool(value); }
    void operator()(std::int64_t value) const { out.Int64(value); }
    void operator()(std::uint64_t value) const { out.Uint64(value); }
    void operator()(double value) const {
      if (std::isfinite(value)) {
        out.Double(value);
      } else {
        out.Null();
      }
    }
    void operator()(const std::string& text) const { out.String(text.data(), size_of(text)); }
    void operator()(const Bytes& bytes) const {
      const std::string text = EncodeBase64(bytes.data);
      out.String(text.data(), size_of(text));
    }
    void operator()(const Document::Array& array) const {
      out.StartArray();
      for (const Document& item : array) Write(item, out);
      out.EndArray();
    }
    void operator()(const Document::Map& map) const {
      out.StartObject();
      for (const auto& [key, value] : map) {
        out.Key(key.data(), size_of(key));
        Write(value, out);
      }
      out.EndObject();
    }
  };
  std::visit(Visitor{writer, size}, document.data());
}

}  // namespace

Result<Document> ParseJson(std::string_view text, const DocumentLimits& limits, Document* so_far) {
  MOLT_RETURN_IF_ERROR(CheckDocumentSize("JSON", text.size(), limits));
  if (const std::size_t valid = ValidUtf8Prefix(text); valid != text.size()) {
    return Fail(DocumentError("JSON", "text that is not valid UTF-8", valid));
  }
  try {
    DocumentBuilder builder(limits);
    JsonHandler handler(builder);
    rapidjson::Reader reader;
    rapidjson::MemoryStream stream(text.data(), text.size());
    constexpr unsigned kFlags =
        rapidjson::kParseIterativeFlag | rapidjson::kParseNumbersAsStringsFlag;
    const rapidjson::ParseResult result = reader.Parse<kFlags>(stream, handler);
    if (result.IsError()) {
      if (so_far != nullptr) *so_far = builder.TakeSoFar();
      const std::string problem = builder.problem().empty()
                                      ? std::string(rapidjson::GetParseError_En(result.Code()))
                                      : builder.problem();
      return Fail(DocumentError("JSON", problem, result.Offset()));
    }
    // rapidjson takes a zero byte for the end.
    if (stream.Tell() != text.size()) {
      return Fail(DocumentError("JSON", "a zero byte after the document", stream.Tell()));
    }
    return builder.Take();
  } catch (const std::exception& error) {
    return Internal(std::string("JSON could not be read: ") + error.what());
  }
}

std::string ToJson(const Document& document) {
  rapidjson::StringBuffer buffer;
  JsonWriter writer(buffer);
  Write(document, writer);
  return {buffer.GetString(), buffer.GetSize()};
}

}  // namespace molt::types
