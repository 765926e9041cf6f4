#pragma once

#include <sqlite3.h>

#include "molt/base/status.h"

namespace molt::db::sqlite {

// Aggregates that other engines have and SQLite lacks: stddev_samp, stddev_pop, var_samp, var_pop.
// NULLs do not count; without enough rows (two for _samp, one for _pop) the result is NULL.
[[nodiscard]] Status RegisterFunctions(sqlite3* db);

}  // namespace molt::db::sqlite
