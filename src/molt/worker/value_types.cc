#include "molt/worker/value_types.h"

#include <array>
#include <string>
#include <utility>

#include "molt/query/literal_document.h"

namespace molt::worker {

namespace {

using types::Document;
using types::LogicalType;
using types::TypeId;
using types::Value;

constexpr std::array<std::pair<std::string_view, TypeId>, 22> kOtherNames = {{
    {"i64", TypeId::kInt64},      {"int", TypeId::kInt64},       {"integer", TypeId::kInt64},
    {"bigint", TypeId::kInt64},   {"int8", TypeId::kInt64},      {"smallint", TypeId::kInt64},
    {"i32", TypeId::kInt64},      {"f64", TypeId::kFloat64},     {"float", TypeId::kFloat64},
    {"double", TypeId::kFloat64}, {"real", TypeId::kFloat64},    {"text", TypeId::kUtf8},
    {"str", TypeId::kUtf8},       {"string", TypeId::kUtf8},     {"varchar", TypeId::kUtf8},
    {"bytes", TypeId::kBinary},   {"blob", TypeId::kBinary},     {"bytea", TypeId::kBinary},
    {"boolean", TypeId::kBool},   {"numeric", TypeId::kDecimal}, {"datetime", TypeId::kTimestamp},
    {"jsonb", TypeId::kJson},
}};

}  // namespace

std::optional<LogicalType> ValueType(std::string_view name) {
  if (auto own = types::TypeFromName(name)) {
    if (own->id == TypeId::kUnknown || own->id == TypeId::kNull) return std::nullopt;
    switch (own->id) {
      case TypeId::kInt16:
      case TypeId::kInt32:
      case TypeId::kFloat32:
      case TypeId::kDecimal128:
        return types::Coarse(*own);
      default:
        return own;
    }
  }
  for (const auto& [other, id] : kOtherNames) {
    if (other == name) return LogicalType(id);
  }
  return std::nullopt;
}

Result<Value> ValueOfType(const LogicalType& type, const Document& document) {
  if (document.IsNull()) return types::Null{};
  // A list of values of one kind, as clients write it; the serialized IR names the kind as well.
  if (type.id == TypeId::kList && document.AsArray() != nullptr) {
    types::ListItems items;
    for (const Document& item : *document.AsArray()) {
      if (item.IsNull()) {
        items.values.emplace_back(types::Null{});
        continue;
      }
      MOLT_ASSIGN(Value value,
                  item.AsArray() == nullptr ? PlainValue(item) : ValueOfType(type, item));
      items.values.push_back(std::move(value));
    }
    return types::List(std::move(items));
  }
  return query::LiteralFromDocument(type, document);
}

Result<Value> PlainValue(const Document& document) {
  if (const auto flag = document.AsBool()) return *flag;
  if (const auto integer = document.AsInt64()) return *integer;
  if (document.AsUint64()) return InvalidQuery("is an integer too large for 64 bits with a sign");
  if (const auto number = document.AsDouble()) return *number;
  if (const std::string* text = document.AsString()) return *text;
  if (const types::Bytes* bytes = document.AsBytes()) return *bytes;
  return InvalidQuery("is " + std::string(document.KindName()) +
                      ", not a bool, an integer, a float, a string or bytes");
}

}  // namespace molt::worker
