#include "molt/query/structure.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdio>

namespace molt::query {

namespace {

// Calls visit(expr) for each expression of the query, in the order CollectLiterals promises.
template <class Visit>
void ForEachExpr(const QueryNode& q, Visit visit) {
  if (q.raw) visit(q.raw);
  for (const Expr& e : q.select) visit(e);
  for (const Join& join : q.joins) {
    if (join.on) visit(join.on);
  }
  for (const Expr& e : q.where) visit(e);
  for (const Expr& e : q.group_by) visit(e);
  for (const Expr& e : q.having) visit(e);
  for (const Ordering& o : q.order_by) visit(o.expr);
  if (q.limit) visit(q.limit);
  if (q.offset) visit(q.offset);
}

void Collect(const Expr& e, Literals& out) {
  if (e->op == Op::kLiteral) out.push_back(&e->value);
  for (const Expr& arg : e->args) Collect(arg, out);
}

void AddTable(const TableDef& table, Hash128& hash) {
  hash.Add(table.schema);
  hash.Add(table.name);
  hash.Add(table.alias);
  hash.Add(table.columns ? table.columns->size() + 1 : 0);
  if (!table.columns) return;
  for (const types::Field& field : *table.columns) {
    hash.Add(field.name);
    hash.Add(static_cast<std::uint64_t>(field.type.id) | (field.nullable ? 256U : 0U));
  }
}

void AddAll(const std::vector<Expr>& exprs, Hash128& hash) {
  hash.Add(exprs.size());
  for (const Expr& e : exprs) hash.Add(e->hash);
}

void AddOptional(const Expr& e, Hash128& hash) {
  hash.Add(e ? 1U : 0U);
  if (e) hash.Add(e->hash);
}

// Doubles by their bits: NaN is itself, and 0.0 is not -0.0.
bool SameValue(const types::Value& a, const types::Value& b) {
  if (const auto* list = std::get_if<types::List>(&a)) {
    const auto* other = std::get_if<types::List>(&b);
    return other != nullptr &&
           std::equal(list->items->values.begin(), list->items->values.end(),
                      other->items->values.begin(), other->items->values.end(), SameValue);
  }
  const auto* x = std::get_if<double>(&a);
  const auto* y = std::get_if<double>(&b);
  if (x == nullptr || y == nullptr) return a == b;
  return std::bit_cast<std::uint64_t>(*x) == std::bit_cast<std::uint64_t>(*y);
}

bool Same(const Expr& a, const Expr& b, bool values) {
  if (a.operator->() == b.operator->()) return true;
  if (a.IsEmpty() || b.IsEmpty()) return false;
  if (a->op != b->op || a->distinct != b->distinct || a->hash != b->hash ||
      a->args.size() != b->args.size() || a->qualifier != b->qualifier || a->name != b->name ||
      a->parts != b->parts) {
    return false;
  }
  if (a->op == Op::kLiteral && !values) {
    if (types::TypeOf(a->value) != types::TypeOf(b->value)) return false;
  } else if (!SameValue(a->value, b->value)) {
    return false;
  }
  for (std::size_t i = 0; i < a->args.size(); ++i) {
    if (!Same(a->args[i], b->args[i], values)) return false;
  }
  return true;
}

bool SameAll(const std::vector<Expr>& a, const std::vector<Expr>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const Expr& x, const Expr& y) { return Same(x, y, false); });
}

bool SameTable(const Table& a, const Table& b) { return &*a == &*b || *a == *b; }

}  // namespace

Hash128 StructureHash(const Query& query) {
  const QueryNode& q = *query;
  Hash128 hash;
  hash.Add((q.from ? 1U : 0U) | (q.distinct ? 2U : 0U));
  if (q.from) AddTable(**q.from, hash);
  hash.Add(q.joins.size());
  for (const Join& join : q.joins) {
    hash.Add(static_cast<std::uint64_t>(join.kind));
    AddTable(*join.table, hash);
    AddOptional(join.on, hash);
  }
  AddAll(q.select, hash);
  AddAll(q.where, hash);
  AddAll(q.group_by, hash);
  AddAll(q.having, hash);
  hash.Add(q.order_by.size());
  for (const Ordering& o : q.order_by) {
    hash.Add((o.descending ? 1U : 0U) | (o.nulls == NullOrder::kFirst ? 2U : 0U));
    hash.Add(o.expr->hash);
  }
  AddOptional(q.limit, hash);
  AddOptional(q.offset, hash);
  AddOptional(q.raw, hash);
  return hash;
}

std::string Fingerprint(const Query& query) {
  const Hash128 hash = StructureHash(query);
  std::array<char, 33> text{};
  std::snprintf(text.data(), text.size(), "%016llx%016llx",
                static_cast<unsigned long long>(hash.hi), static_cast<unsigned long long>(hash.lo));
  return text.data();
}

void CollectLiterals(const Query& query, Literals& out) {
  ForEachExpr(*query, [&](const Expr& e) { Collect(e, out); });
}

bool SameStructure(const Query& a, const Query& b) {
  const QueryNode& x = *a;
  const QueryNode& y = *b;
  if (&x == &y) return true;
  if (x.from.has_value() != y.from.has_value() || x.distinct != y.distinct) return false;
  if (x.from && !SameTable(*x.from, *y.from)) return false;
  const auto same_join = [](const Join& j, const Join& k) {
    return j.kind == k.kind && SameTable(j.table, k.table) && Same(j.on, k.on, false);
  };
  const auto same_order = [](const Ordering& o, const Ordering& p) {
    return o.descending == p.descending && o.nulls == p.nulls && Same(o.expr, p.expr, false);
  };
  return SameAll(x.select, y.select) && SameAll(x.where, y.where) &&
         SameAll(x.group_by, y.group_by) && SameAll(x.having, y.having) &&
         std::equal(x.joins.begin(), x.joins.end(), y.joins.begin(), y.joins.end(), same_join) &&
         std::equal(x.order_by.begin(), x.order_by.end(), y.order_by.begin(), y.order_by.end(),
                    same_order) &&
         Same(x.limit, y.limit, false) && Same(x.offset, y.offset, false) &&
         Same(x.raw, y.raw, false);
}

bool Identical(const Expr& a, const Expr& b) { return Same(a, b, true); }

}  // namespace molt::query
