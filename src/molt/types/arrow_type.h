// Our types as Arrow's: format strings and metadata of exported fields.
// Source:
// https://arrow.apache.org/docs/format/CDataInterface.html#data-type-description-format-strings
#pragma once

#include "molt/types/schema.h"

struct ArrowSchema;

namespace molt::types {

// Of a type that is not known an Arrow column holds only NULLs, and no buffers.
[[nodiscard]] inline bool HasArrowLayout(const LogicalType& type) { return type.IsKnown(); }

// The type whose column layout (record_batch.h) the exported buffers have: ranges are text.
[[nodiscard]] LogicalType StorageOf(const LogicalType& type);

// Fills *out with a struct of the fields. Gives an errno code, and then *out is released. Types
// that Arrow has no like of are text, and the field's metadata "molt.type" names them.
// With `structs`, lists, intervals and ranges are those of arrow_structs.h.
[[nodiscard]] int ExportSchema(const Schema& schema, ArrowSchema* out, bool structs = false);

}  // namespace molt::types
