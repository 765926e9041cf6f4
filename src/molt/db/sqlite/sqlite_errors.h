// SQLite's result codes -> Error.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include <sqlite3.h>

#include "molt/base/status.h"
#include "molt/db/sqlite/sqlite_guard.h"
#include "molt/types/value.h"

namespace molt::db::sqlite {

// "SQLITE_CONSTRAINT_UNIQUE" for an extended code, else the name of its primary code.
[[nodiscard]] std::string_view CodeName(int code);

// After such a failure the connection is not to be trusted any more.
[[nodiscard]] bool IsFatal(int code);

// Describes the call on `db` that has just returned `code`. Messages of a statement that ran may
// quote its parameters (a full-text query, a JSON path): words that come from `params` and not from
// `sql` are replaced.
[[nodiscard]] Error DescribeFailure(sqlite3* db, int code, const Guard& guard,
                                    std::string_view sql = {},
                                    std::span<const types::Value> params = {});

}  // namespace molt::db::sqlite
