// The structure of a query: everything about it but the values of its literals. Two queries of one
// structure compile to the same SQL and differ in what is bound.
#pragma once

#include <string>
#include <vector>

#include "molt/query/query.h"

namespace molt::query {

// Borrowed from the query.
using Literals = std::vector<const types::Value*>;

[[nodiscard]] Hash128 StructureHash(const Query& query);
// 32 hexadecimal digits of StructureHash: the same in every process for the same structure.
[[nodiscard]] std::string Fingerprint(const Query& query);

// Appends the values of all literals in the order in which the binder numbers them: select, joins,
// where, group_by, having, order_by, limit, offset; each tree depth first, left to right.
void CollectLiterals(const Query& query, Literals& out);

[[nodiscard]] bool SameStructure(const Query& a, const Query& b);
// The expressions are the same, values included.
[[nodiscard]] bool Identical(const Expr& a, const Expr& b);

}  // namespace molt::query
