// Long because: every check works on one scope and one numbering of the literals.
#include "molt/query/binder.h"

#include <algorithm>
#include <utility>

#include <strings.h>

#include "molt/base/nearest_names.h"
#include "molt/query/structure.h"
#include "molt/query/type_rules.h"
#include "molt/types/utf8.h"

namespace molt::query {

namespace {

using types::Schema;

struct ScopeTable {
  const TableDef* def;
  const Schema* columns;  // nullptr: open
};

// Where in the query an expression stands decides whether aggregates may.
enum class Clause { kSelect, kOn, kWhere, kGroupBy, kHaving, kOrderBy, kLimit, kRaw };

std::string_view ClauseName(Clause clause) {
  switch (clause) {
    case Clause::kSelect:
      return "select";
    case Clause::kOn:
      return "a join condition";
    case Clause::kWhere:
      return "where";
    case Clause::kGroupBy:
      return "group_by";
    case Clause::kHaving:
      return "having";
    case Clause::kOrderBy:
      return "order_by";
    case Clause::kLimit:
      return "limit";
    case Clause::kRaw:
      return "raw";
  }
  return "";
}

int CountLiterals(const Expr& e) {
  int count = e->op == Op::kLiteral ? 1 : 0;
  for (const Expr& arg : e->args) count += CountLiterals(arg);
  return count;
}

bool HasAggregate(const Expr& e) {
  if (IsAggregate(e->op)) return true;
  return std::any_of(e->args.begin(), e->args.end(), HasAggregate);
}

const Expr& Unaliased(const Expr& e) { return e->op == Op::kAlias ? e->args[0] : e; }

class Binder {
 public:
  Binder(const QueryNode& query, const Catalog& catalog) : q_(query), catalog_(catalog) {}

  Result<BoundQuery> Run() {
    if (q_.raw) {
      MOLT_ASSIGN(bound_.raw, BindExpr(q_.raw, Clause::kRaw));
      return std::move(bound_);
    }
    if (!q_.from) return InvalidQuery("the query names no table");
    MOLT_RETURN_IF_ERROR(OpenScope());
    grouped_ = !q_.group_by.empty() || !q_.having.empty() || UsesAggregates();
    MOLT_RETURN_IF_ERROR(PrepareGroupKeys());
    MOLT_RETURN_IF_ERROR(BindSelect());
    MOLT_RETURN_IF_ERROR(BindJoins());
    MOLT_RETURN_IF_ERROR(BindConditions(q_.where, Clause::kWhere, bound_.where));
    for (const Expr& key : q_.group_by) next_literal_ += CountLiterals(key);
    MOLT_RETURN_IF_ERROR(BindConditions(q_.having, Clause::kHaving, bound_.having));
    MOLT_RETURN_IF_ERROR(BindOrderBy());
    if (q_.limit) {
      MOLT_ASSIGN(bound_.limit, BindExpr(q_.limit, Clause::kLimit));
    }
    if (q_.offset) {
      MOLT_ASSIGN(bound_.offset, BindExpr(q_.offset, Clause::kLimit));
    }
    bound_.distinct = q_.distinct;
    return std::move(bound_);
  }

 private:
  [[nodiscard]] bool UsesAggregates() const {
    return std::any_of(q_.select.begin(), q_.select.end(), HasAggregate) ||
           std::any_of(q_.having.begin(), q_.having.end(), HasAggregate) ||
           std::any_of(q_.order_by.begin(), q_.order_by.end(),
                       [](const Ordering& o) { return HasAggregate(o.expr); });
  }

  Result<BoundTable> AddTable(const Table& table) {
    const TableDef& def = *table;
    MOLT_RETURN_IF_ERROR(CheckIdentifier("table name", def.name));
    if (!def.schema.empty()) MOLT_RETURN_IF_ERROR(CheckIdentifier("schema name", def.schema));
    if (!def.alias.empty()) MOLT_RETURN_IF_ERROR(CheckIdentifier("table alias", def.alias));
    if (def.columns) {
      for (const types::Field& field : *def.columns) {
        MOLT_RETURN_IF_ERROR(CheckIdentifier("column name", field.name));
      }
    }
    for (const ScopeTable& other : scope_) {
      if (other.def->Key() != def.Key()) continue;
      return InvalidQuery("table \"" + def.Key() +
                          "\" is in the query twice; give one of them another name with .as_()");
    }
    const auto known = catalog_.find({def.schema, def.name});
    const Schema* columns = known != catalog_.end() ? &known->second : nullptr;
    scope_.push_back({&def, columns != nullptr ? columns : def.columns ? &*def.columns : nullptr});
    return BoundTable{def.schema, def.name, def.alias};
  }

