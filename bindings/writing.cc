#include "writing.h"

#include <algorithm>
#include <utility>

#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/unique_ptr.h>
#include <nanobind/stl/vector.h>

#include "exprs.h"
#include "rows_source.h"
#include "values.h"

namespace molt::bindings {

namespace {

// Rows that bring no column names are of the table's columns, in its order.
Async<std::int64_t> InsertAll(engine::Database& db, db::TableName table,
                              std::optional<std::vector<std::string>> columns,
                              std::shared_ptr<PythonSource> source,
                              engine::RequestContext context) {
  if (!columns) {
    MOLT_CO_ASSIGN(const types::Schema schema, co_await db.DescribeTable(table, context));
    columns.emplace();
    for (const types::Field& field : schema) columns->push_back(field.name);
    MOLT_CO_RETURN_IF_ERROR(source->SetColumns(*columns));
  }
  co_return co_await db.Insert(table, *columns, source, context);
}

// Of a column named twice SQLite would silently drop one value.
void RefuseTwins(std::vector<std::string> names) {
  std::sort(names.begin(), names.end());
  const auto twin = std::adjacent_find(names.begin(), names.end());
  if (twin != names.end()) RaiseInvalid("the column \"" + *twin + "\" is named twice");
}

// A dict with the items of any mapping.
PyObject* PyDictOf(nb::handle mapping) {
  PyObject* dict = PyDict_New();
  if (dict == nullptr) throw nb::python_error();
  if (PyDict_Update(dict, mapping.ptr()) == 0) return dict;
  PyErr_Clear();
  Py_DECREF(dict);
  RaiseInvalid("each row of execute_many() is a mapping of hole names to values");
}

}  // namespace

db::TableName NameOf(nb::handle table) {
  if (PyUnicode_Check(table.ptr())) {
    const query::Table parsed(nb::cast<std::string>(table));
    return {parsed->schema, parsed->name};
  }
  const query::Table ref = ToTable(table);
  return {ref->schema, ref->name};
}

std::unique_ptr<Pending> Insert(nb::handle self, nb::handle table, nb::handle rows,
                                std::optional<std::vector<std::string>> columns,
                                std::int64_t batch_rows, nb::object on_progress,
                                std::optional<double> timeout) {
  db::TableName name = NameOf(table);
  std::shared_ptr<PythonSource> source = MakeSource(rows, batch_rows, std::move(on_progress));
  if (!columns) columns = source->OwnColumns();
  if (columns) {
    RefuseTwins(*columns);
    if (const Status fits = source->SetColumns(*columns); !fits) Raise(fits.error());
  }
  auto pending = MakePending<std::int64_t>(
      "insert", nb::borrow(self), timeout,
      [name, columns, source](engine::Database& db, const engine::RequestContext& context) {
        return InsertAll(db, name, columns, source, context);
      },
      [](std::int64_t inserted) { return nb::object(nb::int_(inserted)); },
      [source] { source->Rethrow(); });
  pending->SetNeedsThread();
  return pending;
}

std::unique_ptr<Pending> ExecuteMany(nb::handle self, const std::string& text, nb::handle rows,
                                     std::optional<double> timeout) {
  std::vector<query::Query> queries;
  for (const nb::handle row : rows) {
    std::vector<std::pair<std::string, query::Expr>> holes;
    for (const auto [key, value] : nb::steal<nb::dict>(PyDictOf(row))) {
      holes.emplace_back(ToText(key), ToExpr(value));
    }
    const query::Expr statement = query::Expr::Raw(text, holes);
    if (statement->op == query::Op::kError) {
      RaiseInvalid(statement->name + " (row " + std::to_string(queries.size() + 1) + ")");
    }
    queries.push_back(query::Query::FromRaw(statement));
  }
  return MakePending<db::ExecuteResult>(
      "execute_many", nb::borrow(self), timeout,
      [queries = std::move(queries)](engine::Database& db, const engine::RequestContext& context) {
        return db.ExecuteMany(queries, context);
      },
      [](const db::ExecuteResult& result) { return nb::cast(result); });
}

}  // namespace molt::bindings
