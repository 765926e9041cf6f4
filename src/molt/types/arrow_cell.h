// How the cells of one foreign Arrow column become values of ours. Used by ArrowImporter alone.
#pragma once

#include <cstdint>
#include <string>

#include "molt/base/status.h"
#include "molt/types/column_builder.h"
#include "molt/types/logical_type.h"

struct ArrowArrayView;
struct ArrowSchema;

namespace molt::types {

// Appends the cell at `row`, which is not NULL, of an array that passed validation. Returns what is
// wrong with the cell, to follow "row 3 holds "; or nullptr.
struct CellFormat;
using AppendCell = const char* (*)(const CellFormat& format, const ArrowArrayView& view,
                                   std::int64_t row, ColumnBuilder& out);

struct CellFormat {
  LogicalType type;
  AppendCell append = nullptr;
  // Dates, times, timestamps: one of the two is 1, and the other the number of our units in one
  // of theirs or the reverse.
  std::int64_t multiply = 1;
  std::int64_t divide = 1;
  // Decimals.
  std::int32_t bit_width = 0;
  std::int32_t precision = 0;
  std::int32_t scale = 0;
};

// Chooses the format for a column, or for the values of its dictionary. The error says only what
// the type is; the caller knows the column.
[[nodiscard]] Result<CellFormat> CellFormatOf(const ArrowSchema& schema);

}  // namespace molt::types
