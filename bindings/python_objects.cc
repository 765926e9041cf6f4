// Values and cells as Python's objects: the second half of values.h.
#include <Python.h>
#include <datetime.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "errors.h"
#include "imported.h"
#include "molt/types/decimal128.h"
#include "molt/types/iso_text.h"
#include "molt/types/value_text.h"
#include "values.h"

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

// Sets an exception: `what` is fine where it is, but not in Python.
PyObject* NoSuchObject(const char* what) {
  try {
    RaiseInvalid(std::string(what) + "; cast the column to text in the query");
  } catch (nb::python_error& e) {
    e.restore();
    return nullptr;
  }
}

PyObject* MakeText(std::string_view text) {
  return PyUnicode_DecodeUTF8(text.data(), static_cast<Py_ssize_t>(text.size()), nullptr);
}

PyObject* MakeBytes(std::string_view bytes) {
  return PyBytes_FromStringAndSize(bytes.data(), static_cast<Py_ssize_t>(bytes.size()));
}

// Calls `callable` with one argument, whose reference it takes over. Nothing is called if that is
// nullptr, with an exception set.
PyObject* CallWith(PyObject* callable, PyObject* argument) {
  if (argument == nullptr) return nullptr;
  PyObject* made = PyObject_CallOneArg(callable, argument);
  Py_DECREF(argument);
  return made;
}

bool HasYear(const types::CivilDate& date) { return date.year >= 1 && date.year <= 9999; }

PyObject* MakeDate(std::int32_t days) {
  const types::CivilDate c = types::ToCivil({days});
  if (!HasYear(c)) return NoSuchObject("a date outside of the years 1 to 9999 is no Python date");
  return PyDate_FromDate(c.year, static_cast<int>(c.month), static_cast<int>(c.day));
}

PyObject* MakeTime(std::int64_t micros, PyObject* zone) {
  if (micros < 0 || micros >= kMicrosPerDay)
    return NoSuchObject("the time 24:00 is no Python time");
  const auto second = static_cast<int>(micros / kMicrosPerSecond);
  return PyDateTimeAPI->Time_FromTime(second / 3600, second / 60 % 60, second % 60,
                                      static_cast<int>(micros % kMicrosPerSecond), zone,
                                      PyDateTimeAPI->TimeType);
}

PyObject* MakeTimeTz(types::TimeTz time) {
  const nb::object offset = nb::steal(PyDelta_FromDSU(0, time.offset_seconds, 0));
  if (!offset.is_valid()) return nullptr;
  const nb::object zone = nb::steal(PyTimeZone_FromOffset(offset.ptr()));
  return zone.is_valid() ? MakeTime(time.micros, zone.ptr()) : nullptr;
}

PyObject* MakeTimestamp(std::int64_t micros, bool utc) {
  std::int64_t days = micros / kMicrosPerDay;
  std::int64_t rest = micros % kMicrosPerDay;
  if (rest < 0) {
    rest += kMicrosPerDay;
    --days;
  }
  const types::CivilDate c = types::ToCivil({static_cast<std::int32_t>(days)});
  if (!HasYear(c)) {
    return NoSuchObject("a timestamp outside of the years 1 to 9999 is no Python datetime");
  }
  const auto second = static_cast<int>(rest / kMicrosPerSecond);
  return PyDateTimeAPI->DateTime_FromDateAndTime(
      c.year, static_cast<int>(c.month), static_cast<int>(c.day), second / 3600, second / 60 % 60,
      second % 60, static_cast<int>(rest % kMicrosPerSecond),
      utc ? PyDateTime_TimeZone_UTC : Py_None, PyDateTimeAPI->DateTimeType);
}

// A month is 30 days and twelve are 365, as psycopg counts them.
PyObject* MakeInterval(const types::Interval& interval) {
  constexpr std::int64_t kDaysMax = 999'999'999;  // of a timedelta
  std::int64_t days = std::int64_t{interval.months} / 12 * 365 +
                      std::int64_t{interval.months} % 12 * 30 + interval.days +
                      interval.micros / kMicrosPerDay;
  std::int64_t rest = interval.micros % kMicrosPerDay;
  if (rest < 0) {
    rest += kMicrosPerDay;
    --days;
  }
  if (days < -kDaysMax || days > kDaysMax) {
    return NoSuchObject("an interval of a billion days or more is no Python timedelta");
  }
  return PyDelta_FromDSU(static_cast<int>(days), static_cast<int>(rest / kMicrosPerSecond),
                         static_cast<int>(rest % kMicrosPerSecond));
}

PyObject* MakeDecimal(std::string_view text) {
  static PyObject* decimal = ImportForever("decimal", "Decimal");
  return CallWith(decimal, MakeText(text));
}

