// RecordBatch -> bytes, batch by batch.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "molt/base/status.h"
#include "molt/codec/result_format.h"
#include "molt/types/record_batch.h"

namespace molt::codec {

struct EncodeOptions {
  // kArrowIpc: lists and intervals as Arrow has them, ranges as text. Otherwise lists with their
  // lower bounds, intervals and ranges are structs, as docs/spec has them.
  bool native_arrow_types = false;
  // Bytes are wanted after each batch, not only at the end. An Arrow stream is then written with
  // the types of the first batch; a later one that does not fit them is refused.
  bool is_streamed = false;
};

// One result. What Take() gives, all of it in order, is the whole document; it is cut between rows,
// or between the messages of an Arrow stream.
class Encoder {
 public:
  virtual ~Encoder() = default;

  // The batches of one result, at least one, in order. InvalidQuery, naming column and row, for a
  // value that the format cannot hold.
  virtual Status Add(const types::RecordBatchPtr& batch) = 0;
  // After the last batch.
  virtual Status Finish() = 0;

  // About how large the document is by now, without what was taken.
  [[nodiscard]] virtual std::size_t size() const = 0;
  // What is ready; nothing before Finish() if the format has to know the end first.
  [[nodiscard]] virtual std::string Take() = 0;
};

// What the cells' writers rely on: InvalidQuery, naming column and row, for text that is not UTF-8.
[[nodiscard]] Status CheckText(const types::RecordBatch& batch, std::int64_t first_row);

[[nodiscard]] std::unique_ptr<Encoder> MakeEncoder(ResultFormat format,
                                                   const EncodeOptions& options = {});

}  // namespace molt::codec