  Status OpenScope() {
    MOLT_ASSIGN(bound_.from, AddTable(*q_.from));
    for (const Join& join : q_.joins) {
      MOLT_ASSIGN(BoundTable table, AddTable(join.table));
      bound_.joins.push_back({join.kind, std::move(table), std::nullopt});
    }
    return {};
  }

  // Keys are bound before everything else, because expressions equal to a key stand for it; their
  // literals are numbered as if they were bound in their turn.
  Status PrepareGroupKeys() {
    int first = 0;
    for (const Expr& e : q_.select) first += CountLiterals(e);
    for (const Join& join : q_.joins) first += join.on ? CountLiterals(join.on) : 0;
    for (const Expr& e : q_.where) first += CountLiterals(e);
    next_literal_ = first;
    for (const Expr& key : q_.group_by) {
      MOLT_ASSIGN(BoundExpr bound, BindExpr(Unaliased(key), Clause::kGroupBy));
      if (CountLiterals(key) > 0) bound_.depends_on_values = true;
      bound_.group_by.push_back(std::move(bound));
    }
    next_literal_ = 0;
    return {};
  }

  Status BindSelect() {
    if (q_.select.empty()) {
      if (grouped_) {
        return InvalidQuery("a grouped query must say what it selects: add .select(...)");
      }
      ExpandDeclared();
      return {};
    }
    for (const Expr& e : q_.select) {
      MOLT_ASSIGN(BoundExpr bound, BindExpr(e, Clause::kSelect));
      bound_.select.push_back(NameColumn(std::move(bound)));
    }
    return {};
  }

  // Without a select all columns are meant: the declared ones where every table declares some, else
  // whatever the database has.
  void ExpandDeclared() {
    for (const ScopeTable& table : scope_) {
      if (!table.def->columns) return;
    }
    for (const ScopeTable& table : scope_) {
      for (const types::Field& field : *table.def->columns) {
        BoundExpr column;
        column.op = Op::kColumn;
        column.qualifier = table.def->Key();
        column.name = field.name;
        column.type = field.type;
        bound_.select.push_back({std::move(column), field.name, false});
      }
    }
  }

  // Engines name unnamed expressions each in their own way, so every expression gets a name.
  BoundColumn NameColumn(BoundExpr bound) const {
    if (bound.op == Op::kColumn) {
      std::string name = bound.name;
      return {std::move(bound), std::move(name), false};
    }
    if (bound.op == Op::kAlias) {
      std::string name = bound.name;
      return {std::move(bound.args[0]), std::move(name), true};
    }
    std::string name = IsAggregate(bound.op) ? std::string(InfoOf(bound.op).name)
                                             : "column_" + std::to_string(bound_.select.size() + 1);
    return {std::move(bound), std::move(name), true};
  }

  Status BindJoins() {
    for (std::size_t i = 0; i < q_.joins.size(); ++i) {
      const Join& join = q_.joins[i];
      if (join.kind == JoinKind::kCross) {
        if (join.on) return InvalidQuery("a cross join takes no condition");
        continue;
      }
      if (join.on.IsEmpty()) {
        return InvalidQuery("the join with \"" + join.table->Key() +
                            "\" has no condition; give on=..., or use cross_join");
      }
      visible_ = i + 2;  // a condition sees the tables up to its own
      MOLT_ASSIGN(bound_.joins[i].on, BindCondition(join.on, Clause::kOn));
    }
    visible_ = scope_.size();
    return {};
  }

  Result<BoundExpr> BindCondition(const Expr& e, Clause clause) {
    MOLT_ASSIGN(BoundExpr bound, BindExpr(e, clause));
    const auto id = bound.type.id;
    if (id != types::TypeId::kBool && id != types::TypeId::kInt64 && bound.type.IsKnown()) {
      return InvalidQuery(std::string(ClauseName(clause)) + " needs conditions, " +
                          Describe(bound) + " is " + std::string(types::TypeName(bound.type)));
    }
    return bound;
  }

  Status BindConditions(const std::vector<Expr>& conditions, Clause clause,
                        std::vector<BoundExpr>& out) {
    for (const Expr& e : conditions) {
      MOLT_ASSIGN(BoundExpr bound, BindCondition(e, clause));
      out.push_back(std::move(bound));
    }
    return {};
  }

