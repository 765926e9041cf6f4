#include "molt/types/arrow_type.h"

#include <string>
#include <string_view>

#include "molt/types/arrow_structs.h"
#include "nanoarrow/nanoarrow.hpp"

namespace molt::types {

namespace {

std::string ArrowFormat(const LogicalType& type) {
  switch (type.id) {
    case TypeId::kBool:
      return "b";
    case TypeId::kInt16:
      return "s";
    case TypeId::kInt32:
      return "i";
    case TypeId::kInt64:
      return "l";
    case TypeId::kFloat32:
      return "f";
    case TypeId::kFloat64:
      return "g";
    case TypeId::kBinary:
      return "z";
    case TypeId::kDate:
      return "tdD";
    case TypeId::kTime:
      return "ttu";
    case TypeId::kTimestamp:
      return "tsu:";
    case TypeId::kTimestampTz:
      return "tsu:UTC";
    case TypeId::kDecimal128:
      return "d:" + std::to_string(type.precision) + "," + std::to_string(type.scale);
    case TypeId::kUuid:
      return "w:16";
    case TypeId::kInterval:
      return "tin";
    case TypeId::kList:
      return "+l";
    case TypeId::kUtf8:
    case TypeId::kDecimal:
    case TypeId::kTimeTz:
    case TypeId::kJson:
    case TypeId::kInet:
    case TypeId::kOther:
    case TypeId::kRange:
      return "u";
    case TypeId::kUnknown:
    case TypeId::kNull:
      return "n";
  }
  return "n";
}

// Source: https://arrow.apache.org/docs/format/CanonicalExtensions.html
std::string_view ExtensionName(const LogicalType& type) {
  if (type.id == TypeId::kUuid) return "arrow.uuid";
  if (type.id == TypeId::kJson) return "arrow.json";
  return {};
}

// What "molt.type" says of a type whose format does not.
std::string_view OwnName(const LogicalType& type) {
  switch (type.id) {
    case TypeId::kOther:
      return type.name();
    case TypeId::kDecimal:
    case TypeId::kTimeTz:
    case TypeId::kInet:
    case TypeId::kRange:
      return TypeName(type);
    default:
      return {};
  }
}

ArrowStringView View(std::string_view text) {
  return {text.data(), static_cast<std::int64_t>(text.size())};
}

int SetMetadata(const LogicalType& type, ArrowSchema* out) {
  const std::string_view extension = ExtensionName(type);
  const std::string_view own = OwnName(type);
  if (extension.empty() && own.empty()) return NANOARROW_OK;
  nanoarrow::UniqueBuffer metadata;
  NANOARROW_RETURN_NOT_OK(ArrowMetadataBuilderInit(metadata.get(), nullptr));
  const auto append = [&](std::string_view key, std::string_view value) {
    return ArrowMetadataBuilderAppend(metadata.get(), View(key), View(value));
  };
  if (!extension.empty()) {
    NANOARROW_RETURN_NOT_OK(append("ARROW:extension:name", extension));
    NANOARROW_RETURN_NOT_OK(append("ARROW:extension:metadata", ""));
  }
  if (!own.empty()) NANOARROW_RETURN_NOT_OK(append("molt.type", own));
  return ArrowSchemaSetMetadata(out, reinterpret_cast<const char*>(metadata->data));
}

// Precondition: *out is initialized.
int ExportField(const Field& field, ArrowSchema* out, bool structs) {
  NANOARROW_RETURN_NOT_OK(ArrowSchemaSetName(out, field.name.c_str()));
  if (structs && IsStructured(field.type)) return ExportStructuredType(field.type, out);
  NANOARROW_RETURN_NOT_OK(ArrowSchemaSetFormat(out, ArrowFormat(field.type).c_str()));
  NANOARROW_RETURN_NOT_OK(SetMetadata(field.type, out));
  out->flags = field.nullable ? ARROW_FLAG_NULLABLE : 0;
  if (field.type.id != TypeId::kList) return NANOARROW_OK;
  NANOARROW_RETURN_NOT_OK(ArrowSchemaAllocateChildren(out, 1));
  ArrowSchemaInit(out->children[0]);
  return ExportField({"item", field.type.element(), true}, out->children[0], structs);
}

}  // namespace

LogicalType StorageOf(const LogicalType& type) {
  if (type.id == TypeId::kRange) return TypeId::kUtf8;
  if (type.id == TypeId::kList) return LogicalType::ListOf(StorageOf(type.element()));
  return type;
}

int ExportSchema(const Schema& schema, ArrowSchema* out, bool structs) {
  ArrowSchemaInit(out);
  int code = ArrowSchemaSetTypeStruct(out, static_cast<std::int64_t>(schema.size()));
  out->flags = 0;
  for (std::size_t i = 0; code == NANOARROW_OK && i < schema.size(); ++i) {
    code = ExportField(schema[i], out->children[i], structs);
  }
  if (code != NANOARROW_OK) ArrowSchemaRelease(out);
  return code;
}

}  // namespace molt::types
