#include <nanobind/nanobind.h>

#include "database_handle.h"
#include "exprs.h"
#include "pending.h"
#include "queries.h"
#include "results.h"
#include "rows.h"

NB_MODULE(_molt, m) {
  m.doc() = "The C++ core of molt_sql. Use the package, not this module.";
  using namespace molt::bindings;
  // A process may end while threads still run queries; that is no leak to report.
  nanobind::set_leak_warnings(false);
  BindRows(m);
  BindExprs(m);
  auto table = BindTables(m);
  BindPending(m);
  BindResults(m);
  BindDatabase(m);
  BindTransactions(m);
  BindQueries(m, table);
  BindWorker(m);
  BindRunWorker(m);
  BindPythonJson(m);
}
