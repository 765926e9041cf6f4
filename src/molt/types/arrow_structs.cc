#include "molt/types/arrow_structs.h"

#include <cerrno>
#include <string>
#include <string_view>
#include <variant>

#include "molt/types/arrow_type.h"
#include "molt/types/decimal128.h"
#include "molt/types/value_text.h"
#include "nanoarrow/nanoarrow.hpp"

namespace molt::types {

namespace {

// A child of a struct: its own type, or a struct again.
int SetChild(const char* name, const LogicalType& type, ArrowSchema* out) {
  if (!IsStructured(type)) {
    nanoarrow::UniqueSchema fields;
    const Schema schema = {{name, type, true}};
    NANOARROW_RETURN_NOT_OK(ExportSchema(schema, fields.get()));
    ArrowSchemaMove(fields->children[0], out);
    return NANOARROW_OK;
  }
  ArrowSchemaInit(out);
  NANOARROW_RETURN_NOT_OK(ArrowSchemaSetName(out, name));
  return ExportStructuredType(type, out);
}

int SetList(const char* name, const LogicalType& item, ArrowSchema* out) {
  ArrowSchemaInit(out);
  NANOARROW_RETURN_NOT_OK(ArrowSchemaSetName(out, name));
  NANOARROW_RETURN_NOT_OK(ArrowSchemaSetFormat(out, "+l"));
  NANOARROW_RETURN_NOT_OK(ArrowSchemaAllocateChildren(out, 1));
  return SetChild("item", item, out->children[0]);
}

int SetBound(const char* name, const LogicalType& value, ArrowSchema* out) {
  ArrowSchemaInit(out);
  NANOARROW_RETURN_NOT_OK(ArrowSchemaSetName(out, name));
  NANOARROW_RETURN_NOT_OK(ArrowSchemaSetFormat(out, "+s"));
  NANOARROW_RETURN_NOT_OK(ArrowSchemaAllocateChildren(out, 2));
  NANOARROW_RETURN_NOT_OK(SetChild("value", value, out->children[0]));
  return SetChild("inclusive", TypeId::kBool, out->children[1]);
}

ArrowStringView View(std::string_view text) {
  return {text.data(), static_cast<std::int64_t>(text.size())};
}

int Append(ArrowArray* array, const Value& value, const LogicalType& type);

struct Appender {
  ArrowArray* array;
  const LogicalType& type;

  int operator()(Null) const { return ArrowArrayAppendNull(array, 1); }
  int operator()(bool value) const { return ArrowArrayAppendInt(array, value ? 1 : 0); }
  int operator()(std::int64_t value) const {
    if (type.id == TypeId::kFloat64) {
      return ArrowArrayAppendDouble(array, static_cast<double>(value));
    }
    return ArrowArrayAppendInt(array, value);
  }
  int operator()(double value) const { return ArrowArrayAppendDouble(array, value); }
  int operator()(const std::string& text) const { return AppendText(text); }
  int operator()(const Bytes& bytes) const {
    return AppendBytes(bytes.data.data(), bytes.data.size());
  }
  int operator()(Date date) const { return ArrowArrayAppendInt(array, date.days); }
  int operator()(Time time) const { return ArrowArrayAppendInt(array, time.micros); }
  int operator()(Timestamp timestamp) const { return ArrowArrayAppendInt(array, timestamp.micros); }
  int operator()(const Decimal& decimal) const {
    if (type.id != TypeId::kDecimal128) return AppendText(decimal.text);
    const auto number = ParseDecimal128(decimal.text, type.precision, type.scale);
    if (!number) return EINVAL;
    ArrowDecimal out{};
    ArrowDecimalInit(&out, 128, type.precision, type.scale);
    ArrowDecimalSetBytes(&out, reinterpret_cast<const std::uint8_t*>(&*number));
    return ArrowArrayAppendDecimal(array, &out);
  }
  int operator()(const Uuid& uuid) const {
    return AppendBytes(uuid.bytes.data(), uuid.bytes.size());
  }
  int operator()(const Interval& interval) const {
    NANOARROW_RETURN_NOT_OK(ArrowArrayAppendInt(array->children[0], interval.months));
    NANOARROW_RETURN_NOT_OK(ArrowArrayAppendInt(array->children[1], interval.days));
    NANOARROW_RETURN_NOT_OK(ArrowArrayAppendInt(array->children[2], interval.micros));
    return ArrowArrayFinishElement(array);
  }
  int operator()(TimeTz time) const { return AppendText(FormatTimeTz(time)); }
  int operator()(const Json& json) const { return AppendText(json.text); }
  int operator()(const Inet& inet) const { return AppendText(inet.text); }
  int operator()(const Other& other) const { return AppendText(other.text); }
  int operator()(const List& list) const {
    ArrowArray* lower_bounds = array->children[0];
    ArrowArray* values = array->children[1];
    const ListItems& items = *list.items;
    for (const std::int32_t bound : items.lower_bounds) {
      NANOARROW_RETURN_NOT_OK(ArrowArrayAppendInt(lower_bounds->children[0], bound));
    }
    // An array of no items has no dimensions, and so no bounds.
    if (items.lower_bounds.empty() && !items.values.empty()) {
      NANOARROW_RETURN_NOT_OK(ArrowArrayAppendInt(lower_bounds->children[0], 1));
    }
    NANOARROW_RETURN_NOT_OK(ArrowArrayFinishElement(lower_bounds));
    for (const Value& item : items.values) {
      NANOARROW_RETURN_NOT_OK(Append(values->children[0], item, type.element()));
    }
    NANOARROW_RETURN_NOT_OK(ArrowArrayFinishElement(values));
    return ArrowArrayFinishElement(array);
  }
  int operator()(const Range& range) const {
    const RangeBounds& bounds = *range.bounds;
    NANOARROW_RETURN_NOT_OK(ArrowArrayAppendInt(array->children[0], bounds.empty ? 1 : 0));
    NANOARROW_RETURN_NOT_OK(AppendBound(array->children[1], bounds.lower, bounds.lower_inclusive));
    NANOARROW_RETURN_NOT_OK(AppendBound(array->children[2], bounds.upper, bounds.upper_inclusive));
    return ArrowArrayFinishElement(array);
  }

