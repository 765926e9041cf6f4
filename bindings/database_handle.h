// A database as Python holds it: opened from a URL, and opened anew by a forked child.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include <nanobind/nanobind.h>

#include "molt/engine/database.h"

namespace molt::bindings {

namespace nb = nanobind;

struct ConnectOptions {
  std::optional<double> timeout;  // seconds
  int max_readers = 4;
  std::size_t statement_cache_size = 256;
};

// How often this process has been forked off: what was made in another generation is a parent's.
[[nodiscard]] std::uint64_t ForkGeneration();

class DatabaseHandle {
 public:
  DatabaseHandle(std::string url, ConnectOptions options);
  ~DatabaseHandle();
  DatabaseHandle(const DatabaseHandle&) = delete;
  DatabaseHandle& operator=(const DatabaseHandle&) = delete;

  // The open database. Raises ClosedError; after a fork the child gets one of its own.
  engine::Database& Get();
  void Close();
  [[nodiscard]] const std::string& url() const { return shown_url_; }
  [[nodiscard]] bool IsClosed() const { return closed_; }

 private:
  void Open();

  const std::string url_;
  const std::string shown_url_;  // without a password
  const ConnectOptions options_;
  std::unique_ptr<engine::Database> database_;
  std::uint64_t fork_generation_ = 0;
  bool closed_ = false;
};

void BindDatabase(nb::module_& m);

}  // namespace molt::bindings