  Status BindOrderBy() {
    for (const Ordering& o : q_.order_by) {
      BoundOrdering ordering;
      ordering.descending = o.descending;
      ordering.nulls = o.nulls;
      const std::optional<std::size_t> output = SelectedAs(o.expr);
      if (output && bound_.select[*output].renamed) {
        ordering.output = bound_.select[*output].name;
        next_literal_ += CountLiterals(o.expr);
      } else {
        if (q_.distinct && !output && !q_.select.empty()) {
          return InvalidQuery(
              "with distinct(), order_by can only use what is selected; select it too");
        }
        MOLT_ASSIGN(ordering.expr, BindExpr(Unaliased(o.expr), Clause::kOrderBy));
      }
      bound_.order_by.push_back(std::move(ordering));
    }
    return {};
  }

  // The selected column that is this very expression.
  std::optional<std::size_t> SelectedAs(const Expr& e) {
    for (std::size_t i = 0; i < q_.select.size(); ++i) {
      if (!Identical(Unaliased(q_.select[i]), Unaliased(e))) continue;
      if (e->op == Op::kAlias && bound_.select[i].name != e->name) continue;
      // Two results of one name: ordering by the name would be ambiguous.
      // Some engines fold the case of names.
      const auto same_name = [&](const BoundColumn& c) {
        return strcasecmp(c.name.c_str(), bound_.select[i].name.c_str()) == 0;
      };
      if (std::count_if(bound_.select.begin(), bound_.select.end(), same_name) > 1 &&
          (CountLiterals(e) == 0 || !q_.distinct) && bound_.select[i].renamed) {
        continue;
      }
      if (CountLiterals(e) > 0) bound_.depends_on_values = true;
      return i;
    }
    if (CountLiterals(e) > 0) bound_.depends_on_values = true;
    return std::nullopt;
  }

  Result<BoundExpr> BindExpr(const Expr& e, Clause clause) {
    const ExprNode& node = *e;
    if (node.op == Op::kError) return InvalidQuery(node.name);
    // In a grouped query an expression equal to a key is that key, and needs no aggregate.
    const bool may_be_key =
        clause == Clause::kSelect || clause == Clause::kHaving || clause == Clause::kOrderBy;
    if (may_be_key && !in_aggregate_ && !in_raw_) {
      for (std::size_t i = 0; i < q_.group_by.size(); ++i) {
        if (!Identical(e, Unaliased(q_.group_by[i]))) continue;
        next_literal_ += CountLiterals(e);
        return bound_.group_by[i];
      }
    }
    if (node.op == Op::kColumn) return BindColumn(node, clause);
    if (IsAggregate(node.op)) {
      const bool allowed = may_be_key;
      if (!allowed) {
        return InvalidQuery(std::string(InfoOf(node.op).name) + "(…) is not allowed in " +
                            std::string(ClauseName(clause)) + "; use having(...)");
      }
      if (in_aggregate_) {
        return InvalidQuery(std::string(InfoOf(node.op).name) +
                            "(…) stands inside another aggregate");
      }
      in_aggregate_ = true;
    }
    // Whether SQL by hand aggregates is its author's business.
    const bool was_in_raw = std::exchange(in_raw_, in_raw_ || node.op == Op::kRaw);
    BoundExpr bound;
    bound.op = node.op;
    bound.distinct = node.distinct;
    bound.name = node.name;
    bound.parts = node.parts;
    if (node.op == Op::kAlias) MOLT_RETURN_IF_ERROR(CheckIdentifier("name", node.name));
    if (node.op == Op::kConstant) bound.constant = std::get<bool>(node.value);
    if (node.op == Op::kLiteral) {
      bound.literal = next_literal_++;
      bound.type = types::TypeOf(node.value);
    }
    bound.args.reserve(node.args.size());
    for (const Expr& arg : node.args) {
      if (arg->op == Op::kAlias && node.op != Op::kAlias) {
        // A named expression used inside another stands for itself, without the name.
        MOLT_ASSIGN(BoundExpr inner, BindExpr(arg->args[0], clause));
        bound.args.push_back(std::move(inner));
        continue;
      }
      MOLT_ASSIGN(BoundExpr inner, BindExpr(arg, clause));
      bound.args.push_back(std::move(inner));
    }
    if (IsAggregate(node.op)) in_aggregate_ = false;
    in_raw_ = was_in_raw;
    MOLT_RETURN_IF_ERROR(InferType(bound));
    return bound;
  }

