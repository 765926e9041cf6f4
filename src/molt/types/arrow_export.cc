#include "molt/types/arrow_export.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <exception>
#include <limits>
#include <new>
#include <string>
#include <utility>

#include "molt/types/arrow_misfit.h"
#include "molt/types/arrow_structs.h"
#include "molt/types/arrow_type.h"
#include "molt/types/column_builder.h"
#include "molt/types/column_facts.h"
#include "nanoarrow/nanoarrow.h"

namespace molt::types {

namespace {

// What buffers without content point to: consumers choke on a null pointer, and the offsets of an
// empty column are one zero.
alignas(64) constexpr std::array<std::uint8_t, 64> kZeros{};

constexpr std::size_t kOffsetMax = std::numeric_limits<std::int32_t>::max();

// `own`, with what is not known of it taken from `other`.
LogicalType Complete(const LogicalType& own, const LogicalType& other) {
  if (!own.IsKnown()) return other.IsKnown() ? other : own;
  if (own.id != TypeId::kList || other.id != TypeId::kList) return own;
  return LogicalType::ListOf(Complete(own.element(), other.element()));
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
      if (!(field.type == column.type)) field.type = Complete(field.type, column.type);
      if (field.type.id == TypeId::kInt64 && WidensToFloat64(column)) {
        field.type = TypeId::kFloat64;
      }
    }
  }
  return common;
}

// Whether the column's own buffers are what Arrow wants for `type`.
bool SharesBuffers(const Column& column, const LogicalType& type) {
  if (column.IsMixed() || !(column.type == type) || type.id == TypeId::kRange) return false;
  if (column.null_count != 0 && column.validity.empty()) return false;
  if (type.id != TypeId::kList) return true;
  return column.children.size() == 1 && SharesBuffers(column.children[0], type.element());
}

// Whether all cells of a column of intervals or ranges are that, or NULL.
bool HoldsOnly(const Column& column, const LogicalType& type) {
  if (type.id != TypeId::kInterval && type.id != TypeId::kRange) return false;
  return std::all_of(column.mixed.begin(), column.mixed.end(), [&](const Value& value) {
    return IsNull(value) || TypeOf(value).id == type.id;
  });
}

Status CheckColumn(const Column& column, const Field& field, std::int64_t first_row,
                   ArrowForm form) {
  if (column.null_count == column.length) return {};
  // Their structs have a place for every interval and every range.
  if (form == ArrowForm::kStructs && HoldsOnly(column, field.type)) return {};
  if (SharesBuffers(column, field.type) && !FindInvalidText(column)) return {};
  std::size_t bytes = 0;
  for (std::int64_t row = 0; row < column.length; ++row) {
    const Value value = column.ValueAt(row);
    if (const auto misfit = FindMisfit(value, field.type)) {
      return InvalidQuery(DescribeMisfit(*misfit, field, first_row + row));
    }
    bytes += HeapBytes(value);
  }
  if (bytes > kOffsetMax) {
    return InvalidQuery("column \"" + field.name +
                        "\" holds more than 2 GiB in one batch, more than an Arrow column can: "
                        "read fewer rows a batch, or read it as rows");
  }
  return {};
}

// A copy with the layout of `type`. Precondition: CheckColumn accepted it.
std::shared_ptr<const Column> Rebuild(const Column& column, const LogicalType& type) {
  ColumnBuilder builder(StorageOf(type));
  for (std::int64_t row = 0; row < column.length; ++row) {
    builder.AppendValue(Stored(column.ValueAt(row), type));
  }
  return std::make_shared<const Column>(builder.Finish());
}

// private_data of one exported array.
struct ArrayOwner {
  std::shared_ptr<const void> alive;  // the batch, or a column rebuilt from it: has the buffers
  std::array<const void*, 3> buffers{};
  std::vector<ArrowArray> children;
  std::vector<ArrowArray*> child_pointers;

