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

#include "exprs.h"
#include "molt/db/url.h"
#include "pending.h"
#include "writing.h"

namespace molt::bindings {

namespace {

// How often this process has been forked off; a handle of another generation is a parent's.
std::atomic<std::uint64_t> fork_generation = 0;

}  // namespace

std::uint64_t ForkGeneration() { return fork_generation; }

DatabaseHandle::DatabaseHandle(std::string url, ConnectOptions options)
    : url_(std::move(url)), shown_url_(db::RedactUrl(url_)), options_(options) {
  Open();
}

DatabaseHandle::~DatabaseHandle() {
  if (!database_) return;
  if (fork_generation_ != fork_generation) {
    Abandon();
    return;
  }
  // Waits for running requests, which may need the GIL to end.
  const nb::gil_scoped_release release;
  database_->Shutdown();
  database_.reset();
}

// The parent's handles, locks and threads: nothing of them can be touched here.
void DatabaseHandle::Abandon() {
  if (database_) new std::shared_ptr<engine::Database>(std::move(database_));
  if (client_) new std::shared_ptr<client::Client>(std::move(client_));
}

void DatabaseHandle::Open() {
  Result<drivers::Opened> opened = [&] {
    const nb::gil_scoped_release release;
    return drivers::OpenPool(url_, options_);
  }();
  engine::DatabaseOptions options;
  if (options_.timeout) options.timeout = std::chrono::duration<double>(*options_.timeout);
  // As many as can work at a time; a blocking driver has one connection that writes as well.
  options.threads =
      static_cast<std::size_t>(std::max(options_.max_readers, options_.max_connections)) + 1;
  const drivers::Opened made = ValueOrRaise(std::move(opened));
  database_ = std::make_shared<engine::Database>(made.pool, options);
  client_ = made.client;
  fork_generation_ = fork_generation;
}

engine::Database& DatabaseHandle::Get() {
  if (closed_) Raise({ErrorCode::kClosed, "the database " + shown_url_ + " is closed", {}, false});
  if (fork_generation_ != fork_generation) Reopen();
  return *database_;
}

std::shared_ptr<client::Client> DatabaseHandle::GetClient() {
  Get();
  if (!client_) RaiseInvalid("no worker is behind " + shown_url_ + "; there is no entry to call");
  return client_;
}

// By the first of the child's threads that asks; the others wait.
void DatabaseHandle::Reopen() {
  std::unique_lock lock(reopening_, std::defer_lock);
  {
    const nb::gil_scoped_release release;
    lock.lock();
  }
  if (fork_generation_ == fork_generation) return;
  const bool is_process_local = database_ != nullptr && database_->IsProcessLocal();
  Abandon();
  if (is_process_local) {
    closed_ = true;
    Raise({ErrorCode::kClosed,
           "the in-memory database of the parent process cannot be used after a fork; connect "
           "anew in the child",
           {},
           false});
  }
  Open();
}

void DatabaseHandle::Close() {
  closed_ = true;
  if (fork_generation_ != fork_generation || !database_) return;
  const nb::gil_scoped_release release;
  database_->Close();
}

void BindDatabase(nb::module_& m) {
  pthread_atfork(nullptr, nullptr, [] { ++fork_generation; });

  auto cls = nb::class_<DatabaseHandle>(m, "Database", "An open database; from connect(url).");
  BindWriting(cls);
  cls.def(
         "__init__",
         [](DatabaseHandle* self, const std::string& url, std::optional<double> timeout,
            int max_readers, std::int64_t statement_cache_size, int max_connections,
            int min_connections, double connect_timeout, double max_wait, double max_idle,
            double max_lifetime, bool allow_superuser, const std::string& worker_binary) {
           if (max_readers < 1) RaiseInvalid("max_readers must be at least 1");
           if (statement_cache_size < 0) RaiseInvalid("statement_cache_size must not be negative");
           if (max_connections < 1) RaiseInvalid("max_connections must be at least 1");
           if (min_connections < 0 || min_connections > max_connections) {
             RaiseInvalid("min_connections must be from 0 to max_connections");
           }
           ConnectOptions options;
           options.timeout = timeout;
           options.max_readers = max_readers;
           options.statement_cache_size = static_cast<std::size_t>(statement_cache_size);
           options.max_connections = max_connections;
           options.min_connections = min_connections;
           options.connect_timeout = connect_timeout;
           options.max_wait = max_wait;
           options.max_idle = max_idle;
           options.max_lifetime = max_lifetime;
           options.allow_superuser = allow_superuser;
           options.worker_binary = worker_binary;
           new (self) DatabaseHandle(url, options);
         },
         nb::arg("url"), nb::kw_only(), nb::arg("timeout") = nb::none(), nb::arg("max_readers") = 4,
         nb::arg("statement_cache_size") = 256, nb::arg("max_connections") = 10,
         nb::arg("min_connections") = 0, nb::arg("connect_timeout") = 10.0,
         nb::arg("max_wait") = 30.0, nb::arg("max_idle") = 600.0, nb::arg("max_lifetime") = 3600.0,
         nb::arg("allow_superuser") = false, nb::arg("worker_binary") = "molt-worker",
         nb::sig("def __init__(self, url: str, *, timeout: float | None = None,"
                 " max_readers: int = 4, statement_cache_size: int = 256,"
                 " max_connections: int = 10, min_connections: int = 0,"
                 " connect_timeout: float = 10.0, max_wait: float = 30.0,"
                 " max_idle: float = 600.0, max_lifetime: float = 3600.0,"
                 " allow_superuser: bool = False, worker_binary: str = 'molt-worker') -> None"))
      .def_prop_ro("url", &DatabaseHandle::url, "The URL, without a password.")
      .def_prop_ro(
          "dialect", [](DatabaseHandle& self) { return std::string(self.Get().dialect().name); },
          "The name of its SQL dialect.")
      .def(
          "execute",
          [](nb::handle self, nb::handle statement, const nb::object& timeout) {
            return statement.attr("on")(self).attr("execute")(nb::arg("timeout") = timeout);
          },
          nb::arg("statement"), nb::kw_only(), nb::arg("timeout") = nb::none(),
          nb::sig("def execute(self, statement: Query | Raw, *, timeout: float | None = None)"
                  " -> Pending[ExecuteResult]"),
          "Runs a statement that writes (one made by raw()).")
      .def(
          "_describe",
          [](nb::handle self, nb::handle table) {
            return MakePending<types::Schema>(
                "reflect", nb::borrow(self), std::nullopt,
                [name = NameOf(table)](engine::Database& db,
                                       const engine::RequestContext& context) {
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
                       [](engine::Database& db, const engine::RequestContext& context) {
                         return db.TableNames(context);
                       },
                       [](const std::vector<std::string>& names) { return nb::cast(names); })
                ->Result(std::nullopt);
          },
          nb::sig("def table_names(self) -> list[str]"), "Its tables and views.")
      .def(
          "transaction",
          [](nb::handle self, const nb::object& isolation, bool readonly,
             const nb::object& timeout) {
            return nb::module_::import_("molt_sql._transaction")
                .attr("Transaction")(self, isolation, readonly, timeout);
          },
          nb::kw_only(), nb::arg("isolation") = nb::none(), nb::arg("readonly") = false,
          nb::arg("timeout") = nb::none(),
          nb::sig("def transaction(self, *, isolation: str | None = None, readonly: bool = False,"
                  " timeout: float | None = None) -> Transaction"),
          "A transaction, for `async with` or `with`: committed at the end of the block, rolled "
          "back if it raises. `isolation` is \"read committed\", \"repeatable read\" or "
          "\"serializable\". `timeout` is for the wait until it has begun.")
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
