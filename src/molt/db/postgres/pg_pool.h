#pragma once

#include <memory>

#include "molt/base/status.h"
#include "molt/db/pool.h"
#include "molt/db/postgres/postgres_options.h"

namespace molt::db::postgres {

// A pool over one server (or the hosts its parameters name). Opens one connection, so that a wrong
// password, a missing database or a refused certificate is told here.
[[nodiscard]] Result<std::shared_ptr<Pool>> OpenPostgres(const PostgresOptions& options);

}  // namespace molt::db::postgres
