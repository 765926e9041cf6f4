// Python objects <-> types::Value.
#pragma once

#include <string>

#include <nanobind/nanobind.h>

#include "molt/types/record_batch.h"
#include "molt/types/value.h"

namespace molt::bindings {

namespace nb = nanobind;

// None, bool, int (64 bits), float, str, bytes-like, date, datetime, time, timedelta, Decimal,
// UUID, lists and tuples (an array), dict and Json (JSON), Range, addresses and networks of
// ipaddress, and members of an Enum for their value. Anything else raises InvalidQueryError naming
// its type. An aware datetime becomes UTC.
types::Value ToValue(nb::handle object);

// A str as UTF-8; InvalidQueryError for one with lone surrogates.
std::string ToText(nb::handle text);

// What psycopg 3 makes of the value; timestamps in UTC come out aware. InvalidQueryError for one
// that Python has no object for, such as a date after the year 9999.
nb::object ToPython(const types::Value& value);

// Makes the Python objects of one column. New references; nullptr with an exception set on failure.
class CellReader {
 public:
  explicit CellReader(const types::Column& column) : column_(column) {}
  PyObject* operator()(std::int64_t row) const;

 private:
  const types::Column& column_;
};

}  // namespace molt::bindings
