#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

namespace molt::db::sqlite {

enum class OpenMode : std::uint8_t {
  kReadOnly,
  kReadWrite,        // a missing file is an error
  kReadWriteCreate,  // a missing file is created, empty
};

struct SqliteOptions {
  // Of the database file; ignored when `memory`.
  std::string path;
  // A database in this process's memory, gone when the pool is. At most 2 GiB.
  bool memory = false;
  OpenMode mode = OpenMode::kReadWrite;
  // Reads that can run at the same time. Each has a connection with a page cache (2 MiB) and a
  // statement cache of its own.
  int max_readers = 4;
  // Prepared statements a connection keeps, about 5 KiB each; 0 keeps none.
  std::size_t statement_cache_size = 256;
  // How long a request without an earlier deadline waits for a free connection, or for a lock that
  // another connection or process holds.
  std::chrono::milliseconds busy_wait_max{5000};
  // A file that cannot be opened yet is no error; each request tries again, and is told.
  bool is_lazy = false;
};

// No value, SQL text or row can be longer than this: it bounds the memory and, since SQLite cannot
// be interrupted inside of one function call, the delay that one value can cause.
inline constexpr int kValueBytesMax = 16 << 20;

}  // namespace molt::db::sqlite
