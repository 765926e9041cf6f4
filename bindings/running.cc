// The methods that run a query: each describes the work and returns a Pending.
#include <memory>
#include <string>

#include <nanobind/nanobind.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/unique_ptr.h>

#include "exprs.h"
#include "part_reader.h"
#include "pending.h"
#include "queries.h"
#include "results.h"
#include "rows.h"
#include "values.h"

namespace molt::bindings {

namespace {

using PendingPtr = std::unique_ptr<Pending>;
using Timeout = std::optional<double>;

using PyCursor = PartReader<engine::Cursor>;

nb::object DatabaseOf(const PyQuery& self) {
  if (self.database.is_valid()) return self.database;
  return nb::module_::import_("molt_sql._config").attr("default_database")();
}

nb::object Convert(const char* function, const nb::object& rows, const nb::object& into) {
  return nb::module_::import_("molt_sql._into").attr(function)(rows, into);
}

PendingPtr FetchAll(const PyQuery& self, nb::object into, Timeout timeout) {
  return MakePendingFetch("fetch_all", DatabaseOf(self), timeout, self.query, false,
                          [into = std::move(into)](engine::Batches batches) {
                            nb::object rows = nb::cast(ResultSet(std::move(batches)));
                            return into.is_none() ? rows : Convert("convert", rows, into);
                          });
}

PendingPtr FetchOne(const PyQuery& self, nb::object into, Timeout timeout) {
  return MakePendingFetch(
      "fetch_one", DatabaseOf(self), timeout, self.query, true,
      [into = std::move(into)](engine::Batches batches) -> nb::object {
        ResultSet rows(std::move(batches));
        if (rows.size() == 0) return nb::none();
        if (into.is_none()) return rows.RowAt(0);
        return nb::object(Convert("convert", nb::cast(std::move(rows)), into)[0]);
      });
}

PendingPtr FetchValue(const PyQuery& self, Timeout timeout) {
  return MakePendingFetch("fetch_value", DatabaseOf(self), timeout, self.query, true,
                          [](const engine::Batches& batches) -> nb::object {
                            const types::RecordBatch& batch = *batches.front();
                            if (batch.num_rows == 0 || batch.columns.empty()) return nb::none();
                            nb::object cell = nb::steal(CellReader(batch.columns.front())(0));
                            if (!cell.is_valid()) throw nb::python_error();
                            return cell;
                          });
}

nb::object ExportableRows(engine::Batches batches) {
  ResultSet rows(std::move(batches));
  RaiseIfError(rows.CheckExportable());
  return nb::cast(std::move(rows));
}

PendingPtr FetchArrow(const PyQuery& self, int parallel, Timeout timeout) {
  if (parallel < 1) RaiseInvalid("parallel must be at least 1");
  if (parallel > 1) {
    PendingPtr pending = MakePending<engine::Batches>(
        "fetch_arrow", DatabaseOf(self), timeout,
        [query = self.query, parallel](engine::Database& db,
                                       const engine::RequestContext& context) {
          return db.FetchParallel(query, parallel, context);
        },
        [](engine::Batches batches) { return ExportableRows(std::move(batches)); });
    pending->SetNeedsThread();
    return pending;
  }
  return MakePendingFetch(
      "fetch_arrow", DatabaseOf(self), timeout, self.query, false,
      [](engine::Batches batches) { return ExportableRows(std::move(batches)); });
}

PendingPtr Execute(const PyQuery& self, Timeout timeout) {
  return MakePending<db::ExecuteResult>(
      "execute", DatabaseOf(self), timeout,
      [query = self.query](engine::Database& db, const engine::RequestContext& context) {
        return db.Execute(query, context);
      },
      [](const db::ExecuteResult& result) { return nb::cast(result); });
}

PendingPtr Explain(const PyQuery& self, bool analyze, Timeout timeout) {
  return MakePending<std::string>(
      "explain", DatabaseOf(self), timeout,
      [query = self.query, analyze](engine::Database& db, const engine::RequestContext& context) {
        return db.Explain(query, analyze, context);
      },
      [](const std::string& plan) { return nb::object(nb::str(plan.c_str(), plan.size())); });
}

// Of a stream; nothing: what is quickest.
using BatchRows = std::optional<std::int64_t>;

PendingPtr OpenCursor(const PyQuery& self, BatchRows batch_rows, Timeout timeout) {
  nb::object database = DatabaseOf(self);
  return MakePending<std::unique_ptr<engine::Cursor>>(
      "stream", database, timeout,
      [query = self.query, batch_rows](engine::Database& db,
                                       const engine::RequestContext& context) {
        db::BatchLimits limits;
        limits.rows = batch_rows;
        return db.Open(query, limits, context);
      },
      [database](std::unique_ptr<engine::Cursor> cursor) {
        return nb::cast(PyCursor(std::move(cursor), database));
      });
}

// The next batch as a ResultSet, or None at the end.
PendingPtr NextBatch(PyCursor& self, Timeout timeout) {
  PendingPtr pending = MakePending<types::RecordBatchPtr>(
      "stream", self.database(), timeout,
      [turn = self.TakeTurn()](engine::Database&, const engine::RequestContext& context) {
        return engine::NextBatch(turn.source, context);
      },
      [](types::RecordBatchPtr batch) -> nb::object {
        if (!batch) return nb::none();
        return nb::cast(ResultSet({std::move(batch)}));
      });
  pending->SetHoldsConnection();
  return pending;
}

nb::object AsQuery(const Raw& raw) { return nb::cast(PyQuery{query::Query::FromRaw(raw), {}}); }

// A whole statement by hand runs as a query does.
void BindRaw(nb::module_& m) {
  auto cls = nb::class_<Raw, query::Expr>(m, "Raw", nb::sig("class Raw(Expr[typing.Any])"),
                                          "SQL by hand: part of a query, or all of it.");
  const auto forward = [&](const char* name, const char* signature) {
    cls.def(
        name,
        [name](const Raw& self, const nb::args& args, const nb::kwargs& kwargs) {
          return AsQuery(self).attr(name)(*args, **kwargs);
        },
        nb::arg("args"), nb::arg("kwargs"), nb::sig(signature));
  };
  forward("on", "def on(self, database: Database | _Transaction) -> Query");
  forward("sql", "def sql(self, dialect: str | None = None) -> CompiledSql");
  forward("pretty", "def pretty(self, dialect: str | None = None) -> str");
  forward("fetch_all",
          "def fetch_all(self, *, timeout: float | None = None) -> Pending[ResultSet]");
  forward("fetch_one",
          "def fetch_one(self, *, timeout: float | None = None) -> Pending[Row | None]");
  forward("fetch_value",
          "def fetch_value(self, *, timeout: float | None = None) -> Pending[typing.Any]");
  forward("fetch_arrow",
          "def fetch_arrow(self, *, parallel: int = 1, timeout: float | None = None)"
          " -> Pending[ResultSet]");
  forward("execute",
          "def execute(self, *, timeout: float | None = None) -> Pending[ExecuteResult]");
  forward("explain",
          "def explain(self, analyze: bool = False, *, timeout: float | None = None)"
          " -> Pending[str]");
  forward("stream",
          "def stream(self, batch_rows: int | None = None, *, timeout: float | None = None)"
          " -> Stream");
}

}  // namespace

void BindRunning(nb::module_& m, nb::class_<PyQuery>& cls) {
  const auto timeout = nb::arg("timeout") = nb::none();
  cls.def("fetch_all", &FetchAll, nb::arg("into") = nb::none(), nb::kw_only(), timeout,
          nb::sig("@typing.overload\ndef fetch_all(self, into: None = None, *,"
                  " timeout: float | None = None) -> Pending[ResultSet]"),
          "All rows; with `into`, a list of that dataclass, msgspec.Struct, pydantic model or "
          "TypedDict. `timeout` is in seconds and stops the query in the database.");
  cls.def("fetch_all", &FetchAll, nb::arg("into"), nb::kw_only(), timeout,
          nb::sig("@typing.overload\ndef fetch_all(self, into: type[R], *,"
                  " timeout: float | None = None) -> Pending[list[R]]"));
  cls.def("fetch_one", &FetchOne, nb::arg("into") = nb::none(), nb::kw_only(), timeout,
          nb::sig("@typing.overload\ndef fetch_one(self, into: None = None, *,"
                  " timeout: float | None = None) -> Pending[Row | None]"),
          "The first row, or None.");
  cls.def("fetch_one", &FetchOne, nb::arg("into"), nb::kw_only(), timeout,
          nb::sig("@typing.overload\ndef fetch_one(self, into: type[R], *,"
                  " timeout: float | None = None) -> Pending[R | None]"));
  cls.def("fetch_value", &FetchValue, nb::kw_only(), timeout,
          nb::sig("def fetch_value(self, *, timeout: float | None = None) -> Pending[typing.Any]"),
          "The first column of the first row, or None.");
  cls.def("fetch_arrow", &FetchArrow, nb::kw_only(), nb::arg("parallel") = 1, timeout,
          nb::sig("def fetch_arrow(self, *, parallel: int = 1, timeout: float | None = None)"
                  " -> Pending[ResultSet]"),
          "All rows, for data libraries: a column whose values do not fit one type is an error "
          "here. `parallel` is how many connections may read side by side, in one snapshot: for "
          "plain scans of one PostgreSQL table.");
  cls.def("execute", &Execute, nb::kw_only(), timeout,
          nb::sig("def execute(self, *, timeout: float | None = None) -> Pending[ExecuteResult]"),
          "Runs a statement that writes (one made by raw()).");
  cls.def("explain", &Explain, nb::arg("analyze") = false, nb::kw_only(), timeout,
          nb::sig("def explain(self, analyze: bool = False, *, timeout: float | None = None)"
                  " -> Pending[str]"),
          "How the engine would run it.");
  cls.def(
      "stream",
      [](nb::handle self, BatchRows batch_rows, Timeout limit) {
        if (batch_rows && *batch_rows < 1) RaiseInvalid("batch_rows must be at least 1");
        return nb::module_::import_("molt_sql._stream").attr("Stream")(self, batch_rows, limit);
      },
      nb::arg("batch_rows") = nb::none(), nb::kw_only(), timeout,
      nb::sig("def stream(self, batch_rows: int | None = None, *, timeout: float | None = None)"
              " -> Stream"),
      "The rows in batches, with bounded memory: `for batch in …` or `async for batch in …`. "
      "Batches are of about 1 MiB, which is quickest; with `batch_rows` they have so many rows, "
      "as far as these fit 8 MiB.");
  cls.def("_open", &OpenCursor, nb::arg("batch_rows"), timeout,
          nb::sig("def _open(self, batch_rows: int | None, timeout: float | None = None)"
                  " -> Pending[_Cursor]"));
  nb::class_<PyCursor>(m, "_Cursor")
      .def("next", &NextBatch, timeout,
           nb::sig("def next(self, timeout: float | None = None) -> Pending[ResultSet | None]"))
      .def("close", &PyCursor::Close);
  BindRaw(m);
}

}  // namespace molt::bindings
