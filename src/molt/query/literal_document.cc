#include "molt/query/literal_document.h"

#include <cmath>
#include <limits>
#include <string>
#include <string_view>
#include <utility>

#include "molt/query/literal_text.h"
#include "molt/types/iso_text.h"
#include "molt/types/value_text.h"

namespace molt::query {

namespace {

using types::Document;
using types::LogicalType;
using types::TypeId;
using types::Value;

constexpr std::string_view kMixed = "mixed";  // instead of the type of a list's items
constexpr std::string_view kEmpty = "empty";  // instead of the bounds of a range

std::string Name(const LogicalType& type) { return std::string(types::TypeName(type)); }

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

// [months, days, microseconds]
Result<Value> ReadInterval(const Document& document) {
  const Document::Array* parts = document.AsArray();
  if (parts != nullptr && parts->size() == 3) {
    const auto months = (*parts)[0].AsInt64();
    const auto days = (*parts)[1].AsInt64();
    const auto micros = (*parts)[2].AsInt64();
    if (months && days && micros && std::in_range<std::int32_t>(*months) &&
        std::in_range<std::int32_t>(*days)) {
      return types::Interval{static_cast<std::int32_t>(*months), static_cast<std::int32_t>(*days),
                             *micros};
    }
  }
  return InvalidQuery("an interval is an array of its months, days and microseconds");
}

Result<Value> ReadInet(const Document& document) {
  if (const std::string* text = document.AsString()) return ReadLiteralText(TypeId::kInet, *text);
  const Document* network = document.Find("network");
  if (network != nullptr && network->AsString() != nullptr && document.AsMap()->size() == 1) {
    return ReadLiteralText(LogicalType::Network(), *network->AsString());
  }
  return InvalidQuery("an inet is a string, or a map with its \"network\"");
}

Result<LogicalType> ReadTypeName(const Document* name) {
  if (name == nullptr || name->AsString() == nullptr) return InvalidQuery("has no type");
  if (const auto type = types::TypeFromName(*name->AsString())) return *type;
  return InvalidQuery("has an unknown type");
}

Result<Value> ReadValue(const LogicalType& type, const Document& document, int depth);

Result<Value> ReadItem(const LogicalType& type, const Document& document, int depth) {
  if (document.IsNull()) return types::Null{};
  return ReadValue(type, document, depth);
}

// An item of a list whose items differ in type.
Result<Value> ReadTypedItem(const Document& document, int depth) {
  if (document.IsNull()) return types::Null{};
  const Document* value = document.Find("value");
  if (value == nullptr || document.AsMap()->size() != 2) {
    return InvalidQuery("an item of a mixed list is a map of its type and value");
  }
  auto type = ReadTypeName(document.Find("type"));
  if (!type) return InvalidQuery("an item " + type.error().message);
  return ReadValue(*type, *value, depth);
}

// ["int64", 1, null, 3], or ["mixed", {"type": "int64", "value": 1}, …]
Result<Value> ReadList(const Document& document, int depth) {
  const Document::Array* array = document.AsArray();
  if (array == nullptr || array->empty()) {
    return InvalidQuery("a list is an array of the type of its items, then the items");
  }
  if (depth > types::kListDepthMax) {
    return InvalidQuery("lists nest more than " + std::to_string(types::kListDepthMax) + " deep");
  }
  const std::string* name = array->front().AsString();
  const bool is_mixed = name != nullptr && *name == kMixed;
  LogicalType type;
  if (!is_mixed) {
    auto read = ReadTypeName(&array->front());
    if (!read) return InvalidQuery("the list " + read.error().message);
    type = *std::move(read);
  }
  types::ListItems items;
  items.values.reserve(array->size() - 1);
  for (std::size_t i = 1; i < array->size(); ++i) {
    MOLT_ASSIGN(Value item,
                is_mixed ? ReadTypedItem((*array)[i], depth) : ReadItem(type, (*array)[i], depth));
    items.values.push_back(std::move(item));
  }
  return types::List(std::move(items));
}

// {"type": "int64", "lower": 1, "upper": null, "bounds": "[)"}, or {"bounds": "empty"}
Result<Value> ReadRange(const Document& document) {
  const Document* found = document.Find("bounds");
  const std::string* bounds = found == nullptr ? nullptr : found->AsString();
  if (bounds == nullptr) return InvalidQuery("a range is a map with its \"bounds\"");
  if (*bounds == kEmpty && document.AsMap()->size() == 1) return types::Range();
  const Document* lower = document.Find("lower");
  const Document* upper = document.Find("upper");
  if (lower == nullptr || upper == nullptr || document.AsMap()->size() != 4) {
    return InvalidQuery("a range that is not empty has \"type\", \"lower\", \"upper\", \"bounds\"");
  }
  auto type = ReadTypeName(document.Find("type"));
  if (!type) return InvalidQuery("the range " + type.error().message);
  if (type->id == TypeId::kList || type->id == TypeId::kRange) {
    return InvalidQuery("a range has no lists or ranges as its bounds");
  }
  types::RangeBounds read;
  MOLT_ASSIGN(read.lower, ReadItem(*type, *lower, 0));
  MOLT_ASSIGN(read.upper, ReadItem(*type, *upper, 0));
  if (*bounds != "[)" && *bounds != "(]" && *bounds != "[]" && *bounds != "()") {
    return InvalidQuery("the bounds of a range are [), (], [] or ()");
  }
  read.lower_inclusive = bounds->front() == '[';
  read.upper_inclusive = bounds->back() == ']';
  const bool inclusive_nothing = (types::IsNull(read.lower) && read.lower_inclusive) ||
                                 (types::IsNull(read.upper) && read.upper_inclusive);
  if (inclusive_nothing) return InvalidQuery("a bound that is null is not inclusive");
  return types::Range(std::move(read));
}

Result<Value> ReadValue(const LogicalType& type, const Document& document, int depth) {
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
    case TypeId::kInt16:
    case TypeId::kInt32:
    case TypeId::kFloat32:
    case TypeId::kDecimal128:
      return InvalidQuery("a value is not of type " + Name(type) + " but of " +
                          Name(types::Coarse(type)));
    case TypeId::kBinary:
      return ReadBytes(document);
    case TypeId::kInterval:
      return ReadInterval(document);
    case TypeId::kInet:
      return ReadInet(document);
    case TypeId::kList:
      return ReadList(document, depth + 1);
    case TypeId::kRange:
      return ReadRange(document);
    default:
      if (const std::string* text = document.AsString()) return ReadLiteralText(type, *text);
      return wrong("a string");
  }
}

// The name of the type that all items have that are not null; "mixed" if they have several.
std::string_view NameOfItems(const types::List& list) {
  std::string_view name = types::TypeName(TypeId::kNull);
  bool any = false;
  for (const Value& item : list.items->values) {
    if (types::IsNull(item)) continue;
    const std::string_view own = types::TypeName(types::TypeOf(item));
    if (any && own != name) return kMixed;
    name = own;
    any = true;
  }
  return name;
}

Result<Document> WriteValue(const Value& value, int depth);

Result<Document> WriteList(const types::List& list, int depth) {
  if (depth > types::kListDepthMax) {
    return InvalidQuery("a list cannot be serialized: it nests more than " +
                        std::to_string(types::kListDepthMax) + " deep");
  }
  const std::string_view name = NameOfItems(list);
  Document::Array array;
  array.reserve(list.items->values.size() + 1);
  array.emplace_back(name);
  for (const Value& item : list.items->values) {
    MOLT_ASSIGN(Document written, WriteValue(item, depth));
    if (name == kMixed && !types::IsNull(item)) {
      Document::Map typed;
      typed.emplace_back("type", types::TypeName(types::TypeOf(item)));
      typed.emplace_back("value", std::move(written));
      written = Document(std::move(typed));
    }
    array.push_back(std::move(written));
  }
  return Document(std::move(array));
}

Result<Document> WriteRange(const types::Range& range) {
  const types::RangeBounds& bounds = *range.bounds;
  Document::Map map;
  if (!bounds.empty) {
    const LogicalType lower = types::TypeOf(bounds.lower);
    const LogicalType upper = types::TypeOf(bounds.upper);
    if (!types::IsNull(bounds.lower) && !types::IsNull(bounds.upper) && !(lower == upper)) {
      return InvalidQuery("a range with bounds of two types cannot be serialized");
    }
    map.emplace_back("type", types::TypeName(types::IsNull(bounds.lower) ? upper : lower));
    MOLT_ASSIGN(Document written, WriteValue(bounds.lower, 0));
    map.emplace_back("lower", std::move(written));
    MOLT_ASSIGN(written, WriteValue(bounds.upper, 0));
    map.emplace_back("upper", std::move(written));
  }
  const std::string text = {bounds.lower_inclusive ? '[' : '(', bounds.upper_inclusive ? ']' : ')'};
  map.emplace_back("bounds", bounds.empty ? Document(kEmpty) : Document(text));
  return Document(std::move(map));
}

Result<Document> WriteValue(const Value& value, int depth) {
  if (const auto* list = std::get_if<types::List>(&value)) return WriteList(*list, depth + 1);
  if (const auto* range = std::get_if<types::Range>(&value)) return WriteRange(*range);
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
    Document operator()(const types::Interval& v) const {
      return Document::Array{std::int64_t{v.months}, std::int64_t{v.days}, v.micros};
    }
    Document operator()(types::TimeTz v) const { return types::FormatTimeTz(v); }
    Document operator()(const types::Json& v) const { return v.text; }
    Document operator()(const types::Inet& v) const {
      if (!v.is_network) return v.text;
      return Document::Map{{"network", v.text}};
    }
    Document operator()(const types::Other& v) const { return v.text; }
    Document operator()(const types::List&) const { return {}; }  // written above
    Document operator()(const types::Range&) const { return {}; }
  };
  Document document = std::visit(Visitor{}, value);
  const LogicalType type = types::TypeOf(value);
  // Text has a grammar and a range; what does not read back as it was must not be written.
  if (document.AsString() != nullptr || type.id == TypeId::kInet) {
    if (type.id == TypeId::kFloat64) return document;
    const auto read = ReadValue(type, document, depth);
    if (!read || *read != value) {
      const std::string problem = read ? "it is out of range" : read.error().message;
      return InvalidQuery("a value of type " + Name(type) + " cannot be serialized: " + problem);
    }
  }
  return document;
}

}  // namespace

Result<Value> LiteralFromDocument(const LogicalType& type, const Document& document) {
  return ReadValue(type, document, 0);
}

Result<Document> LiteralToDocument(const Value& value) { return WriteValue(value, 0); }

std::size_t CountItems(const Value& value) {
  const auto* list = std::get_if<types::List>(&value);
  if (list == nullptr) return 0;
  std::size_t count = list->items->values.size();
  for (const Value& item : list->items->values) count += CountItems(item);
  return count;
}

}  // namespace molt::query
