// What a reply says of how it came about.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace molt::wire {

// Of the database that a request used.
struct DatabaseMetrics {
  std::string alias;
  std::string tag;
  std::string_view result_format;  // a literal
  std::int64_t row_count = 0;
  std::int64_t bytes_in = 0;   // of SQL and values
  std::int64_t bytes_out = 0;  // of the result
  std::optional<std::int64_t> rows_affected;
  std::optional<std::int64_t> last_insert_id;
};

struct Metrics {
  std::int64_t queue_us = 0;    // in the worker's queue
  std::int64_t handler_us = 0;  // from the moment the request was read
  std::int64_t exec_us = 0;     // until the database's first rows
  std::int64_t decode_us = 0;   // from then on
  std::int64_t queue_depth = 0;
  std::int64_t pool_in_flight = 0;
  std::int64_t pool_idle = 0;
  std::int64_t payload_bytes = 0;  // of the reply

  std::optional<DatabaseMetrics> database;  // of entries that use one

  // Calls `number(name, value)` and `text(name, value)` for each, in the order they are written.
  template <class Number, class Text>
  void ForEach(const Number& number, const Text& text) const {
    constexpr std::int64_t kMicrosPerMilli = 1000;
    number("queue_us", queue_us);
    number("handler_us", handler_us);
    number("exec_us", exec_us);
    number("decode_us", decode_us);
    number("queue_ms", queue_us / kMicrosPerMilli);
    number("exec_ms", exec_us / kMicrosPerMilli);
    number("queue_depth", queue_depth);
    number("pool_in_flight", pool_in_flight);
    number("pool_idle", pool_idle);
    number("payload_bytes", payload_bytes);
    if (!database) return;
    text("db_alias", database->alias);
    text("db_tag", database->tag);
    number("db_row_count", database->row_count);
    number("db_bytes_in", database->bytes_in);
    number("db_bytes_out", database->bytes_out);
    text("db_result_format", database->result_format);
    if (database->rows_affected) number("db_rows_affected", *database->rows_affected);
    if (database->last_insert_id) number("db_last_insert_id", *database->last_insert_id);
  }
  // How many ForEach calls for.
  [[nodiscard]] std::size_t size() const {
    constexpr std::size_t kAlways = 10;
    constexpr std::size_t kOfDatabases = 6;
    if (!database) return kAlways;
    return kAlways + kOfDatabases + (database->rows_affected ? 1 : 0) +
           (database->last_insert_id ? 1 : 0);
  }
};

}  // namespace molt::wire
