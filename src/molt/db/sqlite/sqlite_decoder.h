// Rows of a running statement -> columns.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <sqlite3.h>

#include "molt/db/sqlite/sqlite_statement_cache.h"
#include "molt/types/column_builder.h"
#include "molt/types/schema.h"

namespace molt::db::sqlite {

// Decodes batch after batch. Columns whose type is unknown get it in the first batch and keep it.
class RowDecoder {
 public:
  explicit RowDecoder(const types::Schema& planned);

  // Room for a first batch of these sizes. Precondition: a size for each column.
  void Reserve(std::span<const ResultShape::Sizes> sizes);
  // Precondition: sqlite3_step has given a row with the planned number of columns.
  void AppendRow(sqlite3_stmt* statement);

  [[nodiscard]] std::int64_t rows() const { return rows_; }
  // About what the batch takes in memory.
  [[nodiscard]] std::size_t bytes() const {
    return bytes_ + static_cast<std::size_t>(rows_) * row_bytes_;
  }

  // The batch's columns; the next row begins a new batch.
  [[nodiscard]] std::vector<types::Column> Finish();
  // Precondition: Finish was called.
  [[nodiscard]] types::LogicalType type(std::size_t column) const {
    return columns_[column].builder.type();
  }

 private:
  // How the next cell of a column is taken, where the usual is one test away.
  enum class Mode : std::uint8_t {
    kUndecided,  // no value yet, and no type
    kUntyped,    // had no value in the first batch: any value makes it mixed
    kBool,
    kInt64,
    kFloat64,
    kUtf8,
    kBinary,
    kDate,
    kTime,
    kTimestamp,
    kTimestampTz,
  };
  struct DecodedColumn {
    types::ColumnBuilder builder;
    Mode mode;
    bool inferred;       // from its values, so that integers may still turn out to be floats
    bool mixed = false;  // in this batch
  };

  static Mode ModeFor(const types::LogicalType& type);
  [[nodiscard]] bool AppendUsual(DecodedColumn& column, sqlite3_value* cell);
  void AppendUnusual(DecodedColumn& column, sqlite3_value* cell);
  static void Decide(DecodedColumn& column, sqlite3_value* cell);
  static types::Value ValueOf(const DecodedColumn& column, sqlite3_value* cell);

  std::vector<DecodedColumn> columns_;
  bool first_batch_ = true;
  std::int64_t rows_ = 0;
  std::size_t row_bytes_;  // of the fixed part of a row
  std::size_t bytes_ = 0;  // of texts, blobs and mixed values
};

}  // namespace molt::db::sqlite
