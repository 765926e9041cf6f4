#include "molt/query/plain_scan.h"

#include <string>
#include <string_view>
#include <vector>

namespace molt::query {

namespace {

auto NotPlain(std::string_view what) {
  return InvalidQuery("parallel reads are for plain scans of one table, and this query " +
                      std::string(what) + "; leave parallel out");
}

Status CheckExpr(const Expr& root) {
  std::vector<Expr> left = {root};
  while (!left.empty()) {
    const Expr e = std::move(left.back());
    left.pop_back();
    if (e->op == Op::kRaw) return NotPlain("has SQL by hand in it");
    if (IsAggregate(e->op)) return NotPlain("aggregates");
    left.insert(left.end(), e->args.begin(), e->args.end());
  }
  return {};
}

}  // namespace

Status CheckPlainScan(const Query& query) {
  if (!query->raw.IsEmpty()) return NotPlain("is SQL by hand");
  if (!query->joins.empty()) return NotPlain("joins tables");
  if (!query->group_by.empty() || !query->having.empty()) return NotPlain("groups rows");
  if (query->distinct) return NotPlain("asks for distinct rows");
  if (!query->order_by.empty()) return NotPlain("orders its rows");
  if (!query->limit.IsEmpty() || !query->offset.IsEmpty()) return NotPlain("has a limit or offset");
  for (const auto* list : {&query->select, &query->where}) {
    for (const Expr& expr : *list) MOLT_RETURN_IF_ERROR(CheckExpr(expr));
  }
  return {};
}

}  // namespace molt::query
