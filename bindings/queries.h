// Queries as Python sees them, and the methods that run them.
#pragma once

#include <utility>

#include <nanobind/nanobind.h>

#include "molt/query/query.h"

namespace molt::bindings {

namespace nb = nanobind;

// A query and, after .on(db), where it runs.
struct PyQuery {
  query::Query query;
  nb::object database;  // a DatabaseHandle; invalid: the default one
};

// Also the methods of `table` that start a query.
void BindQueries(nb::module_& m, nb::class_<query::Table>& table);
// fetch_all, execute, explain… for Query and Raw.
void BindRunning(nb::module_& m, nb::class_<PyQuery>& cls);

}  // namespace molt::bindings
