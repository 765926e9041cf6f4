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

// Column names for rows that bring none: the table's, in its order.
std::vector<std::string> ColumnsOf(const Target& target, const db::TableName& table) {
  engine::RequestContext context;
  context.transaction = target.transaction;
  Result<types::Schema> schema = [&] {
    const nb::gil_scoped_release release;
    return target.database.RunBlocking<types::Schema>(
        target.database.DescribeTable(table, context));
  }();
  std::vector<std::string> names;
  for (const types::Field& field : ValueOrRaise(std::move(schema))) names.push_back(field.name);
  return names;
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
  std::vector<std::string> names;
  if (columns) {
    names = std::move(*columns);
  } else if (auto own = source->OwnColumns()) {
    names = std::move(*own);
  } else {
    names = ColumnsOf(TargetOf(self), name);
  }
  RefuseTwins(names);
  source->SetColumns(names);
  auto pending = MakePending<std::int64_t>(
      "insert", nb::borrow(self), timeout,
      [name, names, source](engine::Database& db, const engine::RequestContext& context) {
        return db.Insert(name, names, source, context);
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
