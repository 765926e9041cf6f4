// Bound queries: every column resolved, every expression typed, every literal numbered. Only the
// binder makes them, so that what reaches the compiler has been checked.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "molt/query/query.h"

namespace molt::query {

struct BoundExpr {
  Op op = Op::kConstant;
  types::LogicalType type;  // unknown where neither declaration nor catalog tells
  bool distinct = false;
  std::vector<BoundExpr> args;
  std::string qualifier;           // kColumn
  std::string name;                // kColumn, kAlias
  int literal = -1;                // kLiteral: its place in CollectLiterals' order
  bool as_timestamp = false;       // kLiteral: a date that stands for its midnight
  bool constant = false;           // kConstant
  std::vector<std::string> parts;  // kRaw
};

struct BoundTable {
  std::string schema;
  std::string name;
  std::string alias;
};

struct BoundJoin {
  JoinKind kind = JoinKind::kInner;
  BoundTable table;
  std::optional<BoundExpr> on;
};

struct BoundOrdering {
  BoundExpr expr;      // unused when `output` is set
  std::string output;  // the name of the result column to order by; empty: by `expr`
  bool descending = false;
  NullOrder nulls = NullOrder::kLast;
};

struct BoundColumn {
  BoundExpr expr;
  std::string name;      // in the result
  bool renamed = false;  // whether SQL must say AS name
};

struct BoundQuery {
  std::optional<BoundTable> from;
  std::vector<BoundJoin> joins;
  std::vector<BoundColumn> select;  // empty: all columns of all tables, types left to the engine
  std::vector<BoundExpr> where;
  std::vector<BoundExpr> group_by;
  std::vector<BoundExpr> having;
  std::vector<BoundOrdering> order_by;
  std::optional<BoundExpr> limit;
  std::optional<BoundExpr> offset;
  std::optional<BoundExpr> raw;
  bool distinct = false;
  // Whether the checks and the shape held for the structure alone. Where they looked at values (a
  // literal inside a GROUP BY key), the compiled form is good for this one query only.
  bool depends_on_values = false;
};

}  // namespace molt::query
