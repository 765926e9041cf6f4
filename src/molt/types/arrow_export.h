// RecordBatch -> Arrow C data interface (https://arrow.apache.org/docs/format/CDataInterface.html).
#pragma once

#include <memory>
#include <vector>

#include "molt/base/status.h"
#include "molt/types/record_batch.h"

struct ArrowArrayStream;

namespace molt::types {

// Fails (InvalidQuery) naming the first column and row whose value does not fit the column.
[[nodiscard]] Status CheckExportable(const Schema& schema,
                                     const std::vector<RecordBatchPtr>& batches);

// Fills *out with a stream over the batches, sharing their buffers: no cell is copied. The stream
// keeps the batches alive. Precondition: CheckExportable succeeded.
[[nodiscard]] Status ExportStream(const Schema& schema, std::vector<RecordBatchPtr> batches,
                                  ArrowArrayStream* out);

}  // namespace molt::types
