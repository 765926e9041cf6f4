// A database as Python holds it: opened from a URL, and opened anew by a forked child.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include <nanobind/nanobind.h>

#include "molt/drivers/open_pool.h"
#include "molt/engine/database.h"

namespace molt::bindings {

namespace nb = nanobind;

struct ConnectOptions : drivers::PoolOptions {
  std::optional<double> timeout;  // seconds
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
  // The same for what has begun and may come to its end, even if the database is closed by now.
  // Precondition: it was begun in this process.
  engine::Database& GetOpened() { return *database_; }
  void Close();
  // Raises as Get() does, and InvalidQueryError if no worker is behind it.
  std::shared_ptr<client::Client> GetClient();
  [[nodiscard]] const std::string& url() const { return shown_url_; }
  [[nodiscard]] bool IsClosed() const { return closed_; }

 private:
  void Open();
  void Reopen();
  void Abandon();

  const std::string url_;
  const std::string shown_url_;  // without a password
  const ConnectOptions options_;
  std::shared_ptr<engine::Database> database_;
  std::shared_ptr<client::Client> client_;  // of a worker's
  std::uint64_t fork_generation_ = 0;
  std::mutex reopening_;  // never waited for with the GIL held
  bool closed_ = false;
};

// Where a request runs.
struct Target {
  engine::Database& database;
  std::shared_ptr<engine::Transaction> transaction;  // or none
};
// Of a Database or a Transaction. Raises ClosedError, or InvalidQueryError for a transaction that
// has not begun or has ended.
[[nodiscard]] Target TargetOf(nb::handle object);
[[nodiscard]] bool IsTarget(nb::handle object);

void BindDatabase(nb::module_& m);
void BindTransactions(nb::module_& m);
void BindWorker(nb::module_& m);
void BindRunWorker(nb::module_& m);

}  // namespace molt::bindings
