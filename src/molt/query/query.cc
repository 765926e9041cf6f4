#include "molt/query/query.h"

#include <utility>

namespace molt::query {

namespace {

// Copies the node, lets `change` edit the copy, and wraps it.
template <class Change>
Query With(const QueryNode& node, Change change) {
  if (node.raw) {
    if (node.raw->op == Op::kError) return Query(node);
    return Query::FromRaw(
        Expr::Error("a query written by hand takes no further clauses; write them into its SQL"));
  }
  QueryNode copy = node;
  change(copy);
  return Query(std::move(copy));
}

Expr RowCount(std::string_view what, std::int64_t rows) {
  if (rows >= 0) return {rows};
  return Expr::Error(std::string(what) + " must not be negative");
}

}  // namespace

Query::Query(Table from) {
  QueryNode node;
  node.from = std::move(from);
  *this = Query(std::move(node));
}

Query Query::FromRaw(Expr raw) {
  QueryNode node;
  node.raw = raw->op == Op::kRaw || raw->op == Op::kError
                 ? std::move(raw)
                 : Expr::Error("a whole query by hand must be made with raw(...)");
  return Query(std::move(node));
}

Query Query::Where(const std::vector<Expr>& conditions) const {
  return With(*node_, [&](QueryNode& n) {
    n.where.insert(n.where.end(), conditions.begin(), conditions.end());
  });
}

Query Query::Select(const std::vector<Expr>& columns) const {
  return With(*node_, [&](QueryNode& n) { n.select = columns; });
}

Query Query::Joined(Join join) const {
  return With(*node_, [&](QueryNode& n) { n.joins.push_back(std::move(join)); });
}

Query Query::GroupBy(const std::vector<Expr>& keys) const {
  return With(*node_,
              [&](QueryNode& n) { n.group_by.insert(n.group_by.end(), keys.begin(), keys.end()); });
}

Query Query::Having(const std::vector<Expr>& conditions) const {
  return With(*node_, [&](QueryNode& n) {
    n.having.insert(n.having.end(), conditions.begin(), conditions.end());
  });
}

Query Query::OrderBy(const std::vector<Ordering>& keys) const {
  return With(*node_, [&](QueryNode& n) { n.order_by = keys; });
}

Query Query::Limit(std::int64_t rows) const {
  return With(*node_, [&](QueryNode& n) { n.limit = RowCount("limit", rows); });
}

Query Query::Offset(std::int64_t rows) const {
  return With(*node_, [&](QueryNode& n) { n.offset = RowCount("offset", rows); });
}

Query Query::Distinct() const {
  return With(*node_, [](QueryNode& n) { n.distinct = true; });
}

}  // namespace molt::query
