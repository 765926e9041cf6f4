#include "molt/types/arrow_import.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "molt/types/arrow_cell.h"
#include "molt/types/column_builder.h"
#include "nanoarrow/nanoarrow.hpp"

namespace molt::types {

namespace {

Error StreamError(const char* what, ArrowArrayStream* stream, int code) {
  const char* detail = stream->get_last_error(stream);
  if (detail == nullptr || *detail == '\0') detail = std::strerror(code);
  return Error{ErrorCode::kInvalidQuery,
               std::string("the Arrow stream's producer failed to give ") + what + ": " + detail,
               {},
               false};
}

bool IsUsable(const ArrowSchema* schema) {
  return schema != nullptr && schema->release != nullptr && schema->format != nullptr;
}

// One column of the stream.
struct Source {
  std::string name;
  CellFormat format;
};

Result<CellFormat> FormatOfColumn(const ArrowSchema& schema) {
  if (schema.dictionary == nullptr) return CellFormatOf(schema);
  // The indices must be integers; nanoarrow checks that with the whole schema.
  if (!IsUsable(schema.dictionary)) return InvalidQuery("a dictionary without a type");
  if (schema.dictionary->dictionary != nullptr) return Unsupported("a dictionary of dictionaries");
  return CellFormatOf(*schema.dictionary);
}

Result<std::vector<Source>> ReadColumns(const ArrowSchema& schema) {
  if (!IsUsable(&schema) || std::strcmp(schema.format, "+s") != 0) {
    return InvalidQuery(
        "the Arrow stream holds no record batches: give a table or record batch, not a single "
        "array");
  }
  std::vector<Source> sources;
  for (std::int64_t i = 0; i < schema.n_children; ++i) {
    const ArrowSchema* child = schema.children[i];
    if (!IsUsable(child)) {
      return InvalidQuery("the Arrow stream's column " + std::to_string(i) + " has no type");
    }
    std::string name = child->name == nullptr ? "" : child->name;
    auto format = FormatOfColumn(*child);
    if (!format) {
      return Fail({format.error().code,
                   "column \"" + name + "\" has a type that cannot be inserted: " +
                       format.error().message + "; cast or drop the column",
                   {},
                   false});
    }
    sources.push_back({std::move(name), *format});
  }
  return sources;
}

// What nanoarrow relies on before it validates: that there are as many buffers and children as
// the type says, and that no size computed from the length overflows.
bool HasShape(const ArrowArrayView& view, const ArrowArray* array) {
  if (array == nullptr || array->release == nullptr) return false;
  if (array->length < 0 || array->offset < 0 || array->n_children != view.n_children) return false;

  std::int64_t width_bits = 64;
  std::int64_t fixed = 0;
  for (int i = 0; i < NANOARROW_MAX_FIXED_BUFFERS; ++i) {
    if (view.layout.buffer_type[i] == NANOARROW_BUFFER_TYPE_NONE) break;
    width_bits = std::max(width_bits, view.layout.element_size_bits[i]);
    ++fixed;
  }
  const std::int64_t rows_max = std::numeric_limits<std::int64_t>::max() / width_bits / 2 - 1;
  if (array->length > rows_max || array->offset > rows_max) return false;

  const bool is_view = view.storage_type == NANOARROW_TYPE_STRING_VIEW ||
                       view.storage_type == NANOARROW_TYPE_BINARY_VIEW;
  if (is_view) {
    // Validity, views, any number of data buffers, and their sizes.
    if (array->n_buffers < 3 || array->n_buffers > std::numeric_limits<std::int32_t>::max()) {
      return false;
    }
    if (array->buffers == nullptr) return false;
    if (array->n_buffers > 3 && array->buffers[array->n_buffers - 1] == nullptr) return false;
  } else {
    if (array->n_buffers != fixed || (fixed > 0 && array->buffers == nullptr)) return false;
  }

  if (array->n_children > 0 && array->children == nullptr) return false;
  for (std::int64_t i = 0; i < array->n_children; ++i) {
    if (!HasShape(*view.children[i], array->children[i])) return false;
  }
  return view.dictionary == nullptr || HasShape(*view.dictionary, array->dictionary);
}

// Returns what is wrong with the cell, or nullptr.
const char* AppendRow(const CellFormat& format, const ArrowArrayView& view, std::int64_t row,
                      ColumnBuilder& out) {
  if (ArrowArrayViewIsNull(&view, row) != 0) {
    out.AppendNull();
    return nullptr;
  }
  if (view.dictionary == nullptr) return format.append(format, view, row, out);
  // Validation has checked the indices.
  const std::int64_t at = ArrowArrayViewGetIntUnsafe(&view, row);
  if (ArrowArrayViewIsNull(view.dictionary, at) != 0) {
    out.AppendNull();
    return nullptr;
  }
  return format.append(format, *view.dictionary, at, out);
}

}  // namespace

struct ArrowImporter::Impl {
  nanoarrow::UniqueArrayStream stream;
  nanoarrow::UniqueSchema foreign_schema;
  nanoarrow::UniqueArrayView view;
  std::vector<Source> sources;
  std::shared_ptr<const Schema> schema;
  std::int64_t rows_read = 0;
  bool done = false;

