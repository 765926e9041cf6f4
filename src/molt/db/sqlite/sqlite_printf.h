#pragma once

#include <sqlite3.h>

#include "molt/base/status.h"

namespace molt::db::sqlite {

// Puts a guard before SQLite's printf() and format(): a width or precision beyond kValueBytesMax is
// refused as a value that is too big. SQLite would fill it byte by byte inside of one call, out of
// reach of deadline and cancellation, and give an empty text in the end. Everything else is
// SQLite's own doing, on a private connection that has no guard.
[[nodiscard]] Status RegisterPrintf(sqlite3* db);

}  // namespace molt::db::sqlite
