// Python data as batches to insert.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <nanobind/nanobind.h>

#include "molt/db/connection.h"

namespace molt::bindings {

namespace nb = nanobind;

// Reads rows from Python (an iterable of tuples or dicts, or an Arrow stream) as they are needed,
// on the thread that inserts; takes the GIL for that. An exception that Python raises meanwhile
// ends the insert and is kept for Rethrow().
class PythonSource : public db::BatchSource {
 public:
  // The names the rows carry themselves: of an Arrow stream, or the keys of the first dict.
  [[nodiscard]] virtual std::optional<std::vector<std::string>> OwnColumns() = 0;
  // How many columns a row has; must be set before the first Next().
  virtual Status SetColumns(const std::vector<std::string>& columns) = 0;
  // With the GIL: raises what Python raised, if it did.
  virtual void Rethrow() = 0;
};

std::shared_ptr<PythonSource> MakeSource(nb::handle rows, std::int64_t batch_rows,
                                         nb::object on_progress);

}  // namespace molt::bindings