PyObject* MakeDecimal128(const std::uint8_t* cell, int scale) {
  char text[types::kDecimal128TextMax];
  return MakeDecimal({text, types::WriteDecimal128(types::LoadInt128(cell), scale, text)});
}

// UUID.__init__ is Python code that checks what needs no check here; this does what is left of it.
PyObject* MakeUuid(const std::uint8_t* bytes) {
  static PyObject* type = ImportForever("uuid", "UUID");
  static PyObject* unknown =
      nb::object(nb::module_::import_("uuid").attr("SafeUUID").attr("unknown")).release().ptr();
  static PyObject* no_arguments = PyTuple_New(0);
  static PyObject* int_name = PyUnicode_InternFromString("int");
  static PyObject* is_safe_name = PyUnicode_InternFromString("is_safe");
  static constexpr char kHex[] = "0123456789abcdef";
  char digits[33];
  for (std::size_t i = 0; i < 16; ++i) {
    digits[i * 2] = kHex[bytes[i] >> 4];
    digits[i * 2 + 1] = kHex[bytes[i] & 15];
  }
  digits[32] = '\0';
  const nb::object number = nb::steal(PyLong_FromString(digits, nullptr, 16));
  nb::object uuid = nb::steal(
      PyBaseObject_Type.tp_new(reinterpret_cast<PyTypeObject*>(type), no_arguments, nullptr));
  if (!number.is_valid() || !uuid.is_valid() ||
      PyObject_GenericSetAttr(uuid.ptr(), int_name, number.ptr()) != 0 ||
      PyObject_GenericSetAttr(uuid.ptr(), is_safe_name, unknown) != 0) {
    return nullptr;
  }
  return uuid.release().ptr();
}

PyObject* MakeJson(std::string_view text) {
  static PyObject* loads = ImportForever("json", "loads");
  PyObject* object = CallWith(loads, MakeText(text));
  // Numbers of thousands of digits, or documents nested deeper than Python's own stack allows.
  if (object != nullptr || (PyErr_ExceptionMatches(PyExc_ValueError) == 0 &&
                            PyErr_ExceptionMatches(PyExc_RecursionError) == 0)) {
    return object;
  }
  PyErr_Clear();
  return NoSuchObject("a JSON document that Python cannot read");
}

PyObject* MakeInet(std::string_view text, bool is_network) {
  static PyObject* address = ImportForever("ipaddress", "ip_address");
  static PyObject* interface = ImportForever("ipaddress", "ip_interface");
  static PyObject* network = ImportForever("ipaddress", "ip_network");
  const bool has_prefix = text.find('/') != std::string_view::npos;
  return CallWith(is_network ? network : (has_prefix ? interface : address), MakeText(text));
}

PyObject* MakeObject(const Value& value);

PyObject* MakeList(const types::List& list) {
  const auto size = static_cast<Py_ssize_t>(list.items->values.size());
  nb::object made = nb::steal(PyList_New(size));
  if (!made.is_valid()) return nullptr;
  for (Py_ssize_t i = 0; i < size; ++i) {
    PyObject* item = MakeObject(list.items->values[static_cast<std::size_t>(i)]);
    if (item == nullptr) return nullptr;
    PyList_SET_ITEM(made.ptr(), i, item);
  }
  return made.release().ptr();
}

PyObject* MakeRange(const types::Range& range) {
  static PyObject* type = ImportForever("molt_sql._values", "Range");
  const types::RangeBounds& bounds = *range.bounds;
  const nb::object lower = nb::steal(MakeObject(bounds.lower));
  if (!lower.is_valid()) return nullptr;
  const nb::object upper = nb::steal(MakeObject(bounds.upper));
  if (!upper.is_valid()) return nullptr;
  const char text[] = {bounds.lower_inclusive ? '[' : '(', bounds.upper_inclusive ? ']' : ')',
                       '\0'};
  return PyObject_CallFunction(type, "OOsO", lower.ptr(), upper.ptr(), text,
                               bounds.empty ? Py_True : Py_False);
}

