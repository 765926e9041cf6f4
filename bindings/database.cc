#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <string>
#include <vector>

#include <nanobind/nanobind.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/unique_ptr.h>
#include <nanobind/stl/vector.h>

#include "connect.h"
#include "exprs.h"
#include "molt/db/url.h"
#include "pending.h"
#include "rows_source.h"

namespace molt::bindings {

namespace {

// How often this process has been forked off; a handle of another generation is a parent's.
std::atomic<std::uint64_t> fork_generation = 0;

db::TableName NameOf(nb::handle table) {
  if (PyUnicode_Check(table.ptr())) {
    const query::Table parsed(nb::cast<std::string>(table));
    return {parsed->schema, parsed->name};
  }
  const query::Table ref = ToTable(table);
  return {ref->schema, ref->name};
}

// Column names for rows that bring none: the table's, in its order.
std::vector<std::string> ColumnsOf(engine::Database& db, const db::TableName& table) {
  Result<types::Schema> schema = [&] {
    const nb::gil_scoped_release release;
    return db.RunBlocking<types::Schema>(db.DescribeTable(table, {}));
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
    names = ColumnsOf(nb::cast<DatabaseHandle&>(self).Get(), name);
  }
  RefuseTwins(names);
  source->SetColumns(names);
  return MakePending<std::int64_t>(
      "insert", nb::borrow(self), timeout,
      [name, names, source](engine::Database& db, const db::ExecContext& context) {
        return db.Insert(name, names, source, context);
      },
      [](std::int64_t inserted) { return nb::object(nb::int_(inserted)); },
      [source] { source->Rethrow(); });
}

}  // namespace

std::uint64_t ForkGeneration() { return fork_generation; }

DatabaseHandle::DatabaseHandle(std::string url, ConnectOptions options)
    : url_(std::move(url)), shown_url_(db::RedactUrl(url_)), options_(options) {
  Open();
}

DatabaseHandle::~DatabaseHandle() {
  if (!database_) return;
  if (fork_generation_ != fork_generation) {
    // The parent's handles, locks and threads: nothing of them can be touched here.
    static_cast<void>(database_.release());
    return;
  }
  // Waits for running requests, which may need the GIL to end.
  const nb::gil_scoped_release release;
  database_.reset();
}

void DatabaseHandle::Open() {
  Result<std::shared_ptr<db::Pool>> pool = [&] {
    const nb::gil_scoped_release release;
    return OpenPool(url_, options_);
  }();
  engine::DatabaseOptions options;
  if (options_.timeout) options.timeout = std::chrono::duration<double>(*options_.timeout);
  options.threads = static_cast<std::size_t>(options_.max_readers) + 1;
  database_ = std::make_unique<engine::Database>(ValueOrRaise(std::move(pool)), options);
  fork_generation_ = fork_generation;
}

engine::Database& DatabaseHandle::Get() {
  if (closed_) Raise({ErrorCode::kClosed, "the database " + shown_url_ + " is closed", {}, false});
  if (fork_generation_ != fork_generation) {
    engine::Database* parents = database_.release();
    if (parents != nullptr && parents->IsProcessLocal()) {
      closed_ = true;
      Raise({ErrorCode::kClosed,
             "the in-memory database of the parent process cannot be used after a fork; connect "
             "anew in the child",
             {},
             false});
    }
    Open();
  }
  return *database_;
}

void DatabaseHandle::Close() {
  closed_ = true;
  if (fork_generation_ != fork_generation || !database_) return;
  const nb::gil_scoped_release release;
  database_->Close();
}

void BindDatabase(nb::module_& m) {
  pthread_atfork(nullptr, nullptr, [] { ++fork_generation; });

  nb::class_<DatabaseHandle>(m, "Database", "An open database; from connect(url).")
      .def(
          "__init__",
          [](DatabaseHandle* self, const std::string& url, std::optional<double> timeout,
             int max_readers, std::int64_t statement_cache_size) {
            if (max_readers < 1) RaiseInvalid("max_readers must be at least 1");
            if (statement_cache_size < 0) RaiseInvalid("statement_cache_size must not be negative");
            new (self) DatabaseHandle(
                url, {timeout, max_readers, static_cast<std::size_t>(statement_cache_size)});
          },
          nb::arg("url"), nb::kw_only(), nb::arg("timeout") = nb::none(),
          nb::arg("max_readers") = 4, nb::arg("statement_cache_size") = 256,
          nb::sig("def __init__(self, url: str, *, timeout: float | None = None,"
                  " max_readers: int = 4, statement_cache_size: int = 256) -> None"))
      .def_prop_ro("url", &DatabaseHandle::url, "The URL, without a password.")
      .def_prop_ro(
          "dialect", [](DatabaseHandle& self) { return std::string(self.Get().dialect().name); },
          "The name of its SQL dialect.")
      .def("insert", &Insert, nb::arg("table"), nb::arg("rows").none(),
           nb::arg("columns") = nb::none(), nb::arg("batch_rows") = 10'000,
           nb::arg("on_progress") = nb::none(), nb::arg("timeout") = nb::none(),
           nb::sig("def insert(self, table: typing.Any, rows: typing.Any,"
                   " columns: collections.abc.Sequence[str] | None = None,"
                   " batch_rows: int = 10000,"
                   " on_progress: collections.abc.Callable[[int], object] | None = None,"
                   " timeout: float | None = None) -> Pending[int]"),
           "Inserts rows in one transaction, all or nothing, and gives their number. `rows` are "
           "tuples or dicts, or Arrow data (anything with __arrow_c_stream__). `on_progress` is "
           "called with the number of rows so far.")
      .def(
          "_describe",
          [](nb::handle self, nb::handle table) {
            return MakePending<types::Schema>(
                "reflect", nb::borrow(self), std::nullopt,
                [name = NameOf(table)](engine::Database& db, const db::ExecContext& context) {
                  return db.DescribeTable(name, context);
                },
                [](const types::Schema& schema) {
                  nb::dict columns;
                  for (const types::Field& field : schema) {
                    const auto type = types::TypeName(field.type);
                    columns[ShownText(field.name)] = ShownText(type);
                  }
                  return nb::object(columns);
                });
          },
          nb::arg("table"),
          nb::sig("def _describe(self, table: typing.Any) -> Pending[dict[str, str | None]]"))
      .def(
          "table_names",
          [](nb::handle self) {
            return MakePending<std::vector<std::string>>(
                       "table_names", nb::borrow(self), std::nullopt,
                       [](engine::Database& db, const db::ExecContext& context) {
                         return db.TableNames(context);
                       },
                       [](const std::vector<std::string>& names) { return nb::cast(names); })
                ->Result(std::nullopt);
          },
          nb::sig("def table_names(self) -> list[str]"), "Its tables and views.")
      .def("close", &DatabaseHandle::Close,
           "Later calls raise ClosedError; what runs comes to its end.")
      .def(
          "__enter__", [](nb::handle self) { return nb::borrow(self); },
          nb::sig("def __enter__(self) -> Database"))
      .def(
          "__exit__", [](DatabaseHandle& self, const nb::args&) { self.Close(); }, nb::arg("args"),
          nb::sig("def __exit__(self, *args: object) -> None"))
      .def(
          "__aenter__",
          [](nb::handle self) { return nb::module_::import_("molt_sql._aio").attr("ready")(self); },
          nb::sig("def __aenter__(self) -> collections.abc.Awaitable[Database]"))
      .def(
          "__aexit__",
          [](DatabaseHandle& self, const nb::args&) {
            self.Close();
            return nb::module_::import_("molt_sql._aio").attr("ready")(nb::none());
          },
          nb::arg("args"),
          nb::sig("def __aexit__(self, *args: object) -> collections.abc.Awaitable[None]"))
      .def("__repr__", [](const DatabaseHandle& self) {
        return "<Database " + self.url() + (self.IsClosed() ? " (closed)>" : ">");
      });
}

}  // namespace molt::bindings
