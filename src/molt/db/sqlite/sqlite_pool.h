#pragma once

#include <memory>

#include "molt/base/status.h"
#include "molt/db/pool.h"
#include "molt/db/sqlite/sqlite_options.h"

namespace molt::db::sqlite {

// A pool over one database: up to max_readers connections that only read, and one that writes.
// Opens one reader, so that a missing file, a file that is no database or a missing permission is
// told here.
[[nodiscard]] Result<std::shared_ptr<Pool>> OpenSqlite(const SqliteOptions& options);

}  // namespace molt::db::sqlite
