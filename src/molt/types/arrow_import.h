// Arrow C stream -> RecordBatch, for data that is to be inserted.
#pragma once

#include <memory>

#include "molt/base/status.h"
#include "molt/types/record_batch.h"

struct ArrowArrayStream;

namespace molt::types {

// Reads a foreign stream. Integers of any width become int64 (a uint64 above its range is an
// error), float16/32 float64, (large_)string, string_view and dictionaries of them utf8, dates,
// times and timestamps of any unit microseconds (finer ones that would lose digits are an error),
// decimals decimal values, booleans bool. Nested types are an error that names the column.
class ArrowImporter {
 public:
  // Takes the stream over: *stream is moved from.
  [[nodiscard]] static Result<std::unique_ptr<ArrowImporter>> Open(ArrowArrayStream* stream);
  ~ArrowImporter();
  ArrowImporter(const ArrowImporter&) = delete;
  ArrowImporter& operator=(const ArrowImporter&) = delete;

  [[nodiscard]] const Schema& schema() const;
  // The next batch, or nullptr at the end.
  [[nodiscard]] Result<RecordBatchPtr> Next();

 private:
  struct Impl;
  explicit ArrowImporter(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace molt::types