 private:
  int AppendText(std::string_view text) const { return ArrowArrayAppendString(array, View(text)); }
  int AppendBytes(const void* bytes, std::size_t size) const {
    ArrowBufferView view{};
    view.data.data = bytes;
    view.size_bytes = static_cast<std::int64_t>(size);
    return ArrowArrayAppendBytes(array, view);
  }
  int AppendBound(ArrowArray* bound, const Value& value, bool is_inclusive) const {
    if (IsNull(value)) return ArrowArrayAppendNull(bound, 1);
    NANOARROW_RETURN_NOT_OK(Append(bound->children[0], value, type.element()));
    NANOARROW_RETURN_NOT_OK(ArrowArrayAppendInt(bound->children[1], is_inclusive ? 1 : 0));
    return ArrowArrayFinishElement(bound);
  }
};

// A value of another kind than the column's would be appended to what is not there.
bool IsOf(const Value& value, const LogicalType& type) {
  if (IsNull(value)) return true;
  const TypeId id = TypeOf(value).id;
  return IsStructured(type)
             ? id == type.id
             : id != TypeId::kList && id != TypeId::kInterval && id != TypeId::kRange;
}

int Append(ArrowArray* array, const Value& value, const LogicalType& type) {
  if (!IsOf(value, type)) return EINVAL;
  return std::visit(Appender{array, type}, value);
}

}  // namespace

int ExportStructuredType(const LogicalType& type, ArrowSchema* out) {
  NANOARROW_RETURN_NOT_OK(ArrowSchemaSetFormat(out, "+s"));
  const std::int64_t children = type.id == TypeId::kList ? 2 : 3;
  NANOARROW_RETURN_NOT_OK(ArrowSchemaAllocateChildren(out, children));
  switch (type.id) {
    case TypeId::kList:
      NANOARROW_RETURN_NOT_OK(SetList("lower_bounds", TypeId::kInt32, out->children[0]));
      return SetList("values", type.element(), out->children[1]);
    case TypeId::kInterval:
      NANOARROW_RETURN_NOT_OK(SetChild("months", TypeId::kInt32, out->children[0]));
      NANOARROW_RETURN_NOT_OK(SetChild("days", TypeId::kInt32, out->children[1]));
      return SetChild("micros", TypeId::kInt64, out->children[2]);
    default:
      NANOARROW_RETURN_NOT_OK(SetChild("empty", TypeId::kBool, out->children[0]));
      NANOARROW_RETURN_NOT_OK(SetBound("lower", type.element(), out->children[1]));
      return SetBound("upper", type.element(), out->children[2]);
  }
}

int ExportStructured(const Column& column, const LogicalType& type, ArrowArray* out) {
  nanoarrow::UniqueSchema schema;
  ArrowSchemaInit(schema.get());
  NANOARROW_RETURN_NOT_OK(ExportStructuredType(type, schema.get()));
  nanoarrow::UniqueArray array;
  NANOARROW_RETURN_NOT_OK(ArrowArrayInitFromSchema(array.get(), schema.get(), nullptr));
  NANOARROW_RETURN_NOT_OK(ArrowArrayStartAppending(array.get()));
  for (std::int64_t row = 0; row < column.length; ++row) {
    NANOARROW_RETURN_NOT_OK(Append(array.get(), column.ValueAt(row), type));
  }
  NANOARROW_RETURN_NOT_OK(ArrowArrayFinishBuildingDefault(array.get(), nullptr));
  ArrowArrayMove(array.get(), out);
  return NANOARROW_OK;
}

}  // namespace molt::types
