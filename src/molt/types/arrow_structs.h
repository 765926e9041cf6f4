// Lists, intervals and ranges as Arrow structs, for peers that want all that PostgreSQL's have:
//   list      Struct<lower_bounds: List<Int32>, values: List<…>>
//   interval  Struct<months: Int32, days: Int32, micros: Int64>
//   range     Struct<empty: Bool, lower: Struct<value, inclusive: Bool>, upper: likewise>
// Used by the export alone.
#pragma once

#include "molt/types/record_batch.h"

struct ArrowArray;
struct ArrowSchema;

namespace molt::types {

[[nodiscard]] inline bool IsStructured(const LogicalType& type) {
  return type.id == TypeId::kList || type.id == TypeId::kInterval || type.id == TypeId::kRange;
}

// Sets the format and the children of *out, which is initialized. Gives an errno code.
[[nodiscard]] int ExportStructuredType(const LogicalType& type, ArrowSchema* out);
// All cells of the column, copied. Gives an errno code. EINVAL: a cell is no value of the type.
[[nodiscard]] int ExportStructured(const Column& column, const LogicalType& type, ArrowArray* out);

}  // namespace molt::types
