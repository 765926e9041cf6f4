// Tells reads from writes by a statement's text, with PostgreSQL's own parser (libpg_query).
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

#include "molt/base/status.h"

namespace molt::db::postgres {

// What a statement may do, as far as its text tells: advice and clear errors. A function or a view
// may still write; that the database itself refuses (BEGIN READ ONLY … ROLLBACK).
//
// What only the gate holds back, because neither a read-only transaction nor ROLLBACK does: locks
// and settings that outlive the transaction, prepared statements, signals to other backends, SQL
// text that a function runs elsewhere.
//
// Thread-safe. Statements are parsed on a thread of the gate's own with a large stack, which the
// caller waits for; that thread does not live on in a forked child, which must not use the gate.
class ReadGate {
 public:
  // Texts of which the gate keeps its verdict; 0 keeps none.
  explicit ReadGate(std::size_t cache_size = 1024);
  ~ReadGate();
  ReadGate(const ReadGate&) = delete;
  ReadGate& operator=(const ReadGate&) = delete;

  // InvalidQuery saying why, unless this is one statement that reads: SELECT, VALUES, TABLE, SHOW,
  // or EXPLAIN of such a one.
  [[nodiscard]] Status CheckRead(std::string_view sql);
  // InvalidQuery saying why, unless this is one statement, no plain read, which leaves the
  // transaction, the protocol and the session's prepared statements to the driver.
  [[nodiscard]] Status CheckWrite(std::string_view sql);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace molt::db::postgres
