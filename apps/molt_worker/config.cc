#include "apps/molt_worker/config.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <sstream>
#include <string_view>
#include <utility>

#include <toml++/toml.h>

#include "molt/db/url.h"
#include "molt/types/document.h"

namespace molt::app {

namespace {

using types::Document;

constexpr double kMillis = 1e-3;

std::optional<std::string> Env(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr || *value == '\0') return std::nullopt;
  return value;
}

// A whole number of the environment, or nothing and a warning.
std::optional<std::int64_t> Number(const char* name, std::int64_t least, Config& config) {
  const auto text = Env(name);
  if (!text) return std::nullopt;
  std::int64_t number = 0;
  const char* end = text->data() + text->size();
  const auto parsed = std::from_chars(text->data(), end, number);
  if (parsed.ec == std::errc() && parsed.ptr == end && number >= least) return number;
  config.warnings.push_back(std::string(name) + " must be an integer, " + std::to_string(least) +
                            " or more; it is ignored");
  return std::nullopt;
}

bool Flag(const char* name, bool otherwise, Config& config) {
  const auto text = Env(name);
  if (!text) return otherwise;
  for (const std::string_view yes : {"1", "true", "yes", "on"}) {
    if (*text == yes) return true;
  }
  for (const std::string_view no : {"0", "false", "no", "off"}) {
    if (*text == no) return false;
  }
  config.warnings.push_back(std::string(name) + " must be 1 or 0; it is ignored");
  return otherwise;
}

std::optional<DatabaseConfig> SqliteFromEnv(Config& config) {
  const auto path = Env("MOLT_DB_SQLITE_PATH");
  if (!path) return std::nullopt;
  DatabaseConfig database;
  database.name = "default";
  database.origin = "MOLT_DB_SQLITE_PATH";
  database.allows_writes = Flag("MOLT_DB_SQLITE_READWRITE", false, config);
  database.url =
      "sqlite:///" + db::EncodeUrlPath(*path) + (database.allows_writes ? "?mode=rw" : "?mode=ro");
  return database;
}

std::optional<DatabaseConfig> PostgresFromEnv(Config& config) {
  const auto dsn = Env("MOLT_DB_POSTGRES_DSN");
  if (!dsn) return std::nullopt;
  DatabaseConfig database;
  database.name = "default";
  database.origin = "MOLT_DB_POSTGRES_DSN";
  database.url = *dsn;
  const auto number = [&](const char* name, std::int64_t least) {
    const std::string full = std::string("MOLT_DB_POSTGRES_") + name;
    return Number(full.c_str(), least, config);
  };
  drivers::PoolOptions& pool = database.pool;
  pool.max_connections = static_cast<int>(number("MAX_CONNS", 1).value_or(16));
  pool.min_connections = static_cast<int>(
      std::min<std::int64_t>(number("MIN_CONNS", 0).value_or(0), pool.max_connections));
  pool.max_idle = static_cast<double>(number("MAX_IDLE_MS", 0).value_or(600'000)) * kMillis;
  pool.connect_timeout =
      static_cast<double>(number("CONNECT_TIMEOUT_MS", 1).value_or(10'000)) * kMillis;
  pool.max_wait = static_cast<double>(number("MAX_WAIT_MS", 0).value_or(250)) * kMillis;
  pool.statement_cache_size =
      static_cast<std::size_t>(number("STATEMENT_CACHE_SIZE", 0).value_or(256));
  const std::int64_t timeout_ms = number("QUERY_TIMEOUT_MS", 0).value_or(2000);
  if (timeout_ms > 0) database.timeout = static_cast<double>(timeout_ms) * kMillis;
  // Accepted, and without effect: a connection's health is looked at whenever it is taken.
  static_cast<void>(number("HEALTH_CHECK_MS", 0));
  if (const auto root = Env("MOLT_DB_POSTGRES_SSL_ROOT_CERT")) {
    const bool is_url = dsn->find("://") != std::string::npos;
    const std::string option =
        "sslrootcert=" + (is_url ? db::EncodeUrlPath(*root) : "'" + *root + "'");
    database.url +=
        is_url ? (dsn->find('?') == std::string::npos ? "?" : "&") + option : " " + option;
  }
  return database;
}

// One database of the file or of MOLT_DATABASES: a URL, or a map with one.
Result<DatabaseConfig> ReadDatabase(const std::string& name, const Document& document,
                                    const std::string& origin) {
  DatabaseConfig database;
  database.name = name;
  database.origin = origin;
  const std::string where = origin + ": the database \"" + name + "\" ";
  if (const std::string* url = document.AsString()) {
    database.url = *url;
    database.allows_writes = false;
    return database;
  }
  if (document.AsMap() == nullptr) return InvalidQuery(where + "must be a URL or a table");
  database.allows_writes = false;
  for (const auto& [key, value] : *document.AsMap()) {
    const auto number = value.AsInt64();
    const auto need = [&](std::int64_t least) { return number && *number >= least; };
    drivers::PoolOptions& pool = database.pool;
    bool fits = true;
    if (key == "url") {
      fits = value.AsString() != nullptr;
      if (fits) database.url = *value.AsString();
    } else if (key == "write") {
      fits = value.AsBool().has_value();
      database.allows_writes = value.AsBool().value_or(false);
    } else if (key == "max_conns") {
      fits = need(1);
      pool.max_connections = static_cast<int>(number.value_or(1));
    } else if (key == "min_conns") {
      fits = need(0);
      pool.min_connections = static_cast<int>(number.value_or(0));
    } else if (key == "max_rows") {
      fits = need(0);
      database.rows_max = number;
    } else if (key == "timeout_ms") {
      fits = need(1);
      database.timeout = static_cast<double>(number.value_or(0)) * kMillis;
    } else if (key == "max_wait_ms") {
      fits = need(0);
      pool.max_wait = static_cast<double>(number.value_or(0)) * kMillis;
    } else if (key == "connect_timeout_ms") {
      fits = need(1);
      pool.connect_timeout = static_cast<double>(number.value_or(0)) * kMillis;
    } else if (key == "max_idle_ms") {
      fits = need(0);
      pool.max_idle = static_cast<double>(number.value_or(0)) * kMillis;
    } else if (key == "statement_cache_size") {
      fits = need(0);
      pool.statement_cache_size = static_cast<std::size_t>(number.value_or(0));
    } else if (key == "connect") {
      const std::string* when = value.AsString();
      fits = when != nullptr && (*when == "lazy" || *when == "eager");
      pool.is_lazy = fits && *when == "lazy";
    } else if (key == "allow_superuser") {
      fits = value.AsBool().has_value();
      pool.allow_superuser = value.AsBool().value_or(false);
    } else {
      return InvalidQuery(where + "has an unknown setting \"" + key + "\"");
    }
    if (!fits) return InvalidQuery(where + "has a wrong value for \"" + key + "\"");
  }
  if (database.url.empty()) return InvalidQuery(where + "has no \"url\"");
  return database;
}

Result<std::vector<DatabaseConfig>> ReadDatabases(const Document& document,
                                                  const std::string& origin) {
  std::vector<DatabaseConfig> databases;
  if (document.AsMap() == nullptr) {
    return InvalidQuery(origin + ": databases are a table of names to URLs or tables");
  }
  for (const auto& [name, value] : *document.AsMap()) {
    MOLT_ASSIGN(DatabaseConfig database, ReadDatabase(name, value, origin));
    databases.push_back(std::move(database));
  }
  return databases;
}

Document FromToml(const toml::node& node) {
  if (const auto* table = node.as_table()) {
    Document::Map map;
    for (const auto& [key, value] : *table)
      map.emplace_back(std::string(key.str()), FromToml(value));
    return map;
  }
  if (const auto text = node.value_exact<std::string>()) return Document(*text);
  if (const auto flag = node.value_exact<bool>()) return Document(*flag);
  if (const auto number = node.value_exact<std::int64_t>()) return Document(*number);
  if (const auto number = node.value_exact<double>()) return Document(*number);
  return {};
}

Result<Document> ReadFile(const std::string& file) {
  try {
    return FromToml(toml::parse_file(file));
  } catch (const toml::parse_error& error) {
    std::ostringstream where;
    where << error.source().begin;
    return InvalidQuery("the configuration " + file + " cannot be read: " +
                        std::string(error.description()) + " (" + where.str() + ")");
  }
}

bool IsLogFormat(std::string_view name) { return name == "text" || name == "json"; }

Status ApplyFile(const std::string& file, Config& config) {
  MOLT_ASSIGN(const Document document, ReadFile(file));
  for (const auto& [key, value] : *document.AsMap()) {
    const auto number = value.AsInt64();
    if (key == "databases") {
      MOLT_ASSIGN(auto databases, ReadDatabases(value, file));
      config.databases = std::move(databases);
    } else if (key == "max_queue" && number && *number >= 0) {
      config.queue_max = static_cast<std::size_t>(*number);
    } else if (key == "threads" && number && *number >= 1) {
      config.threads = static_cast<std::size_t>(*number);
    } else if (key == "max_rows" && number && *number >= 0) {
      config.rows_max = *number;
    } else if (key == "max_in_flight" && number && *number >= 1) {
      config.in_flight_max = static_cast<std::size_t>(*number);
    } else if (key == "max_client_bytes" && number && *number >= 1) {
      config.client_bytes_max = static_cast<std::size_t>(*number);
    } else if (key == "max_stream_wait_ms" && number && *number >= 1) {
      config.stream_wait_max = std::chrono::milliseconds(*number);
    } else if (key == "metrics_socket" && value.AsString() != nullptr) {
      config.metrics_socket = *value.AsString();
    } else if (key == "metrics_file" && value.AsString() != nullptr) {
      config.metrics_file = *value.AsString();
    } else if (key == "log_format" && value.AsString() != nullptr &&
               IsLogFormat(*value.AsString())) {
      config.log_format = *value.AsString();
    } else {
      return InvalidQuery(
          file + ": \"" + key + "\" is no setting, or its value is wrong; there are max_queue, " +
          "threads, max_rows, max_in_flight, max_client_bytes, " +
          "max_stream_wait_ms, metrics_socket, metrics_file, log_format and " + "[databases.NAME]");
    }
  }
  return {};
}

// Adds what is not there by name; two sources of the environment for one name are an error.
Status AddFromEnv(Config& config) {
  std::vector<DatabaseConfig> found;
  if (auto sqlite = SqliteFromEnv(config)) found.push_back(std::move(*sqlite));
  if (auto postgres = PostgresFromEnv(config)) found.push_back(std::move(*postgres));
  if (const auto json = Env("MOLT_DATABASES")) {
    auto document = types::ParseJson(*json);
    if (!document) return InvalidQuery("MOLT_DATABASES is not JSON: " + document.error().message);
    MOLT_ASSIGN(auto databases, ReadDatabases(*document, "MOLT_DATABASES"));
    for (DatabaseConfig& database : databases) found.push_back(std::move(database));
  }
  const std::size_t from_file = config.databases.size();
  for (DatabaseConfig& database : found) {
    const auto same = [&](const DatabaseConfig& other) { return other.name == database.name; };
    const auto begin = config.databases.begin();
    const auto file_end = begin + static_cast<std::ptrdiff_t>(from_file);
    if (std::find_if(begin, file_end, same) != file_end) continue;  // the file wins
    const auto other = std::find_if(file_end, config.databases.end(), same);
    if (other != config.databases.end()) {
      return InvalidQuery("the database \"" + database.name + "\" is given by " + other->origin +
                          " and by " + database.origin + "; keep one of them");
    }
    config.databases.push_back(std::move(database));
  }
  return {};
}

}  // namespace

Result<Config> LoadConfig(const std::string& file) {
  Config config;
  if (const auto rows = Number("MOLT_DB_MAX_ROWS", 0, config)) config.rows_max = *rows;
  if (const auto queue = Number("MOLT_WORKER_MAX_QUEUE", 0, config)) {
    config.queue_max = static_cast<std::size_t>(*queue);
  }
  if (const auto threads = Number("MOLT_WORKER_THREADS", 1, config)) {
    config.threads = static_cast<std::size_t>(*threads);
  }
  if (const auto runtime = Env("MOLT_WORKER_RUNTIME");
      runtime && *runtime != "sync" && *runtime != "async" && *runtime != "auto") {
    config.warnings.emplace_back("MOLT_WORKER_RUNTIME must be sync, async or auto; it is ignored");
  }
  if (const auto format = Env("MOLT_WORKER_LOG_FORMAT")) {
    if (IsLogFormat(*format)) {
      config.log_format = *format;
    } else {
      config.warnings.emplace_back("MOLT_WORKER_LOG_FORMAT must be text or json; it is ignored");
    }
  }
  config.metrics_socket = Env("MOLT_WORKER_METRICS_SOCKET").value_or("");
  config.metrics_file = Env("MOLT_WORKER_METRICS_FILE").value_or("");
  config.cursor_key = Env("MOLT_CURSOR_KEY").value_or("");
  if (!file.empty()) MOLT_RETURN_IF_ERROR(ApplyFile(file, config));
  MOLT_RETURN_IF_ERROR(AddFromEnv(config));
  return config;
}

}  // namespace molt::app
