#include "rows_source.h"

#include <algorithm>
#include <utility>

#include <nanoarrow/nanoarrow.h>

#include "errors.h"
#include "molt/types/arrow_import.h"
#include "molt/types/column_builder.h"
#include "values.h"

namespace molt::bindings {

namespace {

// Keeps what Python raised on the inserting thread, and reports progress.
class SourceBase : public PythonSource {
 public:
  explicit SourceBase(nb::object on_progress) : on_progress_(std::move(on_progress)) {}
  ~SourceBase() override {
    // May be the inserting thread, without the GIL.
    const nb::gil_scoped_acquire gil;
    on_progress_ = nb::object();
    raised_.reset();
  }

  void Rethrow() override {
    if (!raised_) return;
    nb::python_error raised = std::move(*raised_);
    raised_.reset();
    throw raised;
  }

 protected:
  // With the GIL. Tells of the rows that have been inserted before this call.
  void Report() {
    if (!on_progress_.is_none()) on_progress_(rows_);
  }
  void Count(std::int64_t rows) { rows_ += rows; }
  [[nodiscard]] std::int64_t rows() const { return rows_; }
  Result<types::RecordBatchPtr> Keep(nb::python_error error) {
    raised_.emplace(std::move(error));
    return Cancelled("the rows to insert could not be read");
  }

 private:
  nb::object on_progress_;
  std::optional<nb::python_error> raised_;
  std::int64_t rows_ = 0;
};

class ArrowSource final : public SourceBase {
 public:
  ArrowSource(std::unique_ptr<types::ArrowImporter> importer, nb::object on_progress)
      : SourceBase(std::move(on_progress)), importer_(std::move(importer)) {}

  std::optional<std::vector<std::string>> OwnColumns() override {
    std::vector<std::string> names;
    for (const types::Field& field : importer_->schema()) names.push_back(field.name);
    return names;
  }

  Status SetColumns(const std::vector<std::string>& columns) override {
    if (columns.size() == importer_->schema().size()) return {};
    return InvalidQuery("the data has " + std::to_string(importer_->schema().size()) +
                        " columns, and columns= names " + std::to_string(columns.size()));
  }

  Result<types::RecordBatchPtr> Next() override {
    // A stream may be implemented in Python, and then takes the GIL by itself.
    MOLT_ASSIGN(types::RecordBatchPtr batch, importer_->Next());
    const nb::gil_scoped_acquire gil;
    try {
      Report();
    } catch (nb::python_error& e) {
      return Keep(std::move(e));
    }
    if (batch) Count(batch->num_rows);
    return batch;
  }

 private:
  std::unique_ptr<types::ArrowImporter> importer_;
};

class RowSource final : public SourceBase {
 public:
  RowSource(nb::object iterator, std::int64_t batch_rows, nb::object on_progress)
      : SourceBase(std::move(on_progress)),
        iterator_(std::move(iterator)),
        batch_rows_(batch_rows) {
    Advance();
  }
  ~RowSource() override {
    const nb::gil_scoped_acquire gil;
    iterator_ = nb::object();
    next_ = nb::object();
    keys_.clear();
  }

  std::optional<std::vector<std::string>> OwnColumns() override {
    if (!next_.is_valid() || !PyDict_Check(next_.ptr())) return std::nullopt;
    std::vector<std::string> names;
    for (const auto [key, value] : nb::borrow<nb::dict>(next_)) {
      if (!PyUnicode_Check(key.ptr())) RaiseInvalid("a row's keys must be column names (str)");
      names.push_back(nb::cast<std::string>(nb::str(key)));
    }
    return names;
  }

  Status SetColumns(const std::vector<std::string>& columns) override {
    const nb::gil_scoped_acquire gil;
    schema_ = std::make_shared<types::Schema>();
    for (const std::string& name : columns) {
      schema_->push_back({name, types::TypeId::kUnknown, true});
      keys_.push_back(nb::str(name.c_str(), name.size()));
    }
    return {};
  }

  Result<types::RecordBatchPtr> Next() override {
    const nb::gil_scoped_acquire gil;
    try {
      Report();
      if (!next_.is_valid()) return types::RecordBatchPtr();
      std::vector<types::ColumnBuilder> builders;
      for (std::size_t i = 0; i < schema_->size(); ++i)
        builders.emplace_back(types::TypeId::kUnknown);
      std::int64_t count = 0;
      for (; count < batch_rows_ && next_.is_valid(); ++count, Advance()) {
        Append(next_, rows() + count + 1, builders);
      }
      auto batch = std::make_shared<types::RecordBatch>();
      batch->schema = schema_;
      batch->num_rows = count;
      for (types::ColumnBuilder& builder : builders) batch->columns.push_back(builder.Finish());
      Count(count);
      return types::RecordBatchPtr(std::move(batch));
    } catch (nb::python_error& e) {
      return Keep(std::move(e));
    }
  }

