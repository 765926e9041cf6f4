#include "molt/query/literal_document.h"

#include <cmath>
#include <limits>
#include <string>
#include <string_view>
#include <utility>

#include "molt/types/iso_text.h"
#include "molt/types/utf8.h"

namespace molt::query {

namespace {

using types::Document;
using types::LogicalType;
using types::TypeId;
using types::Value;

std::string Name(LogicalType type) { return std::string(types::TypeName(type)); }

std::string_view TakeDigits(std::string_view& text) {
  std::size_t count = 0;
  while (count < text.size() && text[count] >= '0' && text[count] <= '9') ++count;
  const std::string_view digits = text.substr(0, count);
  text.remove_prefix(count);
  return digits;
}

// [-]digits[.digits][E±digits], NaN, Infinity or -Infinity, as types::Decimal holds them.
bool IsDecimal(std::string_view text) {
  if (text == "NaN" || text == "Infinity" || text == "-Infinity") return true;
  if (text.starts_with('-')) text.remove_prefix(1);
  if (TakeDigits(text).empty()) return false;
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    if (TakeDigits(text).empty()) return false;
  }
  if (text.empty()) return true;
  if (!text.starts_with("E+") && !text.starts_with("E-")) return false;
  text.remove_prefix(2);
  return !TakeDigits(text).empty() && text.empty();
}

// JSON has no such numbers; MsgPack could, but carries the same tree.
std::string_view NonFiniteName(double value) {
  if (std::isnan(value)) return "NaN";
  return value > 0 ? "Infinity" : "-Infinity";
}

Result<double> ReadDouble(const Document& document) {
  if (const auto number = document.AsDouble()) return *number;
  if (const std::string* text = document.AsString()) {
    if (*text == "NaN") return std::numeric_limits<double>::quiet_NaN();
    if (*text == "Infinity") return std::numeric_limits<double>::infinity();
    if (*text == "-Infinity") return -std::numeric_limits<double>::infinity();
    return InvalidQuery("a float64 is a number, \"NaN\", \"Infinity\" or \"-Infinity\"");
  }
  return InvalidQuery("a float64 is a number, got " + std::string(document.KindName()));
}

Result<Value> ReadBytes(const Document& document) {
  if (const types::Bytes* bytes = document.AsBytes()) return *bytes;
  if (const std::string* text = document.AsString()) {
    if (auto bytes = types::DecodeBase64(*text)) return types::Bytes{*std::move(bytes)};
    return InvalidQuery("binary as text must be base64, padded");
  }
  return InvalidQuery("binary is bytes or base64 text, got " + std::string(document.KindName()));
}

// The types whose values are text in the document.
Result<Value> ReadText(LogicalType type, const std::string& text) {
  switch (type.id) {
    case TypeId::kUtf8:
      if (types::IsValidUtf8(text)) return text;
      return InvalidQuery("the text is not UTF-8");
    case TypeId::kDate:
      if (const auto date = types::ParseDate(text)) return *date;
      return InvalidQuery("a date is written 2024-02-29, in the years 0001 to 9999");
    case TypeId::kTime:
      if (const auto time = types::ParseTime(text)) return *time;
      return InvalidQuery("a time is written 10:34:56 or 10:34:56.123456");
    case TypeId::kTimestamp:
    case TypeId::kTimestampTz: {
      const bool utc = type.id == TypeId::kTimestampTz;
      const auto timestamp = types::ParseTimestamp(text);
      if (timestamp && timestamp->utc == utc) return *timestamp;
      return InvalidQuery(utc ? "a timestamptz is written 2024-02-29T10:34:56+00:00, with its zone"
                              : "a timestamp is written 2024-02-29T10:34:56, without a zone");
    }
    case TypeId::kDecimal:
      if (IsDecimal(text)) return types::Decimal{text};
      return InvalidQuery("a decimal is written -12.50 or 1E+20, or NaN, Infinity, -Infinity");
    case TypeId::kUuid:
      if (const auto uuid = types::ParseUuid(text)) return *uuid;
      return InvalidQuery("a uuid is 32 hexadecimal digits, with or without hyphens");
    default:
      return Internal("no text type: " + Name(type));
  }
}

}  // namespace

Result<Value> LiteralFromDocument(LogicalType type, const Document& document) {
  const auto wrong = [&](std::string_view expected) {
    return InvalidQuery("a value of type " + Name(type) + " is " + std::string(expected) +
                        ", got " + std::string(document.KindName()));
  };
  switch (type.id) {
    case TypeId::kUnknown:
      return InvalidQuery("a value must have a type");
    case TypeId::kNull:
      if (document.IsNull()) return types::Null{};
      return wrong("null");
    case TypeId::kBool:
      if (const auto value = document.AsBool()) return *value;
      return wrong("true or false");
    case TypeId::kInt64:
      if (const auto value = document.AsInt64()) return *value;
      if (document.AsUint64()) return InvalidQuery("the integer is too large for int64");
      return wrong("an integer");
    case TypeId::kFloat64: {
      MOLT_ASSIGN(const double value, ReadDouble(document));
      return value;
    }
    case TypeId::kBinary:
      return ReadBytes(document);
    default:
      if (const std::string* text = document.AsString()) return ReadText(type, *text);
      return wrong("a string");
  }
}

Result<Document> LiteralToDocument(const Value& value) {
  struct Visitor {
    Document operator()(types::Null) const { return {}; }
    Document operator()(bool v) const { return v; }
    Document operator()(std::int64_t v) const { return v; }
    Document operator()(double v) const {
      return std::isfinite(v) ? Document(v) : Document(NonFiniteName(v));
    }
    Document operator()(const std::string& v) const { return v; }
    Document operator()(const types::Bytes& v) const { return v; }
    Document operator()(types::Date v) const { return types::FormatDate(v); }
    Document operator()(types::Time v) const { return types::FormatTime(v); }
    Document operator()(types::Timestamp v) const { return types::FormatTimestamp(v, 'T'); }
    Document operator()(const types::Decimal& v) const { return v.text; }
    Document operator()(const types::Uuid& v) const { return types::FormatUuid(v); }
  };
  Document document = std::visit(Visitor{}, value);
  const LogicalType type = types::TypeOf(value);
  // Text has a grammar and a range; what does not read back as it was must not be written.
  const std::string* text = document.AsString();
  if (text != nullptr && type.id != TypeId::kFloat64) {
    const auto read = ReadText(type, *text);
    if (!read || *read != value) {
      const std::string problem = read ? "it is out of range" : read.error().message;
      return InvalidQuery("a value of type " + Name(type) + " cannot be serialized: " + problem);
    }
  }
  return document;
}

}  // namespace molt::query
