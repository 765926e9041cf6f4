#include "molt/types/arrow_export.h"

#include <array>
#include <cerrno>
#include <cstdint>
#include <exception>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "molt/types/column_builder.h"
#include "molt/types/utf8.h"
#include "nanoarrow/nanoarrow.h"

namespace molt::types {

namespace {

// What buffers without content point to: consumers choke on a null pointer, and the offsets of an
// empty column are one zero.
alignas(64) constexpr std::array<std::uint8_t, 64> kZeros{};

constexpr std::size_t kOffsetMax = std::numeric_limits<std::int32_t>::max();

const char* ArrowFormat(LogicalType type) {
  switch (type.id) {
    case TypeId::kBool:
      return "b";
    case TypeId::kInt64:
      return "l";
    case TypeId::kFloat64:
      return "g";
    case TypeId::kUtf8:
      return "u";
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
    case TypeId::kUnknown:
    case TypeId::kNull:
    case TypeId::kDecimal:  // only NULLs: CheckExportable refuses values
    case TypeId::kUuid:
      return "n";
  }
  return "n";
}

bool HasArrowLayout(LogicalType type) { return std::string_view(ArrowFormat(type)) != "n"; }
bool HasOffsets(LogicalType type) { return type.id == TypeId::kUtf8 || type.id == TypeId::kBinary; }

// Whether a column that began as int64 is float64 by now: widened by its builder, or mixed because
// a double came too late for that.
bool WidensToFloat64(const Column& column) {
  if (!column.IsMixed()) return column.type == TypeId::kFloat64;
  bool any_double = false;
  for (const Value& value : column.mixed) {
    const TypeId id = TypeOf(value).id;
    if (id != TypeId::kFloat64 && id != TypeId::kInt64 && id != TypeId::kNull) return false;
    any_double |= id == TypeId::kFloat64;
  }
  return any_double;
}

// The one schema that all batches are exported with. A batch without any value in a column may not
// know its type, and one may hold int64 where another had to widen to float64.
Schema CommonSchema(const Schema& schema, const std::vector<RecordBatchPtr>& batches) {
  Schema common = schema;
  for (const RecordBatchPtr& batch : batches) {
    for (std::size_t i = 0; i < common.size(); ++i) {
      const Column& column = batch->columns[i];
      Field& field = common[i];
      if (column.null_count != 0) field.nullable = true;
      if (!field.type.IsKnown() && column.type.IsKnown()) field.type = column.type;
      if (field.type == TypeId::kInt64 && WidensToFloat64(column)) field.type = TypeId::kFloat64;
    }
  }
  return common;
}

bool IsExactAsDouble(std::int64_t value) {
  return value >= -kMaxExactDouble && value <= kMaxExactDouble;
}

// How the cell reads in an error, or nothing if it fits.
std::optional<std::string> Misfit(const Value& value, LogicalType type) {
  if (IsNull(value)) return std::nullopt;
  const LogicalType actual = TypeOf(value);
  if (type == TypeId::kFloat64 && actual == TypeId::kInt64) {
    if (IsExactAsDouble(std::get<std::int64_t>(value))) return std::nullopt;
    return "an int64 too large for float64 to hold exactly";
  }
  if (actual == TypeId::kUtf8) {
    if (type != actual) return "text";
    if (!IsValidUtf8(std::get<std::string>(value))) return "text that is not valid UTF-8";
    return std::nullopt;
  }
  if (actual == type && HasArrowLayout(type)) return std::nullopt;
  return std::string(TypeName(actual));
}

std::string MisfitMessage(const Field& field, std::int64_t row, const std::string& found) {
  std::string message = "column \"" + field.name + "\" holds " + found + " in row " +
                        std::to_string(row) + " (counting from 0), ";
  if (field.type == TypeId::kDecimal || field.type == TypeId::kUuid) {
    message += "which this Arrow export does not carry: cast the column to text in the query";
  } else if (field.type == TypeId::kUtf8 && found.starts_with("text")) {
    message += "which Arrow columns cannot carry: cast the column to binary in the query";
  } else {
    message += "but the column's type is " + std::string(TypeName(field.type)) +
               "; Arrow columns have one type: cast the column in the query";
  }
  return message + ", or read it as rows";
}

// Whether every cell is valid UTF-8. Precondition: typed utf8 column.
bool AllTextIsValid(const Column& column) {
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

// Whether the column's own buffers are what Arrow wants for `type`.
bool SharesBuffers(const Column& column, LogicalType type) {
  return !column.IsMixed() && column.type == type &&
         (column.null_count == 0 || !column.validity.empty());
}

Status CheckColumn(const Column& column, const Field& field, std::int64_t first_row) {
  if (SharesBuffers(column, field.type) && HasArrowLayout(field.type) &&
      (field.type != TypeId::kUtf8 || AllTextIsValid(column))) {
    return {};
  }
  if (column.null_count == column.length) return {};
  std::size_t bytes = 0;
  for (std::int64_t row = 0; row < column.length; ++row) {
    const Value value = column.ValueAt(row);
    if (auto found = Misfit(value, field.type)) {
      return InvalidQuery(MisfitMessage(field, first_row + row, *found));
    }
    if (const auto* text = std::get_if<std::string>(&value)) bytes += text->size();
    if (const auto* blob = std::get_if<Bytes>(&value)) bytes += blob->data.size();
  }
  if (bytes > kOffsetMax) {
    return InvalidQuery("column \"" + field.name +
                        "\" holds more than 2 GiB in one batch, more than an Arrow column can: "
                        "read fewer rows a batch, or read it as rows");
  }
  return {};
}

// A copy with the layout of `type`. Precondition: CheckColumn accepted it.
Column Rebuild(const Column& column, LogicalType type) {
  ColumnBuilder builder(type);
  for (std::int64_t row = 0; row < column.length; ++row) {
    Value value = column.ValueAt(row);
    const auto* integer = std::get_if<std::int64_t>(&value);
    if (integer != nullptr && type == TypeId::kFloat64) value = static_cast<double>(*integer);
    builder.AppendValue(std::move(value));
  }
  return builder.Finish();
}

// private_data of one exported array.
struct ArrayOwner {
  RecordBatchPtr batch;
  Column rebuilt;  // when the batch's own buffers do not fit the common schema
  std::array<const void*, 3> buffers{};
  std::vector<ArrowArray> children;
  std::vector<ArrowArray*> child_pointers;
};

void ReleaseArray(ArrowArray* array) {
  auto* owner = static_cast<ArrayOwner*>(array->private_data);
  for (ArrowArray& child : owner->children) {
    // A consumer may have moved a child out; then it is the consumer's to release.
    if (child.release != nullptr) child.release(&child);
  }
  array->release = nullptr;
  delete owner;
}

const void* NeverNull(const Buffer& buffer) {
  return buffer.empty() ? static_cast<const void*>(kZeros.data()) : buffer.data();
}

void SetArray(std::unique_ptr<ArrayOwner> owner, std::int64_t length, ArrowArray* out) {
  *out = ArrowArray{};
  out->length = length;
  out->buffers = owner->buffers.data();
  out->n_children = static_cast<std::int64_t>(owner->children.size());
  out->children = owner->child_pointers.empty() ? nullptr : owner->child_pointers.data();
  out->release = &ReleaseArray;
  out->private_data = owner.release();
}

void ExportColumn(const RecordBatchPtr& batch, std::size_t index, LogicalType type,
                  ArrowArray* out) {
  auto owner = std::make_unique<ArrayOwner>();
  owner->batch = batch;
  const Column* column = &batch->columns[index];
  if (!HasArrowLayout(type)) {
    SetArray(std::move(owner), column->length, out);
    out->null_count = column->length;
    return;
  }
  if (!SharesBuffers(*column, type)) {
    owner->rebuilt = Rebuild(*column, type);
    column = &owner->rebuilt;
  }
  std::size_t count = 0;
  owner->buffers[count++] = column->null_count == 0 ? nullptr : column->validity.data();
  if (HasOffsets(type)) owner->buffers[count++] = NeverNull(column->offsets);
  owner->buffers[count++] = NeverNull(column->data);
  const std::int64_t null_count = column->null_count;
  SetArray(std::move(owner), batch->num_rows, out);
  out->n_buffers = static_cast<std::int64_t>(count);
  out->null_count = null_count;
}

void ExportBatch(const RecordBatchPtr& batch, const Schema& schema, ArrowArray* out) {
  auto owner = std::make_unique<ArrayOwner>();
  owner->batch = batch;
  owner->children.resize(schema.size());
  for (ArrowArray& child : owner->children) owner->child_pointers.push_back(&child);
  const std::int64_t num_rows = batch->num_rows;
  // From here `out` owns the children, so that those made so far are freed if one fails.
  SetArray(std::move(owner), num_rows, out);
  out->n_buffers = 1;
  try {
    for (std::size_t i = 0; i < schema.size(); ++i) {
      ExportColumn(batch, i, schema[i].type, out->children[i]);
    }
  } catch (...) {
    out->release(out);
    throw;
  }
}

int ExportSchema(const Schema& schema, ArrowSchema* out) {
  ArrowSchemaInit(out);
  int code = ArrowSchemaSetTypeStruct(out, static_cast<std::int64_t>(schema.size()));
  out->flags = 0;
  for (std::size_t i = 0; code == NANOARROW_OK && i < schema.size(); ++i) {
    ArrowSchema* child = out->children[i];
    child->flags = schema[i].nullable ? ARROW_FLAG_NULLABLE : 0;
    code = ArrowSchemaSetFormat(child, ArrowFormat(schema[i].type));
    if (code == NANOARROW_OK) code = ArrowSchemaSetName(child, schema[i].name.c_str());
  }
  if (code != NANOARROW_OK) ArrowSchemaRelease(out);
  return code;
}

// private_data of the stream.
struct StreamOwner {
  Schema schema;
  std::vector<RecordBatchPtr> batches;
  std::size_t next = 0;
  std::string last_error;
};

StreamOwner* OwnerOf(ArrowArrayStream* stream) {
  return static_cast<StreamOwner*>(stream->private_data);
}

int GetSchema(ArrowArrayStream* stream, ArrowSchema* out) {
  return ExportSchema(OwnerOf(stream)->schema, out);
}

int GetNext(ArrowArrayStream* stream, ArrowArray* out) {
  StreamOwner& owner = *OwnerOf(stream);
  *out = ArrowArray{};
  if (owner.next == owner.batches.size()) return NANOARROW_OK;
  try {
    ExportBatch(owner.batches[owner.next], owner.schema, out);
    // A consumer that drops what it has read frees the memory while it reads.
    owner.batches[owner.next++].reset();
    return NANOARROW_OK;
  } catch (const std::exception&) {
    owner.last_error = "out of memory";
    return ENOMEM;
  }
}

const char* GetLastError(ArrowArrayStream* stream) {
  const std::string& error = OwnerOf(stream)->last_error;
  return error.empty() ? nullptr : error.c_str();
}

void ReleaseStream(ArrowArrayStream* stream) {
  delete OwnerOf(stream);
  stream->release = nullptr;
}

Status CheckShape(const Schema& schema, const std::vector<RecordBatchPtr>& batches) {
  for (const RecordBatchPtr& batch : batches) {
    bool fits = batch != nullptr && batch->columns.size() == schema.size();
    for (std::size_t i = 0; fits && i < schema.size(); ++i) {
      fits = batch->columns[i].length == batch->num_rows;
    }
    if (!fits) return Internal("a batch does not have its schema's columns and rows");
  }
  return {};
}

}  // namespace

Status CheckExportable(const Schema& schema, const std::vector<RecordBatchPtr>& batches) {
  MOLT_RETURN_IF_ERROR(CheckShape(schema, batches));
  const Schema common = CommonSchema(schema, batches);
  std::int64_t first_row = 0;
  for (const RecordBatchPtr& batch : batches) {
    for (std::size_t i = 0; i < common.size(); ++i) {
      MOLT_RETURN_IF_ERROR(CheckColumn(batch->columns[i], common[i], first_row));
    }
    first_row += batch->num_rows;
  }
  return {};
}

Status ExportStream(const Schema& schema, std::vector<RecordBatchPtr> batches,
                    ArrowArrayStream* out) {
  MOLT_RETURN_IF_ERROR(CheckShape(schema, batches));
  auto owner = std::make_unique<StreamOwner>();
  owner->schema = CommonSchema(schema, batches);
  owner->batches = std::move(batches);
  *out = ArrowArrayStream{&GetSchema, &GetNext, &GetLastError, &ReleaseStream, owner.release()};
  return {};
}

}  // namespace molt::types
