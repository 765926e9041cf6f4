#include "results.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <functional>

#include <nanoarrow/nanoarrow.h>
#include <nanobind/stl/string.h>

#include "errors.h"
#include "molt/base/nearest_names.h"
#include "molt/types/arrow_export.h"
#include "rows.h"
#include "values.h"

namespace molt::bindings {

namespace {

// Above this many rows, iteration makes them piece by piece.
constexpr std::int64_t kRowsAtOnce = 4096;

// Iterates over lists of rows; itertools.chain makes one iterator of them.
struct ChunkIterator {
  nb::object owner;
  std::int64_t next = 0;
};

nb::object Iterate(nb::handle self) {
  auto& result = *nb::inst_ptr<ResultSet>(self);
  if (result.size() <= kRowsAtOnce) {
    return nb::steal(PyObject_GetIter(result.Rows(0, result.size()).ptr()));
  }
  const nb::object chunks = nb::cast(ChunkIterator{nb::borrow(self), 0});
  return nb::module_::import_("itertools").attr("chain").attr("from_iterable")(chunks);
}

nb::object GetItem(ResultSet& self, nb::handle key) {
  if (PySlice_Check(key.ptr())) {
    Py_ssize_t start = 0;
    Py_ssize_t stop = 0;
    Py_ssize_t step = 0;
    if (PySlice_Unpack(key.ptr(), &start, &stop, &step) != 0) throw nb::python_error();
    const Py_ssize_t count = PySlice_AdjustIndices(self.size(), &start, &stop, step);
    if (step == 1) return self.Rows(start, start + count);
    nb::list rows;
    for (Py_ssize_t i = 0; i < count; ++i) rows.append(self.RowAt(start + i * step));
    return rows;
  }
  if (!PyIndex_Check(key.ptr())) {
    throw nb::type_error("a result is indexed by row number; for a column use .column(name)");
  }
  Py_ssize_t index = PyNumber_AsSsize_t(key.ptr(), PyExc_IndexError);
  if (index == -1 && PyErr_Occurred() != nullptr) throw nb::python_error();
  if (index < 0) index += self.size();
  if (index < 0 || index >= self.size()) throw nb::index_error("row number out of range");
  return self.RowAt(index);
}

std::size_t ColumnIndex(const ResultSet& self, nb::handle key) {
  const types::Schema& schema = self.schema();
  if (PyLong_Check(key.ptr())) {
    const auto index = nb::cast<std::int64_t>(key);
    const auto width = static_cast<std::int64_t>(schema.size());
    if (index < -width || index >= width) throw nb::index_error("column number out of range");
    return static_cast<std::size_t>(index < 0 ? index + width : index);
  }
  const auto name = nb::cast<std::string>(key);
  std::vector<std::string> names;
  for (std::size_t i = 0; i < schema.size(); ++i) {
    if (schema[i].name == name) return i;
    names.push_back(schema[i].name);
  }
  RaiseInvalid("the result has no column \"" + name + "\"" + NearestNames(name, names));
}

nb::list ColumnValues(const ResultSet& self, nb::handle key) {
  const std::size_t index = ColumnIndex(self, key);
  const nb::object list = nb::steal(PyList_New(self.size()));
  Py_ssize_t at = 0;
  for (const types::RecordBatchPtr& batch : self.batches()) {
    const CellReader read(batch->columns[index]);
    for (std::int64_t row = 0; row < batch->num_rows; ++row) {
      PyObject* cell = read(row);
      if (cell == nullptr) throw nb::python_error();
      PyList_SET_ITEM(list.ptr(), at++, cell);
    }
  }
  return nb::borrow<nb::list>(list);
}

nb::list ToDicts(ResultSet& self) {
  std::vector<nb::object> names;
  for (const types::Field& field : self.schema()) {
    names.push_back(ShownText(field.name));
  }
  nb::list dicts;
  for (const types::RecordBatchPtr& batch : self.batches()) {
    for (std::int64_t row = 0; row < batch->num_rows; ++row) {
      nb::dict dict;
      for (std::size_t i = 0; i < names.size(); ++i) {
        const nb::object cell = nb::steal(CellReader(batch->columns[i])(row));
        if (!cell.is_valid()) throw nb::python_error();
        PyDict_SetDefault(dict.ptr(), names[i].ptr(), cell.ptr());
      }
      dicts.append(dict);
    }
  }
  return dicts;
}

// PyCapsule interface: https://arrow.apache.org/docs/format/CDataInterface/PyCapsuleInterface.html
nb::object ArrowStream(ResultSet& self, const nb::object&) {
  RaiseIfError(self.CheckExportable());
  auto stream = std::make_unique<ArrowArrayStream>();
  stream->release = nullptr;
  RaiseIfError(types::ExportStream(self.schema(), self.batches(), stream.get()));
  PyObject* capsule = PyCapsule_New(stream.get(), "arrow_array_stream", [](PyObject* object) {
    auto* owned =
        static_cast<ArrowArrayStream*>(PyCapsule_GetPointer(object, "arrow_array_stream"));
    if (owned->release != nullptr) owned->release(owned);  // nobody has taken it over
    delete owned;
  });
  if (capsule == nullptr) throw nb::python_error();
  static_cast<void>(stream.release());  // the capsule owns it now
  return nb::steal(capsule);
}

bool Equals(ResultSet& self, nb::handle other) {
  nb::object rows = nb::borrow(other);
  if (nb::isinstance<ResultSet>(other)) {
    auto& result = *nb::inst_ptr<ResultSet>(other);
    rows = result.Rows(0, result.size());
  }
  if (!PyList_Check(rows.ptr())) return false;
  return self.Rows(0, self.size()).equal(rows);
}

template <const char* kFunction>
nb::object CallExport(nb::handle self) {
  return nb::module_::import_("molt_sql._export").attr(kFunction)(self);
}
constexpr char kToArrow[] = "to_arrow";
constexpr char kToPolars[] = "to_polars";
constexpr char kToPandas[] = "to_pandas";
constexpr char kToText[] = "to_text";
constexpr char kToHtml[] = "to_html";

// A type made in C++ cannot inherit from an abstract class of Python: it takes over what Sequence
// makes of __len__ and __getitem__. It is not registered as one, for then polars.DataFrame(result)
// would take it row by row instead of by Arrow.
void ActAsSequence(nb::handle type) {
  const nb::object sequence = nb::module_::import_("collections.abc").attr("Sequence");
  for (const char* name : {"index", "count", "__contains__", "__reversed__"}) {
    nb::setattr(type, name, sequence.attr(name));
  }
}

}  // namespace

ResultSet::ResultSet(engine::Batches batches) : batches_(std::move(batches)) {
  for (const types::RecordBatchPtr& batch : batches_) size_ += batch->num_rows;
}

Status ResultSet::CheckExportable() {
  if (is_exportable_) return {};
  MOLT_RETURN_IF_ERROR(types::CheckExportable(schema(), batches_));
  is_exportable_ = true;
  return {};
}

// Drivers give the same Schema object to every result of a cached statement, so the class is mostly
// found by address; holding the schema keeps its address from being given to another.
nb::handle ResultSet::RowType() {
  struct Known {
    std::shared_ptr<const types::Schema> schema;
    nb::object row_type;
  };
  constexpr std::size_t kKnown = 64;
  static auto* known = new std::array<Known, kKnown>();  // never freed: it holds Python objects
  if (row_type_.is_valid()) return row_type_;
  const std::shared_ptr<const types::Schema>& schema = batches_.front()->schema;
  Known& slot =
      (*known)[std::hash<const void*>()(schema.get()) / alignof(std::max_align_t) % kKnown];
  if (slot.schema != schema) slot = {schema, RowClass(*schema)};
  row_type_ = slot.row_type;
  return row_type_;
}

nb::list ResultSet::Rows(std::int64_t begin, std::int64_t end) {
  nb::list rows;
  std::int64_t first = 0;  // of the batch
  for (const types::RecordBatchPtr& batch : batches_) {
    const std::int64_t from = std::max(begin - first, std::int64_t{0});
    const std::int64_t to = std::min(end - first, batch->num_rows);
    if (from < to) AppendRows(*batch, from, to, RowType(), rows);
    first += batch->num_rows;
    if (first >= end) break;
  }
  return rows;
}

nb::object ResultSet::RowAt(std::int64_t index) { return Rows(index, index + 1)[0]; }

void BindResults(nb::module_& m) {
  nb::class_<ChunkIterator>(m, "_ChunkIterator")
      .def(
          "__iter__", [](nb::handle self) { return nb::borrow(self); },
          nb::sig("def __iter__(self) -> _ChunkIterator"))
      .def(
          "__next__",
          [](ChunkIterator& self) {
            auto& result = *nb::inst_ptr<ResultSet>(self.owner);
            if (self.next >= result.size()) throw nb::stop_iteration();
            const std::int64_t begin = self.next;
            self.next = std::min(begin + kRowsAtOnce, result.size());
            return result.Rows(begin, self.next);
          },
          nb::sig("def __next__(self) -> list[Row]"));

  auto result_set =
      nb::class_<ResultSet>(
          m, "ResultSet", nb::sig("class ResultSet(collections.abc.Sequence[Row])"),
          "The rows of a result: a sequence of Row, and an Arrow stream for whoever "
          "takes one (pyarrow, polars, pandas, DuckDB).")
          .def("__len__", &ResultSet::size)
          .def("__iter__", &Iterate, nb::sig("def __iter__(self) -> collections.abc.Iterator[Row]"))
          .def("__getitem__", &GetItem, nb::arg("key").none(),
               nb::sig("@typing.overload\ndef __getitem__(self, key: int) -> Row"),
               "A row by number, or a list of them by slice.")
          .def("__getitem__", &GetItem, nb::arg("key").none(),
               nb::sig("@typing.overload\ndef __getitem__(self, key: slice) -> list[Row]"))
          .def("__eq__", &Equals, nb::arg("other"),
               nb::sig("def __eq__(self, other: object) -> bool"))
          .def_prop_ro(
              "columns",
              [](const ResultSet& self) {
                nb::list names;
                for (const types::Field& field : self.schema()) {
                  names.append(ShownText(field.name));
                }
                return names;
              },
              nb::sig("def columns(self) -> list[str]"), "The names, in order.")
          .def_prop_ro(
              "schema",
              [](const ResultSet& self) {
                nb::list fields;
                for (const types::Field& field : self.schema()) {
                  const auto type = types::TypeName(field.type);
                  fields.append(nb::make_tuple(ShownText(field.name), ShownText(type)));
                }
                return fields;
              },
              nb::sig("def schema(self) -> list[tuple[str, str]]"), "Name and type of each column.")
          .def("column", &ColumnValues, nb::arg("name"),
               nb::sig("def column(self, name: str | int) -> list[typing.Any]"),
               "The values of one column.")
          .def("to_dicts", &ToDicts, nb::sig("def to_dicts(self) -> list[dict[str, typing.Any]]"),
               "A dict a row.")
          .def("to_arrow", &CallExport<kToArrow>, nb::sig("def to_arrow(self) -> typing.Any"),
               "A pyarrow.Table; needs pyarrow.")
          .def("to_polars", &CallExport<kToPolars>, nb::sig("def to_polars(self) -> typing.Any"),
               "A polars.DataFrame; needs polars.")
          .def("to_pandas", &CallExport<kToPandas>, nb::sig("def to_pandas(self) -> typing.Any"),
               "A pandas.DataFrame; needs pandas and pyarrow.")
          .def("__arrow_c_stream__", &ArrowStream, nb::arg("requested_schema") = nb::none(),
               nb::sig("def __arrow_c_stream__(self, requested_schema: object | None = None)"
                       " -> object"),
               "The Arrow PyCapsule interface; a requested schema is not honoured.")
          .def(
              "_column_facts",
              [](const ResultSet& self, std::size_t index) {
                bool has_nulls = false;
                bool is_mixed = false;
                for (const types::RecordBatchPtr& batch : self.batches()) {
                  has_nulls |= batch->columns.at(index).null_count != 0;
                  is_mixed |= batch->columns.at(index).IsMixed();
                }
                return nb::make_tuple(has_nulls, is_mixed);
              },
              nb::arg("index"), nb::sig("def _column_facts(self, index: int) -> tuple[bool, bool]"),
              "Whether the column holds NULLs, and values of several types.")
          .def("__repr__", &CallExport<kToText>, nb::sig("def __repr__(self) -> str"))
          .def("_repr_html_", &CallExport<kToHtml>, nb::sig("def _repr_html_(self) -> str"));
  ActAsSequence(result_set);

  nb::class_<db::ExecuteResult>(m, "ExecuteResult", "What a statement that writes did.")
      .def_ro("rows_affected", &db::ExecuteResult::rows_affected,
              "How many rows it inserted, updated or deleted; 0 for DDL.")
      .def_prop_ro(
          "last_insert_id",
          [](const db::ExecuteResult& self) -> nb::object {
            if (!self.last_insert_id) return nb::none();
            return nb::int_(*self.last_insert_id);
          },
          nb::sig("def last_insert_id(self) -> int | None"),
          "The row id of the last row an INSERT made, else None.")
      .def("__repr__", [](const db::ExecuteResult& self) {
        return "ExecuteResult(rows_affected=" + std::to_string(self.rows_affected) +
               ", last_insert_id=" +
               (self.last_insert_id ? std::to_string(*self.last_insert_id) : "None") + ")";
      });
}

}  // namespace molt::bindings
