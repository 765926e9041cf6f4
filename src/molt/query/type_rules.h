// The types of expressions: what each operation takes and gives.
#pragma once

#include <span>

#include "molt/base/status.h"
#include "molt/query/bound.h"

namespace molt::query {

// Checks the arguments of `expr` and sets its type. Unknown types pass: the engine decides.
[[nodiscard]] Status InferType(BoundExpr& expr);

// How an expression is called in an error: `column "users"."age"`, `a value of type utf8`,
// `sum(…)`.
[[nodiscard]] std::string Describe(const BoundExpr& expr);

}  // namespace molt::query
