// RecordBatch -> Arrow C data interface (https://arrow.apache.org/docs/format/CDataInterface.html).
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "molt/base/status.h"
#include "molt/types/record_batch.h"

struct ArrowArrayStream;

namespace molt::types {

// How lists, intervals and ranges are exported: as Arrow's lists and intervals and as text, or as
// the structs of arrow_structs.h.
enum class ArrowForm : std::uint8_t { kNative, kStructs };

// Fails (InvalidQuery) naming the first column and row whose value does not fit the column.
[[nodiscard]] Status CheckExportable(const Schema& schema,
                                     const std::vector<RecordBatchPtr>& batches,
                                     ArrowForm form = ArrowForm::kNative);

// Fills *out with a stream over the batches, sharing their buffers: no cell is copied. The stream
// keeps the batches alive. Precondition: CheckExportable succeeded.
[[nodiscard]] Status ExportStream(const Schema& schema, std::vector<RecordBatchPtr> batches,
                                  ArrowArrayStream* out, ArrowForm form = ArrowForm::kNative);

}  // namespace molt::types
