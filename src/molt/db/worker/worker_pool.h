// A database that a worker serves, as a driver like any other
// (docs/spec/0915_MOLT_DB_IPC_CONTRACT.md).
#pragma once

#include <memory>
#include <string>

#include "molt/base/status.h"
#include "molt/client/client.h"
#include "molt/db/pool.h"

namespace molt::db::worker {

struct WorkerOptions {
  std::string alias = "default";  // empty: none, the client alone is wanted
  double connect_timeout = 10;    // seconds, for the first answer
};

// Asks the worker what kind of database the alias is: Unavailable if no worker answers,
// InvalidQuery if it has no such alias. Blocks. The client is closed with the pool.
[[nodiscard]] Result<std::shared_ptr<Pool>> OpenWorker(
    const std::shared_ptr<client::Client>& client, const WorkerOptions& options);

}  // namespace molt::db::worker
