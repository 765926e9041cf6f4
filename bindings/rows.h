// Python rows: tuples that also know their columns' names.
#pragma once

#include <nanobind/nanobind.h>

#include "molt/types/record_batch.h"

namespace molt::bindings {

namespace nb = nanobind;

// The class of rows with these columns: a subclass of Row with a descriptor a column, made once a
// set of names and kept.
nb::object RowClass(const types::Schema& schema);

// Rows [begin, end) of a batch as instances of `row_class`, appended to `list`.
void AppendRows(const types::RecordBatch& batch, std::int64_t begin, std::int64_t end,
                nb::handle row_class, nb::list& list);
nb::object MakeRow(const types::RecordBatch& batch, std::int64_t row, nb::handle row_class);

void BindRows(nb::module_& m);

}  // namespace molt::bindings
