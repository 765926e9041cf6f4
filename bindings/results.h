// Results as Python sees them.
#pragma once

#include <memory>
#include <string>

#include <nanobind/nanobind.h>

#include "molt/engine/database.h"

namespace molt::bindings {

namespace nb = nanobind;

// The rows of a result: batches, shared and never changed.
class ResultSet {
 public:
  // Precondition: at least one batch.
  explicit ResultSet(engine::Batches batches);

  [[nodiscard]] const types::Schema& schema() const { return *batches_.front()->schema; }
  [[nodiscard]] const engine::Batches& batches() const { return batches_; }
  [[nodiscard]] std::int64_t size() const { return size_; }
  // That Arrow can hold it; looked at once.
  [[nodiscard]] Status CheckExportable();
  // The class of its rows, made when first asked for.
  nb::handle RowType();
  // Precondition: 0 <= index < size().
  nb::object RowAt(std::int64_t index);
  nb::list Rows(std::int64_t begin, std::int64_t end);

 private:
  engine::Batches batches_;
  std::int64_t size_ = 0;
  bool is_exportable_ = false;  // as far as is known
  nb::object row_type_;
};

void BindResults(nb::module_& m);
void BindPythonJson(nb::module_& m);

}  // namespace molt::bindings