  Result<BoundExpr> BindColumn(const ExprNode& node, Clause clause) {
    MOLT_RETURN_IF_ERROR(CheckIdentifier("column name", node.name));
    const std::size_t visible = visible_ == 0 ? scope_.size() : visible_;
    const ScopeTable* table = nullptr;
    for (std::size_t i = 0; i < scope_.size() && i < visible; ++i) {
      if (scope_[i].def->Key() == node.qualifier) table = &scope_[i];
    }
    if (clause != Clause::kRaw && table == nullptr) return UnknownTable(node);
    if (grouped_ && !in_aggregate_ && !in_raw_ &&
        (clause == Clause::kSelect || clause == Clause::kHaving || clause == Clause::kOrderBy)) {
      return InvalidQuery("column \"" + node.qualifier + "\".\"" + node.name +
                          "\" must be in group_by(...) or inside an aggregate");
    }
    BoundExpr bound;
    bound.op = Op::kColumn;
    bound.qualifier = node.qualifier;
    bound.name = node.name;
    if (table == nullptr) return bound;
    MOLT_ASSIGN(bound.type, TypeOfColumn(*table, node));
    return bound;
  }

  // The declared type wins over the catalog's; a name must be known to one that is closed.
  Result<types::LogicalType> TypeOfColumn(const ScopeTable& table, const ExprNode& node) const {
    const auto find = [&](const Schema& schema) {
      return std::find_if(schema.begin(), schema.end(),
                          [&](const types::Field& field) { return field.name == node.name; });
    };
    if (table.def->columns) {
      const auto declared = find(*table.def->columns);
      if (declared == table.def->columns->end()) {
        return UnknownColumn(table, *table.def->columns, node);
      }
      if (declared->type.IsKnown()) return declared->type;
    }
    if (table.columns == nullptr) return types::LogicalType();
    const auto column = find(*table.columns);
    if (column != table.columns->end()) return column->type;
    // Engines fold the case of names, each in its own way; leave the last word to them.
    const auto folded =
        std::find_if(table.columns->begin(), table.columns->end(), [&](const types::Field& field) {
          return strcasecmp(field.name.c_str(), node.name.c_str()) == 0;
        });
    if (folded != table.columns->end()) return folded->type;
    return UnknownColumn(table, *table.columns, node);
  }

  static tl::unexpected<Error> UnknownColumn(const ScopeTable& table, const Schema& columns,
                                             const ExprNode& node) {
    std::vector<std::string> names;
    for (const types::Field& field : columns) names.push_back(field.name);
    return InvalidQuery("table \"" + table.def->name + "\" has no column \"" + node.name + "\"" +
                        NearestNames(node.name, names));
  }

  [[nodiscard]] tl::unexpected<Error> UnknownTable(const ExprNode& node) const {
    std::string tables;
    const std::size_t visible = visible_ == 0 ? scope_.size() : visible_;
    for (std::size_t i = 0; i < visible; ++i) {
      tables += (tables.empty() ? "\"" : ", \"") + scope_[i].def->Key() + "\"";
    }
    return InvalidQuery("column \"" + node.qualifier + "\".\"" + node.name +
                        "\" is of a table that is not in the query here (it has " + tables +
                        "); join \"" + node.qualifier + "\" first");
  }

  const QueryNode& q_;
  const Catalog& catalog_;
  BoundQuery bound_;
  std::vector<ScopeTable> scope_;
  std::size_t visible_ = 0;  // how many tables of the scope are visible; 0: all
  int next_literal_ = 0;
  bool grouped_ = false;
  bool in_aggregate_ = false;
  bool in_raw_ = false;
};

}  // namespace

Result<BoundQuery> Bind(const Query& query, const Catalog& catalog) {
  return Binder(*query, catalog).Run();
}

std::vector<std::pair<std::string, std::string>> TablesOf(const Query& query) {
  std::vector<std::pair<std::string, std::string>> tables;
  if (query->from) tables.emplace_back((*query->from)->schema, (*query->from)->name);
  for (const Join& join : query->joins) tables.emplace_back(join.table->schema, join.table->name);
  return tables;
}

Status CheckIdentifier(std::string_view what, std::string_view name) {
  if (name.empty()) return InvalidQuery("a " + std::string(what) + " is empty");
  if (!types::IsValidUtf8(name)) return InvalidQuery("a " + std::string(what) + " is not UTF-8");
  if (name.size() > 255) {
    const std::string_view start = name.substr(0, types::ValidUtf8Prefix(name.substr(0, 40)));
    return InvalidQuery("the " + std::string(what) + " \"" + std::string(start) +
                        "…\" is longer than 255 bytes");
  }
  if (name.find('\0') != std::string_view::npos) {
    return InvalidQuery("a " + std::string(what) + " contains a NUL character");
  }
  return {};
}

}  // namespace molt::query
