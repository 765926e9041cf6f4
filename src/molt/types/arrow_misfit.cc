#include "molt/types/arrow_misfit.h"

#include <utility>

#include "molt/types/arrow_type.h"
#include "molt/types/column_builder.h"
#include "molt/types/utf8.h"
#include "molt/types/value_text.h"

namespace molt::types {

namespace {

bool IsExactAsDouble(std::int64_t value) {
  return value >= -kMaxExactDouble && value <= kMaxExactDouble;
}

// The text of a value that is kept as text; nullptr of all others.
const std::string* TextOf(const Value& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return text;
  if (const auto* decimal = std::get_if<Decimal>(&value)) return &decimal->text;
  if (const auto* json = std::get_if<Json>(&value)) return &json->text;
  if (const auto* inet = std::get_if<Inet>(&value)) return &inet->text;
  if (const auto* other = std::get_if<Other>(&value)) return &other->text;
  return nullptr;
}

// Of a column that is not text, values that engines have and Arrow has not.
bool IsSpecial(const std::string& text) {
  return text == "infinity" || text == "-infinity" || text == "NaN" || text == "Infinity" ||
         text == "-Infinity";
}

std::optional<Misfit> MisfitOfItems(const List& list, const LogicalType& element) {
  for (const Value& item : list.items->values) {
    auto misfit = FindMisfit(item, element);
    if (!misfit) continue;
    if (element.id != TypeId::kList && std::holds_alternative<List>(item)) {
      return Misfit{"a list of lists"};
    }
    misfit->found = "a list with " + misfit->found;
    return misfit;
  }
  return std::nullopt;
}

Misfit MisfitOf(const Value& value, const LogicalType& type) {
  const LogicalType actual = TypeOf(value);
  const std::string* text = TextOf(value);
  if (text != nullptr && !HasBytes(type.id) && IsSpecial(*text)) return {*text, true};
  if (std::holds_alternative<std::int64_t>(value)) {
    if (type.id == TypeId::kFloat64) return {"an int64 too large for float64 to hold exactly"};
    if (type.id == TypeId::kInt16 || type.id == TypeId::kInt32) {
      return {"an int64 too large for " + std::string(TypeName(type))};
    }
  }
  if (actual.id == TypeId::kDecimal && type.id == TypeId::kDecimal128) {
    return {"a decimal that is not one of " + std::to_string(type.precision) + " digits, " +
                std::to_string(type.scale) + " of them after the point",
            true};
  }
  if (actual.id == TypeId::kInterval && type.id == TypeId::kInterval) {
    return {"an interval too long for nanoseconds", true};
  }
  if (actual.id == TypeId::kUtf8) return {"text"};
  return {std::string(TypeName(actual))};
}

bool Fits(const Value& value, const LogicalType& type) {
  if (type.id == TypeId::kRange) {
    const auto* range = std::get_if<Range>(&value);
    return range != nullptr && IsTextRange(*range);
  }
  if (type.id == TypeId::kFloat64) {
    if (const auto* integer = std::get_if<std::int64_t>(&value)) return IsExactAsDouble(*integer);
  }
  if (!HasArrowLayout(type)) return false;
  ColumnBuilder builder(type);
  builder.AppendValue(value);
  return !builder.IsMixed();
}

}  // namespace

std::optional<Misfit> FindMisfit(const Value& value, const LogicalType& type) {
  if (IsNull(value)) return std::nullopt;
  if (type.id == TypeId::kList) {
    if (const auto* list = std::get_if<List>(&value)) return MisfitOfItems(*list, type.element());
  }
  if (!Fits(value, type)) return MisfitOf(value, type);
  const std::string* text = TextOf(value);
  if (text != nullptr && !IsValidUtf8(*text)) return Misfit{"text that is not valid UTF-8"};
  return std::nullopt;
}

std::string DescribeMisfit(const Misfit& misfit, const Field& field, std::int64_t row) {
  std::string message = "column \"" + field.name + "\" holds " + misfit.found + " in row " +
                        std::to_string(row) + " (counting from 0), ";
  const std::string type(TypeName(field.type));
  if (misfit.is_beyond_arrow) {
    message += "which an Arrow column of type " + type +
               " cannot carry: cast the column to text in the query";
  } else if (misfit.found.ends_with("text that is not valid UTF-8")) {
    message += "which Arrow columns cannot carry: cast the column to binary in the query";
  } else {
    message += "but the column's type is " + type +
               "; Arrow columns have one type: cast the column in the query";
  }
  return message + ", or read it as rows";
}

Value Stored(Value value, const LogicalType& type) {
  if (const auto* integer = std::get_if<std::int64_t>(&value)) {
    if (type.id == TypeId::kFloat64) return static_cast<double>(*integer);
  } else if (const auto* range = std::get_if<Range>(&value)) {
    if (type.id == TypeId::kRange) return FormatRange(*range);
  } else if (const auto* list = std::get_if<List>(&value)) {
    if (!(StorageOf(type) == type) || !list->items->lower_bounds.empty()) {
      ListItems items;
      for (const Value& item : list->items->values) {
        items.values.push_back(Stored(item, type.element()));
      }
      return List(std::move(items));
    }
  }
  return value;
}

}  // namespace molt::types
