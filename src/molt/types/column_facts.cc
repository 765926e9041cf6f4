#include "molt/types/column_facts.h"

#include <cstddef>
#include <string>
#include <string_view>
#include <variant>

#include "molt/types/utf8.h"

namespace molt::types {

namespace {

// Precondition: not mixed.
bool AllTextIsValid(const Column& column) {
  if (column.type.id == TypeId::kList) {
    return column.children.empty() || AllTextIsValid(column.children[0]);
  }
  if (!HasBytes(column.type.id) || column.type.id == TypeId::kBinary) return true;
  if (column.offsets.empty()) return true;
  const std::string_view all(reinterpret_cast<const char*>(column.data.data()), column.data.size());
  if (!IsValidUtf8(all)) return false;
  // The whole is valid: only a cell that begins within a character can still be invalid.
  const auto* offsets = column.offsets.As<std::int32_t>();
  for (std::int64_t row = 0; row < column.length; ++row) {
    const auto begin = static_cast<std::size_t>(offsets[row]);
    if (begin < all.size() && (static_cast<std::uint8_t>(all[begin]) & 0xC0) == 0x80) return false;
  }
  return true;
}

bool IsValid(const Value& value);

struct TextCheck {
  template <class T>
  bool operator()(const T&) const {
    return true;  // no text
  }
  bool operator()(const std::string& text) const { return IsValidUtf8(text); }
  bool operator()(const Decimal& decimal) const { return IsValidUtf8(decimal.text); }
  bool operator()(const Json& json) const { return IsValidUtf8(json.text); }
  bool operator()(const Inet& inet) const { return IsValidUtf8(inet.text); }
  bool operator()(const Other& other) const { return IsValidUtf8(other.text); }
  bool operator()(const List& list) const {
    for (const Value& item : list.items->values) {
      if (!IsValid(item)) return false;
    }
    return true;
  }
  bool operator()(const Range& range) const {
    return IsValid(range.bounds->lower) && IsValid(range.bounds->upper);
  }
};

bool IsValid(const Value& value) { return std::visit(TextCheck(), value); }

}  // namespace

bool WidensToFloat64(const Column& column) {
  if (!column.IsMixed()) return column.type.id == TypeId::kFloat64;
  bool any_double = false;
  for (const Value& value : column.mixed) {
    const TypeId id = TypeOf(value).id;
    if (id != TypeId::kFloat64 && id != TypeId::kInt64 && id != TypeId::kNull) return false;
    any_double |= id == TypeId::kFloat64;
  }
  return any_double;
}

std::optional<std::int64_t> FindInvalidText(const Column& column) {
  if (!column.IsMixed() && AllTextIsValid(column)) return std::nullopt;
  for (std::int64_t row = 0; row < column.length; ++row) {
    if (!IsValid(column.ValueAt(row))) return row;
  }
  return std::nullopt;
}

}  // namespace molt::types