  void AddChildren(std::size_t count) {
    children.resize(count);
    for (ArrowArray& child : children) child_pointers.push_back(&child);
  }
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

// Runs `fill`, which makes the children of *out; those made so far are freed if one fails.
template <class Fill>
void FillChildren(ArrowArray* out, Fill fill) {
  try {
    fill();
  } catch (...) {
    out->release(out);
    throw;
  }
}

// `alive` keeps `column` alive. Precondition: SharesBuffers(column, type), or it was rebuilt so.
void ExportArray(std::shared_ptr<const void> alive, const Column& column, const LogicalType& type,
                 ArrowArray* out) {
  auto owner = std::make_unique<ArrayOwner>();
  if (!HasArrowLayout(type)) {
    SetArray(std::move(owner), column.length, out);
    out->null_count = column.length;
    return;
  }
  owner->alive = alive;
  const bool is_list = type.id == TypeId::kList;
  std::size_t count = 0;
  owner->buffers[count++] = column.null_count == 0 ? nullptr : column.validity.data();
  if (is_list || HasBytes(type.id)) owner->buffers[count++] = NeverNull(column.offsets);
  if (!is_list) owner->buffers[count++] = NeverNull(column.data);
  if (is_list) owner->AddChildren(1);
  SetArray(std::move(owner), column.length, out);
  out->n_buffers = static_cast<std::int64_t>(count);
  out->null_count = column.null_count;
  if (!is_list) return;
  FillChildren(out, [&] {
    ExportArray(std::move(alive), column.children[0], type.element(), out->children[0]);
  });
}

void ExportColumn(const RecordBatchPtr& batch, std::size_t index, const LogicalType& type,
                  ArrowForm form, ArrowArray* out) {
  const Column& column = batch->columns[index];
  if (form == ArrowForm::kStructs && IsStructured(type)) {
    if (ExportStructured(column, type, out) != NANOARROW_OK) throw std::bad_alloc();
    return;
  }
  if (SharesBuffers(column, type) || !HasArrowLayout(type)) {
    return ExportArray(batch, column, type, out);
  }
  const auto rebuilt = Rebuild(column, type);
  ExportArray(rebuilt, *rebuilt, StorageOf(type), out);
}

void ExportBatch(const RecordBatchPtr& batch, const Schema& schema, ArrowForm form,
                 ArrowArray* out) {
  auto owner = std::make_unique<ArrayOwner>();
  owner->alive = batch;
  owner->AddChildren(schema.size());
  SetArray(std::move(owner), batch->num_rows, out);
  out->n_buffers = 1;
  FillChildren(out, [&] {
    for (std::size_t i = 0; i < schema.size(); ++i) {
      ExportColumn(batch, i, schema[i].type, form, out->children[i]);
    }
  });
}

// private_data of the stream.
struct StreamOwner {
  Schema schema;
  std::vector<RecordBatchPtr> batches;
  ArrowForm form;
  std::size_t next = 0;
  std::string last_error;
};

StreamOwner* OwnerOf(ArrowArrayStream* stream) {
  return static_cast<StreamOwner*>(stream->private_data);
}

int GetSchema(ArrowArrayStream* stream, ArrowSchema* out) {
  const StreamOwner& owner = *OwnerOf(stream);
  return ExportSchema(owner.schema, out, owner.form == ArrowForm::kStructs);
}

int GetNext(ArrowArrayStream* stream, ArrowArray* out) {
  StreamOwner& owner = *OwnerOf(stream);
  *out = ArrowArray{};
  if (owner.next == owner.batches.size()) return NANOARROW_OK;
  try {
    ExportBatch(owner.batches[owner.next], owner.schema, owner.form, out);
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

Status CheckExportable(const Schema& schema, const std::vector<RecordBatchPtr>& batches,
                       ArrowForm form) {
  MOLT_RETURN_IF_ERROR(CheckShape(schema, batches));
  const Schema common = CommonSchema(schema, batches);
  std::int64_t first_row = 0;
  for (const RecordBatchPtr& batch : batches) {
    for (std::size_t i = 0; i < common.size(); ++i) {
      MOLT_RETURN_IF_ERROR(CheckColumn(batch->columns[i], common[i], first_row, form));
    }
    first_row += batch->num_rows;
  }
  return {};
}

Status ExportStream(const Schema& schema, std::vector<RecordBatchPtr> batches,
                    ArrowArrayStream* out, ArrowForm form) {
  MOLT_RETURN_IF_ERROR(CheckShape(schema, batches));
  auto owner = std::make_unique<StreamOwner>();
  owner->schema = CommonSchema(schema, batches);
  owner->batches = std::move(batches);
  owner->form = form;
  *out = ArrowArrayStream{&GetSchema, &GetNext, &GetLastError, &ReleaseStream, owner.release()};
  return {};
}

}  // namespace molt::types