 private:
  void Advance() {
    PyObject* item = PyIter_Next(iterator_.ptr());
    if (item == nullptr && PyErr_Occurred() != nullptr) throw nb::python_error();
    next_ = nb::steal(item);
  }

  void Append(const nb::object& row, std::int64_t number,
              std::vector<types::ColumnBuilder>& builders) const {
    if (PyDict_Check(row.ptr())) return AppendDict(row, number, builders);
    if (PyUnicode_Check(row.ptr()) || PyBytes_Check(row.ptr())) RaiseKind(row, number);
    const nb::object items = nb::steal(PySequence_Fast(row.ptr(), ""));
    if (!items.is_valid()) {
      PyErr_Clear();
      RaiseKind(row, number);
    }
    const auto width = static_cast<std::size_t>(PySequence_Fast_GET_SIZE(items.ptr()));
    if (width != builders.size()) {
      RaiseInvalid("row " + std::to_string(number) + " has " + std::to_string(width) +
                   " values for " + std::to_string(builders.size()) + " columns");
    }
    for (std::size_t i = 0; i < width; ++i) {
      AppendCell(PySequence_Fast_GET_ITEM(items.ptr(), static_cast<Py_ssize_t>(i)), number, i,
                 builders);
    }
  }

  void AppendDict(const nb::object& row, std::int64_t number,
                  std::vector<types::ColumnBuilder>& builders) const {
    for (std::size_t i = 0; i < keys_.size(); ++i) {
      PyObject* value = PyDict_GetItem(row.ptr(), keys_[i].ptr());
      if (value == nullptr) {
        RaiseInvalid("row " + std::to_string(number) + " has no \"" + (*schema_)[i].name + "\"");
      }
      AppendCell(value, number, i, builders);
    }
    if (static_cast<std::size_t>(PyDict_Size(row.ptr())) != keys_.size()) {
      RaiseExtraKey(row, number);
    }
  }

  void AppendCell(PyObject* value, std::int64_t number, std::size_t column,
                  std::vector<types::ColumnBuilder>& builders) const {
    try {
      builders[column].AppendValue(ToValue(value));
    } catch (nb::python_error& e) {
      RaiseInvalid("row " + std::to_string(number) + ", column \"" + (*schema_)[column].name +
                   "\": " + nb::cast<std::string>(nb::str(e.value())));
    }
  }

  [[noreturn]] void RaiseExtraKey(const nb::object& row, std::int64_t number) const {
    std::string shown;
    for (const auto [key, value] : nb::borrow<nb::dict>(row)) {
      const auto known = [&](const nb::object& name) { return name.equal(key); };
      if (std::none_of(keys_.begin(), keys_.end(), known)) {
        shown = nb::cast<std::string>(nb::repr(key));
        break;
      }
    }
    RaiseInvalid("row " + std::to_string(number) + " has " + shown +
                 ", which is no column of this insert; every row needs the same keys");
  }

  // `number` counts from 1, over all batches.
  [[noreturn]] static void RaiseKind(const nb::object& row, std::int64_t number) {
    RaiseInvalid("row " + std::to_string(number) + " is a " + Py_TYPE(row.ptr())->tp_name +
                 "; a row is a tuple, a list or a dict");
  }

  nb::object iterator_;
  nb::object next_;  // the row after the last one given; invalid at the end
  const std::int64_t batch_rows_;
  std::shared_ptr<types::Schema> schema_;
  std::vector<nb::object> keys_;
};

std::unique_ptr<types::ArrowImporter> OpenArrow(nb::handle data) {
  const nb::object capsule = data.attr("__arrow_c_stream__")();
  auto* stream =
      static_cast<ArrowArrayStream*>(PyCapsule_GetPointer(capsule.ptr(), "arrow_array_stream"));
  if (stream == nullptr) throw nb::python_error();
  return ValueOrRaise(types::ArrowImporter::Open(stream));
}

}  // namespace

std::shared_ptr<PythonSource> MakeSource(nb::handle rows, std::int64_t batch_rows,
                                         nb::object on_progress) {
  if (nb::hasattr(rows, "__arrow_c_stream__")) {
    return std::make_shared<ArrowSource>(OpenArrow(rows), std::move(on_progress));
  }
  if (batch_rows < 1) RaiseInvalid("batch_rows must be at least 1");
  PyObject* iterator = PyObject_GetIter(rows.ptr());
  if (iterator == nullptr) {
    PyErr_Clear();
    RaiseInvalid(std::string("rows to insert are an iterable of tuples or dicts, or data with "
                             "__arrow_c_stream__; got ") +
                 Py_TYPE(rows.ptr())->tp_name);
  }
  return std::make_shared<RowSource>(nb::steal(iterator), batch_rows, std::move(on_progress));
}

}  // namespace molt::bindings
