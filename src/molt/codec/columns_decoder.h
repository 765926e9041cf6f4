// The format of columns_format.h -> RecordBatch.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "molt/base/status.h"
#include "molt/types/record_batch.h"

namespace molt::codec {

// One result, in the pieces it comes in.
class ColumnsDecoder {
 public:
  // Appends the batches of the next piece, copied from it. Protocol (kProtocol) for bytes that are
  // not of the format: nothing of such a batch can be read out of its bounds.
  Status Add(std::string_view piece, std::vector<types::RecordBatchPtr>& batches);

 private:
  std::shared_ptr<const types::Schema> schema_;  // once the first piece is there
};

}  // namespace molt::codec
