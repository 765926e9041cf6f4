// Database URLs to drivers: the one place that knows them all.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <utility>

#include "molt/base/status.h"
#include "molt/client/client.h"
#include "molt/db/pool.h"

namespace molt::drivers {

// What can be said of a pool beside its URL. Times are in seconds.
struct PoolOptions {
  int max_readers = 4;
  std::size_t statement_cache_size = 256;
  // Nothing is opened before the first request, which is then told why it cannot be.
  bool is_lazy = false;
  // PostgreSQL: see postgres_options.h.
  int max_connections = 10;
  int min_connections = 0;
  double connect_timeout = 10;
  double max_wait = 30;
  double max_idle = 600;
  double max_lifetime = 3600;
  bool allow_superuser = false;
  // The program that molt+stdio starts.
  std::string worker_binary = "molt-worker";

  friend bool operator==(const PoolOptions&, const PoolOptions&) = default;
};

struct Opened {
  Opened() = default;
  Opened(std::shared_ptr<db::Pool> opened,  // NOLINT(google-explicit-constructor): the usual case
         std::shared_ptr<client::Client> over = nullptr)
      : pool(std::move(opened)), client(std::move(over)) {}
  std::shared_ptr<db::Pool> pool;
  std::shared_ptr<client::Client> client;  // of a database that a worker serves
};

// InvalidQuery for a URL that is wrong, Unsupported for a kind of database that is not built in.
[[nodiscard]] Result<Opened> OpenPool(const std::string& url, const PoolOptions& options);

}  // namespace molt::drivers
