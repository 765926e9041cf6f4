#include "rows.h"

#include <Python.h>

#include <algorithm>
#include <string>
#include <vector>

#include "values.h"

namespace molt::bindings {

namespace {

PyTypeObject* row_type = nullptr;  // lives as long as the module, which is never unloaded

PyObject* Fields(PyObject* self) {
  return PyObject_GetAttrString(reinterpret_cast<PyObject*>(Py_TYPE(self)), "_fields");
}

// row["name"], row[0], row[1:]
PyObject* Subscript(PyObject* self, PyObject* key) {
  if (!PyUnicode_Check(key)) return PyTuple_Type.tp_as_mapping->mp_subscript(self, key);
  const nb::object fields = nb::steal(Fields(self));
  if (!fields.is_valid()) return nullptr;
  const Py_ssize_t index = PySequence_Index(fields.ptr(), key);
  if (index < 0) {
    PyErr_Clear();
    PyErr_Format(PyExc_KeyError, "the row has no column %R; it has %R", key, fields.ptr());
    return nullptr;
  }
  return Py_NewRef(PyTuple_GET_ITEM(self, index));
}

PyObject* AsDict(PyObject* self, PyObject*) {
  const nb::object fields = nb::steal(Fields(self));
  if (!fields.is_valid()) return nullptr;
  PyObject* dict = PyDict_New();
  if (dict == nullptr) return nullptr;
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(self); ++i) {
    // Of columns with the same name the first counts, as it does for row["name"].
    if (PyDict_SetDefault(dict, PyTuple_GET_ITEM(fields.ptr(), i), PyTuple_GET_ITEM(self, i)) ==
        nullptr) {
      Py_DECREF(dict);
      return nullptr;
    }
  }
  return dict;
}

// Row classes are made on demand, so a pickle names the columns instead of the class.
PyObject* Reduce(PyObject* self, PyObject*) {
  try {
    const nb::object make = nb::module_::import_("molt_sql._rows").attr("unpickle");
    const nb::object fields = nb::steal(Fields(self));
    const nb::object values = nb::steal(PyTuple_GetSlice(self, 0, PyTuple_GET_SIZE(self)));
    return nb::make_tuple(make, nb::make_tuple(fields, values)).release().ptr();
  } catch (nb::python_error& e) {
    e.restore();
    return nullptr;
  }
}

PyObject* Repr(PyObject* self) {
  try {
    const nb::object fields = nb::steal(Fields(self));
    std::string text = "Row(";
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(self); ++i) {
      if (i > 0) text += ", ";
      text += nb::cast<std::string>(nb::str(nb::handle(PyTuple_GET_ITEM(fields.ptr(), i))));
      text += '=';
      text += nb::cast<std::string>(nb::repr(nb::handle(PyTuple_GET_ITEM(self, i))));
    }
    return PyUnicode_FromStringAndSize((text + ")").c_str(),
                                       static_cast<Py_ssize_t>(text.size() + 1));
  } catch (nb::python_error& e) {
    e.restore();
    return nullptr;
  }
}

PyMethodDef row_methods[] = {
    {"_asdict", AsDict, METH_NOARGS, "The row as a dict of column name to value."},
    {"__reduce__", Reduce, METH_NOARGS, nullptr},
    {nullptr, nullptr, 0, nullptr},
};

PyTypeObject* MakeRowType() {
  static PyType_Slot slots[] = {
      {Py_mp_subscript, reinterpret_cast<void*>(Subscript)},
      {Py_tp_repr, reinterpret_cast<void*>(Repr)},
      {Py_tp_methods, row_methods},
      {Py_tp_doc, const_cast<char*>("One row of a result: a tuple whose values are also reached "
                                    "as row.name and row[\"name\"].")},
      {0, nullptr},
  };
  static PyType_Spec spec = {"molt_sql.Row", 0, 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, slots};
  PyObject* type = PyType_FromSpecWithBases(&spec, reinterpret_cast<PyObject*>(&PyTuple_Type));
  if (type == nullptr) throw nb::python_error();
  return reinterpret_cast<PyTypeObject*>(type);
}