struct PythonMaker {
  PyObject* operator()(types::Null) const { return Py_NewRef(Py_None); }
  PyObject* operator()(bool v) const { return PyBool_FromLong(v ? 1 : 0); }
  PyObject* operator()(std::int64_t v) const { return PyLong_FromLongLong(v); }
  PyObject* operator()(double v) const { return PyFloat_FromDouble(v); }
  PyObject* operator()(const std::string& v) const { return MakeText(v); }
  PyObject* operator()(const types::Bytes& v) const { return MakeBytes(v.data); }
  PyObject* operator()(types::Date v) const { return MakeDate(v.days); }
  PyObject* operator()(types::Time v) const { return MakeTime(v.micros, Py_None); }
  PyObject* operator()(types::Timestamp v) const { return MakeTimestamp(v.micros, v.utc); }
  PyObject* operator()(const types::Decimal& v) const { return MakeDecimal(v.text); }
  PyObject* operator()(const types::Uuid& v) const { return MakeUuid(v.bytes.data()); }
  PyObject* operator()(const types::Interval& v) const { return MakeInterval(v); }
  PyObject* operator()(types::TimeTz v) const { return MakeTimeTz(v); }
  PyObject* operator()(const types::Json& v) const { return MakeJson(v.text); }
  PyObject* operator()(const types::Inet& v) const { return MakeInet(v.text, v.is_network); }
  PyObject* operator()(const types::Other& v) const { return MakeText(v.text); }
  PyObject* operator()(const types::List& v) const { return MakeList(v); }
  PyObject* operator()(const types::Range& v) const { return MakeRange(v); }
};

// Imports fail as C++ exceptions, all else by a nullptr.
PyObject* MakeObject(const Value& value) {
  try {
    return std::visit(PythonMaker{}, value);
  } catch (nb::python_error& e) {
    e.restore();
    return nullptr;
  }
}

PyObject* MakeListCell(const types::Column& column, std::int64_t row) {
  const auto* offset = column.offsets.As<std::int32_t>() + row;
  nb::object made = nb::steal(PyList_New(offset[1] - offset[0]));
  if (!made.is_valid()) return nullptr;
  const CellReader read(column.children[0]);
  for (std::int32_t i = offset[0]; i < offset[1]; ++i) {
    PyObject* item = read(i);
    if (item == nullptr) return nullptr;
    PyList_SET_ITEM(made.ptr(), i - offset[0], item);
  }
  return made.release().ptr();
}

// The types that take more than one call. Precondition: typed, and not NULL.
PyObject* MakeRareCell(const types::Column& column, std::int64_t row) {
  LoadDateTime();
  switch (column.type.id) {
    case TypeId::kDate:
      return MakeDate(column.data.As<std::int32_t>()[row]);
    case TypeId::kTime:
      return MakeTime(column.data.As<std::int64_t>()[row], Py_None);
    case TypeId::kTimestamp:
    case TypeId::kTimestampTz:
      return MakeTimestamp(column.data.As<std::int64_t>()[row],
                           column.type.id == TypeId::kTimestampTz);
    case TypeId::kDecimal:
      return MakeDecimal(column.BytesAt(row));
    case TypeId::kDecimal128:
      return MakeDecimal128(column.data.data() + row * 16, column.type.scale);
    case TypeId::kUuid:
      return MakeUuid(column.data.data() + row * 16);
    case TypeId::kInterval:
      return MakeInterval(column.IntervalAt(row));
    case TypeId::kJson:
      return MakeJson(column.BytesAt(row));
    case TypeId::kInet:
      return MakeInet(column.BytesAt(row), column.type.is_network());
    case TypeId::kList:
      return MakeListCell(column, row);
    default:
      return std::visit(PythonMaker{}, column.ValueAt(row));
  }
}

}  // namespace

nb::object ToPython(const Value& value) {
  LoadDateTime();
  PyObject* object = MakeObject(value);
  if (object == nullptr) throw nb::python_error();
  return nb::steal(object);
}

PyObject* CellReader::operator()(std::int64_t row) const {
  if (column_.IsNull(row)) return Py_NewRef(Py_None);
  if (column_.IsMixed()) {
    LoadDateTime();
    return MakeObject(column_.mixed[static_cast<std::size_t>(row)]);
  }
  switch (column_.type.id) {
    case TypeId::kBool:
      return PyBool_FromLong(column_.BoolAt(row) ? 1 : 0);
    case TypeId::kInt16:
      return PyLong_FromLong(column_.data.As<std::int16_t>()[row]);
    case TypeId::kInt32:
      return PyLong_FromLong(column_.data.As<std::int32_t>()[row]);
    case TypeId::kInt64:
      return PyLong_FromLongLong(column_.data.As<std::int64_t>()[row]);
    case TypeId::kFloat32:
      return PyFloat_FromDouble(double{column_.data.As<float>()[row]});
    case TypeId::kFloat64:
      return PyFloat_FromDouble(column_.data.As<double>()[row]);
    case TypeId::kUtf8:
    case TypeId::kOther:
      return MakeText(column_.BytesAt(row));
    case TypeId::kBinary:
      return MakeBytes(column_.BytesAt(row));
    default:
      break;
  }
  try {
    return MakeRareCell(column_, row);
  } catch (nb::python_error& e) {  // of an import
    e.restore();
    return nullptr;
  }
}

}  // namespace molt::bindings
