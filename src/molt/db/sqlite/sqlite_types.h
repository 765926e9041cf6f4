// SQLite's types <-> ours.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <sqlite3.h>

#include "molt/base/status.h"
#include "molt/types/logical_type.h"
#include "molt/types/value.h"

namespace molt::db::sqlite {

// The type of a column declared as `declared` ("VARCHAR(30)", "timestamp"; may be null): dates,
// times and booleans by name, else by SQLite's affinity rules; unknown where those leave it open.
[[nodiscard]] types::LogicalType TypeFromDeclaration(const char* declared);

// The type that cells are decoded as when the caller expects `type`: SQLite stores neither exact
// decimals nor UUIDs, and knows nothing of the types beyond those of a query.
[[nodiscard]] types::LogicalType StoredType(const types::LogicalType& type);

// A value in the form SQLite stores it.
class Parameter {
 public:
  // Binds to parameter `index` (from 1) of `statement`. Text and bytes are borrowed: `value` and
  // this object must live until the statement is reset or bound again. An error does not say where
  // the value came from; the caller adds it.
  [[nodiscard]] Status Bind(sqlite3_stmt* statement, int index, const types::Value& value);

 private:
  [[nodiscard]] Status BindText(sqlite3_stmt* statement, int index, std::string text);

  std::string text_;  // what had to be formatted
};

// Binds bytes that stay where they are.
[[nodiscard]] Status BindBytes(sqlite3_stmt* statement, int index, std::string_view bytes,
                               bool is_text);
[[nodiscard]] Status BindInt64(sqlite3_stmt* statement, int index, std::int64_t value);
[[nodiscard]] Status BindDouble(sqlite3_stmt* statement, int index, double value);

// The cell exactly as SQLite holds it. Text that is not UTF-8 becomes bytes.
[[nodiscard]] types::Value StoredValue(sqlite3_value* cell);

// Precondition: the cell is text, or a blob.
[[nodiscard]] std::string_view TextOf(sqlite3_value* cell);
[[nodiscard]] std::string_view BlobOf(sqlite3_value* cell);

}  // namespace molt::db::sqlite
