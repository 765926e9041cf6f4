#pragma once

#include "molt/base/status.h"
#include "molt/query/query.h"

namespace molt::query {

// Whether the query only picks and computes columns of rows of one table, each row by itself, so
// that it can be run for one part of the table after the other. InvalidQuery saying why not. SQL by
// hand counts as not: it may do anything.
[[nodiscard]] Status CheckPlainScan(const Query& query);

}  // namespace molt::query
