#include "values.h"

#include <Python.h>
#include <datetime.h>

#include <algorithm>
#include <cstring>
#include <initializer_list>
#include <optional>
#include <string>
#include <utility>

#include "errors.h"
#include "imported.h"
#include "molt/types/iso_text.h"

namespace molt::bindings {

namespace {

using types::Value;

constexpr std::int64_t kMicrosPerSecond = 1'000'000;
constexpr std::int64_t kMicrosPerDay = 86'400 * kMicrosPerSecond;
constexpr std::int64_t kMicrosOfYear1 = -719'162 * kMicrosPerDay;       // 0001-01-01
constexpr std::int64_t kMicrosOfYear10000 = 2'932'897 * kMicrosPerDay;  // 10000-01-01

// The datetime C API is a per-file static that must be loaded before use.
void LoadDateTime() {
  if (PyDateTimeAPI == nullptr) PyDateTime_IMPORT;
}

std::string TypeNameOf(nb::handle object) { return Py_TYPE(object.ptr())->tp_name; }

types::Date DateOf(PyObject* o) {
  return types::FromCivil({PyDateTime_GET_YEAR(o), static_cast<unsigned>(PyDateTime_GET_MONTH(o)),
                           static_cast<unsigned>(PyDateTime_GET_DAY(o))});
}

std::int64_t MicrosOf(int hour, int minute, int second, int micro) {
  return ((hour * 60 + minute) * std::int64_t{60} + second) * kMicrosPerSecond + micro;
}

std::int64_t MicrosOfDelta(PyObject* o) {
  return PyDateTime_DELTA_GET_DAYS(o) * kMicrosPerDay +
         PyDateTime_DELTA_GET_SECONDS(o) * kMicrosPerSecond + PyDateTime_DELTA_GET_MICROSECONDS(o);
}

Value TimestampOf(nb::handle object) {
  PyObject* o = object.ptr();
  const std::int64_t micros =
      DateOf(o).days * kMicrosPerDay +
      MicrosOf(PyDateTime_DATE_GET_HOUR(o), PyDateTime_DATE_GET_MINUTE(o),
               PyDateTime_DATE_GET_SECOND(o), PyDateTime_DATE_GET_MICROSECOND(o));
  if (PyDateTime_DATE_GET_TZINFO(o) == Py_None) return types::Timestamp{micros, false};
  const nb::object offset = object.attr("utcoffset")();
  // By Python's definition it is naive then, whatever zone it names.
  if (offset.is_none()) return types::Timestamp{micros, false};
  const std::int64_t utc = micros - MicrosOfDelta(offset.ptr());
  if (utc < kMicrosOfYear1 || utc >= kMicrosOfYear10000) {
    RaiseInvalid("a datetime that in UTC is outside of the years 1 to 9999 cannot be bound");
  }
  return types::Timestamp{utc, true};
}

// The offset of a time from UTC. Most zones have one on a date only.
std::int32_t OffsetOf(nb::handle time) {
  const nb::object offset = time.attr("utcoffset")();
  if (offset.is_none()) {
    RaiseInvalid(
        "a time whose zone has an offset on a date only cannot be bound; use a datetime, or a "
        "datetime.timezone");
  }
  PyObject* o = offset.ptr();
  if (PyDateTime_DELTA_GET_MICROSECONDS(o) != 0) {
    RaiseInvalid("a time whose offset has fractions of a second cannot be bound");
  }
  return PyDateTime_DELTA_GET_DAYS(o) * 86'400 + PyDateTime_DELTA_GET_SECONDS(o);
}

Value TimeOf(PyObject* o) {
  const std::int64_t micros =
      MicrosOf(PyDateTime_TIME_GET_HOUR(o), PyDateTime_TIME_GET_MINUTE(o),
               PyDateTime_TIME_GET_SECOND(o), PyDateTime_TIME_GET_MICROSECOND(o));
  if (PyDateTime_TIME_GET_TZINFO(o) == Py_None) return types::Time{micros};
  return types::TimeTz{micros, OffsetOf(o)};
}

Value IntervalOf(PyObject* o) {
  return types::Interval{
      0, PyDateTime_DELTA_GET_DAYS(o),
      PyDateTime_DELTA_GET_SECONDS(o) * kMicrosPerSecond + PyDateTime_DELTA_GET_MICROSECONDS(o)};
}

Value IntOf(PyObject* o) {
  int overflow = 0;
  const long long value = PyLong_AsLongLongAndOverflow(o, &overflow);
  if (overflow != 0) {
    RaiseInvalid("an int beyond 64 bits cannot be bound; use a Decimal or a str");
  }
  if (value == -1 && PyErr_Occurred() != nullptr) throw nb::python_error();
  return std::int64_t{value};
}

std::string TextOf(PyObject* o) {
  Py_ssize_t size = 0;
  const char* text = PyUnicode_AsUTF8AndSize(o, &size);
  if (text == nullptr) {
    PyErr_Clear();
    RaiseInvalid("a str with lone surrogates is not valid text and cannot be bound");
  }
  return {text, static_cast<std::size_t>(size)};
}

// Anything that offers its bytes.
Value BytesOf(nb::handle object) {
  Py_buffer view;
  if (PyObject_GetBuffer(object.ptr(), &view, PyBUF_SIMPLE) != 0) throw nb::python_error();
  types::Bytes bytes{
      std::string(static_cast<const char*>(view.buf), static_cast<std::size_t>(view.len))};
  PyBuffer_Release(&view);
  return bytes;
}

Value AnyValue(nb::handle object, int depth);

Value ListOf(nb::handle object, int depth) {
  if (depth > types::kListDepthMax) {
    RaiseInvalid("a list nested more than " + std::to_string(types::kListDepthMax) +
                 " deep cannot be bound; wrap it in Json(...) if it is to be JSON");
  }
  // Of the list's own, which Python code run below might change.
  const nb::object items = nb::steal(PySequence_Tuple(object.ptr()));
  if (!items.is_valid()) throw nb::python_error();
  types::ListItems list;
  const Py_ssize_t size = PyTuple_GET_SIZE(items.ptr());
  list.values.reserve(static_cast<std::size_t>(size));
  for (Py_ssize_t i = 0; i < size; ++i) {
    list.values.push_back(AnyValue(PyTuple_GET_ITEM(items.ptr(), i), depth));
  }
  return types::List(std::move(list));
}

Value JsonOf(nb::handle object) {
  static PyObject* write = ImportForever("molt_sql._values", "write_json");
  return types::Json{TextOf(nb::handle(write)(object).ptr())};
}

Value RangeOf(nb::handle object) {
  types::RangeBounds range;
  range.empty = nb::cast<bool>(object.attr("isempty"));
  if (range.empty) return types::Range();
  range.lower = ToValue(object.attr("lower"));
  range.upper = ToValue(object.attr("upper"));
  range.lower_inclusive = nb::cast<bool>(object.attr("lower_inc"));
  range.upper_inclusive = nb::cast<bool>(object.attr("upper_inc"));
  return types::Range(std::move(range));
}

bool IsA(nb::handle object, PyObject* type) {
  const int is = PyObject_IsInstance(object.ptr(), type);
  if (is < 0) throw nb::python_error();
  return is == 1;
}

bool IsAnyOf(nb::handle object, const char* module, std::initializer_list<const char*> names) {
  const nb::object imported = nb::module_::import_(module);
  return std::any_of(names.begin(), names.end(), [&](const char* name) {
    return IsA(object, nb::object(imported.attr(name)).ptr());
  });
}

// Of classes written in Python.
std::optional<Value> ValueOfClass(nb::handle object, int depth) {
  static PyObject* decimal = ImportForever("decimal", "Decimal");
  static PyObject* uuid = ImportForever("uuid", "UUID");
  static PyObject* json = ImportForever("molt_sql._values", "Json");
  static PyObject* range = ImportForever("molt_sql._values", "Range");
  static PyObject* enumeration = ImportForever("enum", "Enum");
  if (IsA(object, decimal)) return types::Decimal{TextOf(nb::str(object).ptr())};
  if (IsA(object, uuid)) {
    const nb::object bytes = object.attr("bytes");
    types::Uuid value;
    std::memcpy(value.bytes.data(), PyBytes_AS_STRING(bytes.ptr()), value.bytes.size());
    return value;
  }
  if (IsA(object, json)) return JsonOf(object.attr("value"));
  if (IsA(object, range)) return RangeOf(object);
  if (IsA(object, enumeration)) return AnyValue(object.attr("value"), depth);
  // Nothing of ipaddress exists before somebody imports it.
  if (PyDict_GetItemString(PyImport_GetModuleDict(), "ipaddress") == nullptr) return std::nullopt;
  const bool is_network = IsAnyOf(object, "ipaddress", {"IPv4Network", "IPv6Network"});
  if (is_network || IsAnyOf(object, "ipaddress", {"IPv4Address", "IPv6Address"})) {
    return types::Inet{TextOf(nb::str(object).ptr()), is_network};
  }
  return std::nullopt;
}

Value RareValue(nb::handle object, int depth) {
  PyObject* o = object.ptr();
  LoadDateTime();
  if (PyDateTime_Check(o)) return TimestampOf(object);
  if (PyDate_Check(o)) return DateOf(o);
  if (PyTime_Check(o)) return TimeOf(o);
  if (PyDelta_Check(o)) return IntervalOf(o);
  if (PyBytes_Check(o) || PyByteArray_Check(o) || PyMemoryView_Check(o)) return BytesOf(object);
  if (PyList_Check(o) || PyTuple_Check(o)) return ListOf(object, depth + 1);
  if (PyDict_Check(o)) return JsonOf(object);
  if (std::optional<Value> value = ValueOfClass(object, depth)) return *std::move(value);
  if (PyIndex_Check(o)) {  // NumPy's integers
    const nb::object number = nb::steal(PyNumber_Index(o));
    if (!number.is_valid()) throw nb::python_error();
    return IntOf(number.ptr());
  }
  std::string hint =
      "; values are None, bool, int, float, str, bytes, date, datetime, time, timedelta, Decimal, "
      "UUID, list, dict, Json, Range, an Enum of these or an address of ipaddress";
  if (PyAnySet_Check(o)) hint = "; to compare with any of them use in_(), for an array a list";
  RaiseInvalid("a value of type " + TypeNameOf(object) + " cannot be bound" + hint);
}

Value AnyValue(nb::handle object, int depth) {
  PyObject* o = object.ptr();
  if (PyUnicode_Check(o)) return TextOf(o);
  if (PyBool_Check(o)) return o == Py_True;
  if (PyLong_Check(o)) return IntOf(o);
  if (PyFloat_Check(o)) return PyFloat_AS_DOUBLE(o);
  if (o == Py_None) return types::Null{};
  return RareValue(object, depth);
}

}  // namespace

std::string ToText(nb::handle text) { return TextOf(text.ptr()); }

Value ToValue(nb::handle object) { return AnyValue(object, 0); }

}  // namespace molt::bindings
