// Where an engine is stricter about types than queries are, and what to write then.
#pragma once

#include <cstddef>
#include <string_view>

#include "molt/query/bound.h"
#include "molt/sql/dialect.h"

namespace molt::sql {

// The SQL type that argument `i` of `e` is to be cast to; empty: it stays as it is.
[[nodiscard]] std::string_view ArgumentCast(const query::BoundExpr& e, std::size_t i,
                                            const Dialect& dialect);

}  // namespace molt::sql
