// What a SQLite database tells about itself.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <sqlite3.h>

#include "molt/base/status.h"
#include "molt/db/connection.h"
#include "molt/db/sqlite/sqlite_guard.h"
#include "molt/types/schema.h"

namespace molt::db::sqlite {

// All of these run within the caller's Guard::Scope, with any rights.

[[nodiscard]] Result<std::vector<std::string>> ListTables(sqlite3* db, const Guard& guard);

[[nodiscard]] Result<types::Schema> DescribeColumns(sqlite3* db, const Guard& guard,
                                                    const TableName& table);

// Runs the prepared `EXPLAIN QUERY PLAN` and draws its rows as a tree:
//   SCAN orders
//   ├─ SEARCH …
[[nodiscard]] Result<std::string> DrawPlan(sqlite3* db, const Guard& guard, sqlite3_stmt* plan);

// Names near the one that SQLite's error message misses (` (did you mean "id"?)`), or nothing.
[[nodiscard]] std::string SuggestNames(sqlite3* db, Guard& guard, std::string_view message,
                                       std::string_view sql);

}  // namespace molt::db::sqlite