  Result<RecordBatchPtr> Next();
  Status Validate(const ArrowArray& array);
  [[nodiscard]] Status Malformed(const ArrowArray& array, std::string detail) const;
  Result<RecordBatchPtr> Convert();
};

Result<RecordBatchPtr> ArrowImporter::Impl::Next() {
  if (done) return RecordBatchPtr();
  // After an error there is nothing more to read.
  done = true;
  nanoarrow::UniqueArray array;
  if (const int code = stream->get_next(stream.get(), array.get()); code != NANOARROW_OK) {
    return Fail(StreamError("a batch", stream.get(), code));
  }
  if (array->release == nullptr) return RecordBatchPtr();
  MOLT_RETURN_IF_ERROR(Validate(*array.get()));
  MOLT_ASSIGN(RecordBatchPtr batch, Convert());
  rows_read += batch->num_rows;
  done = false;
  return batch;
}

// Names the first column that is malformed itself, if it is not the batch as a whole.
Status ArrowImporter::Impl::Malformed(const ArrowArray& array, std::string detail) const {
  std::string what = "the Arrow batch";
  const bool has_columns = array.children != nullptr && array.n_children == view->n_children;
  for (std::size_t i = 0; has_columns && i < sources.size(); ++i) {
    ArrowArrayView& column = *view->children[i];
    ArrowError error;
    ArrowErrorInit(&error);
    const bool has_shape = HasShape(column, array.children[i]);
    if (has_shape && ArrowArrayViewSetArray(&column, array.children[i], &error) == NANOARROW_OK &&
        ArrowArrayViewValidate(&column, NANOARROW_VALIDATION_LEVEL_FULL, &error) == NANOARROW_OK) {
      continue;
    }
    what = "column \"" + sources[i].name + "\" of the Arrow batch";
    if (has_shape) detail = error.message;
    break;
  }
  return InvalidQuery(what + " that begins with row " + std::to_string(rows_read) +
                      " is malformed: " + detail);
}

Status ArrowImporter::Impl::Validate(const ArrowArray& array) {
  if (!HasShape(*view.get(), &array)) {
    return Malformed(array, "its buffers, children or length do not match its schema");
  }
  ArrowError error;
  ArrowErrorInit(&error);
  if (ArrowArrayViewSetArray(view.get(), &array, &error) != NANOARROW_OK ||
      ArrowArrayViewValidate(view.get(), NANOARROW_VALIDATION_LEVEL_FULL, &error) != NANOARROW_OK) {
    return Malformed(array, error.message);
  }
  for (std::int64_t row = 0; row < view->length; ++row) {
    if (ArrowArrayViewIsNull(view.get(), row) != 0) {
      return InvalidQuery("row " + std::to_string(rows_read + row) +
                          " (counting from 0) of the Arrow stream is NULL as a whole");
    }
  }
  return {};
}

Result<RecordBatchPtr> ArrowImporter::Impl::Convert() {
  auto batch = std::make_shared<RecordBatch>();
  batch->schema = schema;
  batch->num_rows = view->length;
  for (std::size_t i = 0; i < sources.size(); ++i) {
    const Source& source = sources[i];
    const ArrowArrayView& column = *view->children[i];
    ColumnBuilder builder(source.format.type);
    for (std::int64_t row = 0; row < view->length; ++row) {
      // A slice of a struct array offsets the struct and not its children.
      const char* problem = AppendRow(source.format, column, row + view->offset, builder);
      if (problem != nullptr) {
        return InvalidQuery("column \"" + source.name + "\" holds, in row " +
                            std::to_string(rows_read + row) + " (counting from 0), " + problem);
      }
    }
    batch->columns.push_back(builder.Finish());
  }
  return batch;
}

ArrowImporter::ArrowImporter(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ArrowImporter::~ArrowImporter() = default;

const Schema& ArrowImporter::schema() const { return *impl_->schema; }
Result<RecordBatchPtr> ArrowImporter::Next() { return impl_->Next(); }

Result<std::unique_ptr<ArrowImporter>> ArrowImporter::Open(ArrowArrayStream* stream) {
  if (stream == nullptr || stream->release == nullptr) {
    return InvalidQuery("the Arrow stream was already read: a stream can be read once");
  }
  auto impl = std::make_unique<Impl>();
  ArrowArrayStreamMove(stream, impl->stream.get());
  ArrowArrayStream* const source = impl->stream.get();
  if (const int code = source->get_schema(source, impl->foreign_schema.get());
      code != NANOARROW_OK) {
    return Fail(StreamError("its schema", source, code));
  }
  MOLT_ASSIGN(impl->sources, ReadColumns(*impl->foreign_schema.get()));
  ArrowError error;
  ArrowErrorInit(&error);
  // Only now, with nested types refused, is the depth of what this walks bounded.
  if (ArrowArrayViewInitFromSchema(impl->view.get(), impl->foreign_schema.get(), &error) !=
      NANOARROW_OK) {
    return InvalidQuery(std::string("the Arrow stream's schema is malformed: ") + error.message);
  }
  Schema schema;
  for (std::size_t i = 0; i < impl->sources.size(); ++i) {
    const bool nullable = (impl->foreign_schema->children[i]->flags & ARROW_FLAG_NULLABLE) != 0;
    schema.push_back({impl->sources[i].name, impl->sources[i].format.type, nullable});
  }
  impl->schema = std::make_shared<const Schema>(std::move(schema));
  return std::unique_ptr<ArrowImporter>(new ArrowImporter(std::move(impl)));
}

}  // namespace molt::types
