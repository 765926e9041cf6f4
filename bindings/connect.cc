#include "connect.h"

#include <array>

#include "molt/db/sqlite/sqlite_options.h"
#include "molt/db/sqlite/sqlite_pool.h"
#include "molt/db/url.h"

namespace molt::bindings {

namespace {

Result<std::shared_ptr<db::Pool>> OpenSqliteUrl(const db::Url& url, const ConnectOptions& options) {
  db::sqlite::SqliteOptions sqlite;
  sqlite.path = url.path;
  sqlite.memory = url.path == ":memory:" || url.path.empty();
  sqlite.max_readers = options.max_readers;
  sqlite.statement_cache_size = options.statement_cache_size;
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

struct Driver {
  std::string_view scheme;
  Result<std::shared_ptr<db::Pool>> (*open)(const db::Url&, const ConnectOptions&);
};
// One line a driver.
constexpr std::array kDrivers = {
    Driver{"sqlite", OpenSqliteUrl},
};

}  // namespace

Result<std::shared_ptr<db::Pool>> OpenPool(const std::string& text, const ConnectOptions& options) {
  MOLT_ASSIGN(const db::Url url, db::ParseUrl(text));
  for (const Driver& driver : kDrivers) {
    if (driver.scheme != url.scheme) continue;
    // "sqlite://app.db" would otherwise be taken for a path; its host would be "app.db".
    if (driver.scheme == "sqlite" && !text.substr(text.find("://") + 3).starts_with('/')) {
      return InvalidQuery(
          "a sqlite URL has three slashes before a relative path (sqlite:///app.db) and four "
          "before an absolute one (sqlite:////srv/app.db)");
    }
    return driver.open(url, options);
  }
  return Unsupported("cannot connect to a \"" + url.scheme +
                     "\" database: this version runs queries on sqlite:///file.db and "
                     "sqlite:///:memory:, and compiles them for the others with .sql(dialect)");
}

}  // namespace molt::bindings
