#include "values.h"

#include <Python.h>
#include <datetime.h>

#include <array>
#include <cstring>
#include <string>

#include "errors.h"
#include "molt/types/iso_text.h"

namespace molt::bindings {

namespace {

using types::TypeId;
using types::Value;

constexpr std::int64_t kMicrosPerSecond = 1'000'000;
constexpr std::int64_t kMicrosPerDay = 86'400 * kMicrosPerSecond;

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

Value TimestampOf(nb::handle object) {
  nb::object owned;
  PyObject* o = object.ptr();
  const bool aware = PyDateTime_DATE_GET_TZINFO(o) != Py_None;
  if (aware) {
    owned = object.attr("astimezone")(nb::handle(PyDateTime_TimeZone_UTC));
    o = owned.ptr();
  }
  const std::int64_t micros =
      DateOf(o).days * kMicrosPerDay +
      MicrosOf(PyDateTime_DATE_GET_HOUR(o), PyDateTime_DATE_GET_MINUTE(o),
               PyDateTime_DATE_GET_SECOND(o), PyDateTime_DATE_GET_MICROSECOND(o));
  return types::Timestamp{micros, aware};
}

Value TimeOf(PyObject* o) {
  if (PyDateTime_TIME_GET_TZINFO(o) != Py_None) {
    RaiseInvalid("a time with a time zone cannot be bound; use a datetime, or drop the zone");
  }
  return types::Time{MicrosOf(PyDateTime_TIME_GET_HOUR(o), PyDateTime_TIME_GET_MINUTE(o),
                              PyDateTime_TIME_GET_SECOND(o), PyDateTime_TIME_GET_MICROSECOND(o))};
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

PyObject* ImportForever(const char* module, const char* name) {
  return nb::object(nb::module_::import_(module).attr(name)).release().ptr();
}

Value RareValue(nb::handle object) {
  PyObject* o = object.ptr();
  LoadDateTime();
  if (PyDateTime_Check(o)) return TimestampOf(object);
  if (PyDate_Check(o)) return DateOf(o);
  if (PyTime_Check(o)) return TimeOf(o);
  if (PyBytes_Check(o) || PyByteArray_Check(o) || PyMemoryView_Check(o)) return BytesOf(object);
  static PyObject* decimal = ImportForever("decimal", "Decimal");
  static PyObject* uuid = ImportForever("uuid", "UUID");
  if (PyObject_IsInstance(o, decimal) == 1) {
    return types::Decimal{TextOf(nb::str(object).ptr())};
  }
  if (PyObject_IsInstance(o, uuid) == 1) {
    const nb::object bytes = object.attr("bytes");
    types::Uuid value;
    std::memcpy(value.bytes.data(), PyBytes_AS_STRING(bytes.ptr()), value.bytes.size());
    return value;
  }
  if (PyIndex_Check(o)) {  // NumPy's integers
    const nb::object number = nb::steal(PyNumber_Index(o));
    if (!number.is_valid()) throw nb::python_error();
    return IntOf(number.ptr());
  }
  std::string hint =
      "; values are None, bool, int, float, str, bytes, date, datetime, time, "
      "Decimal or UUID";
  if (PyList_Check(o) || PyTuple_Check(o) || PySet_Check(o)) hint += "; for a list use in_()";
  RaiseInvalid("a value of type " + TypeNameOf(object) + " cannot be bound" + hint);
}

PyObject* MakeDate(std::int32_t days) {
  const types::CivilDate c = types::ToCivil({days});
  return PyDate_FromDate(c.year, static_cast<int>(c.month), static_cast<int>(c.day));
}

PyObject* MakeTime(std::int64_t micros) {
  const auto second = static_cast<int>(micros / kMicrosPerSecond);
  return PyTime_FromTime(second / 3600, second / 60 % 60, second % 60,
                         static_cast<int>(micros % kMicrosPerSecond));
}

PyObject* MakeTimestamp(std::int64_t micros, bool utc) {
  std::int64_t days = micros / kMicrosPerDay;
  std::int64_t rest = micros % kMicrosPerDay;
  if (rest < 0) {
    rest += kMicrosPerDay;
    --days;
  }
  const types::CivilDate c = types::ToCivil({static_cast<std::int32_t>(days)});
  const auto second = static_cast<int>(rest / kMicrosPerSecond);
  return PyDateTimeAPI->DateTime_FromDateAndTime(
      c.year, static_cast<int>(c.month), static_cast<int>(c.day), second / 3600, second / 60 % 60,
      second % 60, static_cast<int>(rest % kMicrosPerSecond),
      utc ? PyDateTime_TimeZone_UTC : Py_None, PyDateTimeAPI->DateTimeType);
}

PyObject* MakeText(std::string_view text) {
  return PyUnicode_DecodeUTF8(text.data(), static_cast<Py_ssize_t>(text.size()), nullptr);
}

PyObject* MakeBytes(std::string_view bytes) {
  return PyBytes_FromStringAndSize(bytes.data(), static_cast<Py_ssize_t>(bytes.size()));
}

PyObject* Call(const char* module, const char* name, const char* keyword, const nb::object& arg) {
  try {
    const nb::object type = nb::module_::import_(module).attr(name);
    if (keyword == nullptr) return type(arg).release().ptr();
    nb::dict kwargs;
    kwargs[keyword] = arg;
    return type(**kwargs).release().ptr();
  } catch (nb::python_error& e) {
    e.restore();
    return nullptr;
  }
}

struct PythonMaker {
  PyObject* operator()(types::Null) const { return Py_NewRef(Py_None); }
  PyObject* operator()(bool v) const { return PyBool_FromLong(v ? 1 : 0); }
  PyObject* operator()(std::int64_t v) const { return PyLong_FromLongLong(v); }
  PyObject* operator()(double v) const { return PyFloat_FromDouble(v); }
  PyObject* operator()(const std::string& v) const { return MakeText(v); }
  PyObject* operator()(const types::Bytes& v) const { return MakeBytes(v.data); }
  PyObject* operator()(types::Date v) const { return MakeDate(v.days); }
  PyObject* operator()(types::Time v) const { return MakeTime(v.micros); }
  PyObject* operator()(types::Timestamp v) const { return MakeTimestamp(v.micros, v.utc); }
  PyObject* operator()(const types::Decimal& v) const {
    return Call("decimal", "Decimal", nullptr, nb::str(v.text.c_str(), v.text.size()));
  }
  PyObject* operator()(const types::Uuid& v) const {
    return Call("uuid", "UUID", "bytes", nb::bytes(v.bytes.data(), v.bytes.size()));
  }
};

}  // namespace

std::string ToText(nb::handle text) { return TextOf(text.ptr()); }

Value ToValue(nb::handle object) {
  PyObject* o = object.ptr();
  if (PyUnicode_Check(o)) return TextOf(o);
  if (PyBool_Check(o)) return o == Py_True;
  if (PyLong_Check(o)) return IntOf(o);
  if (PyFloat_Check(o)) return PyFloat_AS_DOUBLE(o);
  if (o == Py_None) return types::Null{};
  return RareValue(object);
}

nb::object ToPython(const Value& value) {
  LoadDateTime();
  PyObject* object = std::visit(PythonMaker{}, value);
  if (object == nullptr) throw nb::python_error();
  return nb::steal(object);
}

PyObject* CellReader::operator()(std::int64_t row) const {
  if (column_.IsNull(row)) return Py_NewRef(Py_None);
  if (column_.IsMixed()) {
    LoadDateTime();
    return std::visit(PythonMaker{}, column_.mixed[static_cast<std::size_t>(row)]);
  }
  switch (column_.type.id) {
    case TypeId::kBool:
      return PyBool_FromLong(column_.BoolAt(row) ? 1 : 0);
    case TypeId::kInt64:
      return PyLong_FromLongLong(column_.data.As<std::int64_t>()[row]);
    case TypeId::kFloat64:
      return PyFloat_FromDouble(column_.data.As<double>()[row]);
    case TypeId::kUtf8:
      return MakeText(column_.BytesAt(row));
    case TypeId::kBinary:
      return MakeBytes(column_.BytesAt(row));
    case TypeId::kDate:
      LoadDateTime();
      return MakeDate(column_.data.As<std::int32_t>()[row]);
    case TypeId::kTime:
      LoadDateTime();
      return MakeTime(column_.data.As<std::int64_t>()[row]);
    case TypeId::kTimestamp:
    case TypeId::kTimestampTz:
      LoadDateTime();
      return MakeTimestamp(column_.data.As<std::int64_t>()[row],
                           column_.type.id == TypeId::kTimestampTz);
    default:
      return Py_NewRef(Py_None);
  }
}

}  // namespace molt::bindings
