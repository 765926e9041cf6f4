// DataRow messages -> columns.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "molt/base/status.h"
#include "molt/db/postgres/description.h"
#include "molt/types/record_batch.h"

namespace molt::db::postgres {

class RowDecoder {
 public:
  explicit RowDecoder(DescriptionPtr description);

  // `body` of a DataRow. DatabaseError 08P01 if it is not what was described.
  [[nodiscard]] Status AppendRow(std::string_view body);

  [[nodiscard]] const Description& description() const { return *description_; }
  [[nodiscard]] std::int64_t rows() const { return rows_; }
  // About what the batch takes in memory.
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

  // The rows so far; the next one begins a new batch.
  [[nodiscard]] types::RecordBatchPtr Finish();

 private:
  DescriptionPtr description_;
  std::vector<types::ColumnBuilder> columns_;
  std::int64_t rows_ = 0;
  std::size_t bytes_ = 0;
  bool any_batch_ = false;
};

}  // namespace molt::db::postgres
