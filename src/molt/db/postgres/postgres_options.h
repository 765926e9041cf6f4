#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>

namespace molt::db::postgres {

using Seconds = std::chrono::duration<double>;

struct PostgresOptions {
  // What libpq takes: a URL, keywords and values, or nothing, when PG* variables say it all.
  std::string conninfo;

  // Connections that are kept open even if nobody uses them.
  int connections_min = 0;
  int connections_max = 10;
  // An idle connection is closed after this long, if more than connections_min are open.
  Seconds idle_max{600};
  // A connection is closed after this long when it is given back: servers and balancers change.
  Seconds lifetime_max{3600};
  // For one attempt to open a connection, all hosts included.
  Seconds connect_timeout{10};
  // How long a request waits for a free connection, unless its deadline is earlier; then Busy.
  Seconds busy_wait_max{30};
  // Requests that may wait for a connection; one more is Busy at once.
  std::size_t waiting_max = 10'000;

  // Prepared statements kept per connection. 0 for poolers that give every transaction another
  // server connection (PgBouncer in transaction mode): nothing is then kept by name.
  std::size_t statement_cache_size = 256;

  // Nothing is opened, and no mistake found, before the first request; connections_min holds from
  // then on.
  bool is_lazy = false;

  // Reads as a superuser are refused otherwise: a superuser's functions write files and start
  // programs in a read-only transaction too.
  bool allow_superuser = false;
};

}  // namespace molt::db::postgres
