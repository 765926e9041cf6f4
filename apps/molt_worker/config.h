// Where a worker's settings come from: flags, a file, the environment; the first that says it wins.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "molt/base/status.h"
#include "molt/drivers/open_pool.h"

namespace molt::app {

struct DatabaseConfig {
  std::string name;
  std::string url;
  std::string origin;  // for errors: which file or variable said so
  bool allows_writes = true;
  std::optional<std::int64_t> rows_max;
  std::optional<double> timeout;  // seconds
  drivers::PoolOptions pool;
};

struct Config {
  std::optional<std::size_t> queue_max;
  std::optional<std::size_t> threads;
  std::optional<std::size_t> in_flight_max;
  std::optional<std::size_t> client_bytes_max;
  std::optional<std::chrono::milliseconds> stream_wait_max;
  std::int64_t rows_max = 1000;
  std::string cursor_key;
  // Empty: none.
  std::string metrics_socket;
  std::string metrics_file;
  std::string log_format = "text";  // or json
  std::vector<DatabaseConfig> databases;
  // What was not understood and is left as if it had not been said.
  std::vector<std::string> warnings;
};

// `file` may be empty. InvalidQuery for what cannot be: no such file, a database named twice.
[[nodiscard]] Result<Config> LoadConfig(const std::string& file);

}  // namespace molt::app
