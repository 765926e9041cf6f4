// A query as data: immutable, shared, built fluently.
//
//   Table users("users");
//   Query q = Select(users["id"], users["email"]).From(users) ... or, as in Python:
//   Query q = From(users).Where(users["email"].EndsWith("@austin.edu"))
//                 .Select({users["id"], users["email"]}).Limit(100);
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "molt/query/expr.h"
#include "molt/query/table.h"

namespace molt::query {

enum class JoinKind : std::uint8_t { kInner, kLeft, kRight, kFull, kCross };

struct Join {
  JoinKind kind = JoinKind::kInner;
  Table table;
  Expr on;  // empty for kCross
};

struct QueryNode {
  std::optional<Table> from;  // absent only for SQL by hand
  std::vector<Join> joins;
  std::vector<Expr> select;  // empty: all columns
  std::vector<Expr> where;   // all must hold
  std::vector<Expr> group_by;
  std::vector<Expr> having;  // all must hold
  std::vector<Ordering> order_by;
  Expr limit;   // empty: none
  Expr offset;  // empty: none
  Expr raw;     // a whole statement by hand; then all else is empty
  bool distinct = false;
};

class Query {
 public:
  explicit Query(Table from);
  explicit Query(QueryNode node) : node_(std::make_shared<const QueryNode>(std::move(node))) {}
  // A whole statement from Expr::Raw. It takes no further clauses; adding one is an error that
  // binding reports.
  static Query FromRaw(Expr raw);

  [[nodiscard]] Query Where(const std::vector<Expr>& conditions) const;
  [[nodiscard]] Query Where(const Expr& condition) const { return Where(std::vector{condition}); }
  [[nodiscard]] Query Select(const std::vector<Expr>& columns) const;  // replaces
  [[nodiscard]] Query Joined(Join join) const;
  [[nodiscard]] Query GroupBy(const std::vector<Expr>& keys) const;
  [[nodiscard]] Query Having(const std::vector<Expr>& conditions) const;
  [[nodiscard]] Query OrderBy(const std::vector<Ordering>& keys) const;  // replaces
  [[nodiscard]] Query Limit(std::int64_t rows) const;
  [[nodiscard]] Query Offset(std::int64_t rows) const;
  [[nodiscard]] Query Distinct() const;

  const QueryNode* operator->() const { return node_.get(); }
  const QueryNode& operator*() const { return *node_; }

 private:
  std::shared_ptr<const QueryNode> node_;
};

[[nodiscard]] inline Query From(Table table) { return Query(std::move(table)); }

}  // namespace molt::query
