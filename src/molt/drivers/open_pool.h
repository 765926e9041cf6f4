// Database URLs to drivers: the one place that knows them all.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "molt/base/status.h"
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

  friend bool operator==(const PoolOptions&, const PoolOptions&) = default;
};

// InvalidQuery for a URL that is wrong, Unsupported for a kind of database that is not built in.
[[nodiscard]] Result<std::shared_ptr<db::Pool>> OpenPool(const std::string& url,
                                                         const PoolOptions& options);

}  // namespace molt::drivers
