// Cells that do not fit the Arrow type of their column. Used by the export alone.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "molt/types/schema.h"
#include "molt/types/value.h"

namespace molt::types {

struct Misfit {
  std::string found;  // how the cell reads in an error
  // Whether it is a value of the column's type, but one that Arrow's like of it has no place for.
  bool is_beyond_arrow = false;
};

// Nothing if a column of `type` can be exported with the value in it.
[[nodiscard]] std::optional<Misfit> FindMisfit(const Value& value, const LogicalType& type);
[[nodiscard]] std::string DescribeMisfit(const Misfit& misfit, const Field& field,
                                         std::int64_t row);

// What stands for the value in an exported column: ranges become text, integers in a column of
// float64 doubles.
[[nodiscard]] Value Stored(Value value, const LogicalType& type);

}  // namespace molt::types
