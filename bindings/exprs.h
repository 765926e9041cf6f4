// Expressions, orderings and tables as Python sees them.
#pragma once

#include <vector>

#include <nanobind/nanobind.h>

#include "molt/query/query.h"

namespace molt::bindings {

namespace nb = nanobind;

// A column of a table; a type of its own for Python's type checkers.
struct Column : query::Expr {
  explicit Column(query::Expr e) : query::Expr(std::move(e)) {}
};

// SQL by hand.
struct Raw : query::Expr {
  explicit Raw(query::Expr e) : query::Expr(std::move(e)) {}
};

// Raises InvalidQueryError at once for an expression that carries a mistake.
query::Expr Checked(query::Expr e);

// An Expr as it is; any other object as a bound value.
query::Expr ToExpr(nb::handle object);
std::vector<query::Expr> ToExprs(nb::handle iterable);
query::Ordering ToOrdering(nb::handle object);
// A TableRef, or a class made from Table.
query::Table ToTable(nb::handle object);
bool IsTable(nb::handle object);

void BindExprs(nb::module_& m);
nb::class_<query::Table> BindTables(nb::module_& m);

}  // namespace molt::bindings