nb::object MakeRowClass(const nb::tuple& fields) {
  // What namedtuple uses: a descriptor in C that reads one item.
  static PyObject* getter =
      nb::object(nb::module_::import_("_collections").attr("_tuplegetter")).release().ptr();
  nb::dict body;
  body["__slots__"] = nb::make_tuple();
  body["__module__"] = "molt_sql";
  body["_fields"] = fields;
  for (std::size_t i = 0; i < nb::len(fields); ++i) {
    const nb::object name = fields[i];
    const std::string text = nb::cast<std::string>(name);
    // Names with a leading underscore are Python's and ours; they are reached by row["_name"].
    if (text.starts_with('_') || body.contains(name)) continue;
    body[name] = nb::handle(getter)(i, name);
  }
  const nb::handle type(reinterpret_cast<PyObject*>(&PyType_Type));
  return type("Row", nb::make_tuple(nb::handle(reinterpret_cast<PyObject*>(row_type))), body);
}

nb::object RowClassOf(const nb::tuple& fields) {
  constexpr std::size_t kClassesMax = 1000;
  // Classes by their column names; leaked, because it must not outlive the interpreter.
  static auto* classes = new nb::dict();
  PyObject* known = PyDict_GetItem(classes->ptr(), fields.ptr());
  if (known != nullptr) return nb::borrow(known);
  nb::object made = MakeRowClass(fields);
  if (classes->size() >= kClassesMax) classes->clear();
  (*classes)[fields] = made;
  return made;
}

// Building many tuples makes the cycle collector walk them again and again, though none of them can
// be garbage yet.
class PauseCollector {
 public:
  explicit PauseCollector(bool pause) : was_enabled_(pause && PyGC_Disable() == 1) {}
  ~PauseCollector() {
    if (was_enabled_) PyGC_Enable();
  }
  PauseCollector(const PauseCollector&) = delete;
  PauseCollector& operator=(const PauseCollector&) = delete;

 private:
  const bool was_enabled_;
};

}  // namespace

nb::object RowClass(const types::Schema& schema) {
  const nb::object fields = nb::steal(PyTuple_New(static_cast<Py_ssize_t>(schema.size())));
  for (std::size_t i = 0; i < schema.size(); ++i) {
    PyObject* name = PyUnicode_DecodeUTF8(
        schema[i].name.data(), static_cast<Py_ssize_t>(schema[i].name.size()), "replace");
    if (name == nullptr) throw nb::python_error();
    PyUnicode_InternInPlace(&name);
    PyTuple_SET_ITEM(fields.ptr(), static_cast<Py_ssize_t>(i), name);
  }
  return RowClassOf(nb::borrow<nb::tuple>(fields));
}

void AppendRows(const types::RecordBatch& batch, std::int64_t begin, std::int64_t end,
                nb::handle row_class, nb::list& list) {
  const PauseCollector pause(end - begin > 500);
  auto* type = reinterpret_cast<PyTypeObject*>(row_class.ptr());
  std::vector<CellReader> readers;
  readers.reserve(batch.columns.size());
  for (const types::Column& column : batch.columns) readers.emplace_back(column);
  const auto width = static_cast<Py_ssize_t>(readers.size());
  for (std::int64_t row = begin; row < end; ++row) {
    const nb::object tuple = nb::steal(type->tp_alloc(type, width));
    if (!tuple.is_valid()) throw nb::python_error();
    for (Py_ssize_t i = 0; i < width; ++i) {
      PyObject* cell = readers[static_cast<std::size_t>(i)](row);
      if (cell == nullptr) throw nb::python_error();
      PyTuple_SET_ITEM(tuple.ptr(), i, cell);
    }
    if (PyList_Append(list.ptr(), tuple.ptr()) != 0) throw nb::python_error();
  }
}

nb::object MakeRow(const types::RecordBatch& batch, std::int64_t row, nb::handle row_class) {
  nb::list list;
  AppendRows(batch, row, row + 1, row_class, list);
  return list[0];
}

void BindRows(nb::module_& m) {
  row_type = MakeRowType();
  m.attr("Row") = nb::handle(reinterpret_cast<PyObject*>(row_type));
  m.def(
      "_row",
      [](const nb::tuple& fields, const nb::tuple& values) {
        const nb::object row_class = RowClassOf(fields);
        auto* type = reinterpret_cast<PyTypeObject*>(row_class.ptr());
        const nb::object row =
            nb::steal(type->tp_alloc(type, static_cast<Py_ssize_t>(nb::len(values))));
        if (!row.is_valid()) throw nb::python_error();
        for (std::size_t i = 0; i < nb::len(values); ++i) {
          const nb::object value = values[i];
          PyTuple_SET_ITEM(row.ptr(), static_cast<Py_ssize_t>(i), Py_NewRef(value.ptr()));
        }
        return row;
      },
      nb::sig("def _row(fields: tuple[str, ...], values: tuple[typing.Any, ...]) -> Row"),
      "Rebuilds a pickled row.");
}

}  // namespace molt::bindings
