#include "molt/drivers/open_pool.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <string_view>

#include "molt/db/postgres/conninfo.h"
#include "molt/db/postgres/pg_pool.h"
#include "molt/db/sqlite/sqlite_options.h"
#include "molt/db/sqlite/sqlite_pool.h"
#include "molt/db/url.h"
#include "molt/db/worker/worker_pool.h"
#include "molt/types/document.h"

namespace molt::drivers {

namespace {

Result<Opened> OpenSqliteUrl(const std::string& text, const PoolOptions& options) {
  MOLT_ASSIGN(const db::Url url, db::ParseUrl(text));
  // "sqlite://app.db" would otherwise be taken for a path; its host would be "app.db".
  if (!text.substr(text.find("://") + 3).starts_with('/')) {
    return InvalidQuery(
        "a sqlite URL has three slashes before a relative path (sqlite:///app.db) and four "
        "before an absolute one (sqlite:////srv/app.db)");
  }
  db::sqlite::SqliteOptions sqlite;
  sqlite.path = url.path;
  sqlite.memory = url.path == ":memory:" || url.path.empty();
  sqlite.max_readers = options.max_readers;
  sqlite.statement_cache_size = options.statement_cache_size;
  sqlite.is_lazy = options.is_lazy;
  for (const auto& [key, value] : url.options) {
    if (key != "mode") {
      return InvalidQuery("sqlite: the URL has an unknown option \"" + key +
                          "\"; there is mode=ro, mode=rw and mode=rwc");
    }
    if (value == "ro") {
      sqlite.mode = db::sqlite::OpenMode::kReadOnly;
    } else if (value == "rw") {
      sqlite.mode = db::sqlite::OpenMode::kReadWrite;
    } else if (value == "rwc") {
      sqlite.mode = db::sqlite::OpenMode::kReadWriteCreate;
    } else {
      return InvalidQuery("sqlite: mode is ro, rw or rwc, got \"" + value + "\"");
    }
  }
  return db::sqlite::OpenSqlite(sqlite);
}

Result<Opened> OpenPostgresUrl(const std::string& text, const PoolOptions& options) {
  db::postgres::PostgresOptions postgres;
  postgres.conninfo = db::postgres::NormalizeConninfo(text);
  postgres.connections_min = options.min_connections;
  postgres.connections_max = options.max_connections;
  postgres.connect_timeout = db::postgres::Seconds(options.connect_timeout);
  postgres.busy_wait_max = db::postgres::Seconds(options.max_wait);
  postgres.idle_max = db::postgres::Seconds(options.max_idle);
  postgres.lifetime_max = db::postgres::Seconds(options.max_lifetime);
  postgres.statement_cache_size = options.statement_cache_size;
  postgres.allow_superuser = options.allow_superuser;
  postgres.is_lazy = options.is_lazy;
  return db::postgres::OpenPostgres(postgres);
}

Result<Opened> OpenWorker(client::Endpoint endpoint, const db::worker::WorkerOptions& options) {
  const auto client = std::make_shared<client::Client>(std::move(endpoint));
  MOLT_ASSIGN(std::shared_ptr<db::Pool> pool, db::worker::OpenWorker(client, options));
  return Opened(std::move(pool), client);
}

// molt+unix:///run/molt.sock?alias=reports
Result<Opened> OpenWorkerSocket(const std::string& text, const PoolOptions& options) {
  MOLT_ASSIGN(const db::Url url, db::ParseUrl(text));
  if (!url.path.starts_with('/') && !text.substr(text.find("://") + 3).starts_with('/')) {
    return InvalidQuery(
        "the URL of a worker's socket has three slashes before an absolute path: "
        "molt+unix:///run/molt.sock");
  }
  client::Endpoint endpoint;
  db::worker::WorkerOptions worker;
  worker.connect_timeout = options.connect_timeout;
  endpoint.socket_path = "/" + url.path;
  for (const auto& [key, value] : url.options) {
    if (key != "alias") {
      return InvalidQuery("molt+unix: the URL has an unknown option \"" + key +
                          "\"; there is alias=NAME");
    }
    worker.alias = value;
  }
  return OpenWorker(std::move(endpoint), worker);
}

// molt+stdio:URL starts a worker for that database; molt+stdio: alone, or with ?config=FILE, one
// that finds its databases as it does when it is started by hand.
Result<Opened> OpenWorkerProcess(const std::string& text, const PoolOptions& options) {
  const std::string rest = text.substr(text.find(':') + 1);
  client::Endpoint endpoint;
  db::worker::WorkerOptions worker;
  worker.connect_timeout = options.connect_timeout;
  // It is ours alone, so what waits in its queue would wait here otherwise.
  endpoint.command = {options.worker_binary, "--stdio", "--max-queue", "1024"};
  if (rest.empty() || rest.starts_with('?')) {
    MOLT_ASSIGN(const db::Url url, db::ParseUrl("molt+stdio:///" + rest));
    for (const auto& [key, value] : url.options) {
      if (key == "alias") {
        worker.alias = value;
      } else if (key == "config") {
        endpoint.command.insert(endpoint.command.end(), {"--config", value});
      } else {
        return InvalidQuery("molt+stdio: the URL has an unknown option \"" + key +
                            "\"; there is alias=NAME and config=FILE");
      }
    }
    return OpenWorker(std::move(endpoint), worker);
  }
  // By its environment, which others cannot read as they can a command line.
  using types::Document;
  const Document database = Document::Map{
      {"url", Document(rest)},
      {"write", Document(true)},
      {"max_conns", Document(std::int64_t{options.max_connections})},
      {"statement_cache_size", Document(static_cast<std::int64_t>(options.statement_cache_size))},
      {"allow_superuser", Document(options.allow_superuser)}};
  const Document databases = Document::Map{{worker.alias, database}};
  endpoint.environment = {{"MOLT_DATABASES", types::ToJson(databases)},
                          {"MOLT_DB_SQLITE_PATH", ""},
                          {"MOLT_DB_POSTGRES_DSN", ""}};
  return OpenWorker(std::move(endpoint), worker);
}

struct Driver {
  std::string_view scheme;
  Result<Opened> (*open)(const std::string&, const PoolOptions&);
};
// One line a driver.
constexpr std::array kDrivers = {
    Driver{"sqlite", OpenSqliteUrl},         Driver{"postgresql", OpenPostgresUrl},
    Driver{"postgres", OpenPostgresUrl},     Driver{"molt+unix", OpenWorkerSocket},
    Driver{"molt+stdio", OpenWorkerProcess},
};

// Of a URL, in lower case. Keywords and values (host=… dbname=…) are what libpq takes as well.
Result<std::string> SchemeOf(std::string_view text) {
  if (text.starts_with("molt+stdio:")) return std::string("molt+stdio");
  const std::size_t end = text.find("://");
  if (end == std::string_view::npos && text.find('=') != std::string_view::npos) {
    return std::string("postgresql");
  }
  if (end == std::string_view::npos || end == 0) {
    return InvalidQuery(
        "a database URL starts with its kind, such as sqlite:///app.db or "
        "postgresql://host/database; a path alone is not one");
  }
  std::string scheme(text.substr(0, end));
  std::transform(scheme.begin(), scheme.end(), scheme.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return scheme;
}

}  // namespace

Result<Opened> OpenPool(const std::string& text, const PoolOptions& options) {
  MOLT_ASSIGN(const std::string scheme, SchemeOf(text));
  for (const Driver& driver : kDrivers) {
    if (driver.scheme == scheme) return driver.open(text, options);
  }
  return Unsupported("cannot connect to a \"" + scheme +
                     "\" database: this version runs queries on sqlite:///file.db, "
                     "sqlite:///:memory: and postgresql://host/database, or through a worker on "
                     "molt+unix:///run/molt.sock and molt+stdio:URL, and compiles them for the "
                     "others with .sql(dialect)");
}

}  // namespace molt::drivers
