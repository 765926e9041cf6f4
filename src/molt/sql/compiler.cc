#include "molt/sql/compiler.h"

#include <utility>

#include "molt/sql/expr_writer.h"

namespace molt::sql {

namespace {

using query::BoundExpr;
using query::BoundTable;

class Compiler {
 public:
  Compiler(const query::BoundQuery& query, const Dialect& dialect, Layout layout)
      : q_(query), d_(dialect), break_(layout == Layout::kOneLine ? " " : "\n") {}

  Result<CompiledQuery> Run() {
    out_.depends_on_values = q_.depends_on_values;
    if (q_.raw) {
      MOLT_RETURN_IF_ERROR(writer_.WriteRaw(*q_.raw));
    } else {
      MOLT_RETURN_IF_ERROR(WriteSelect());
    }
    if (!writer_.too_long_name().empty()) {
      return Unsupported(std::string(d_.name) + ": the name \"" + writer_.too_long_name() +
                         "\" is longer than " + std::to_string(d_.name_bytes_max) +
                         " bytes, where the engine cuts names off; use a shorter one");
    }
    if (out_.slots.size() > d_.params_max) {
      return Unsupported(std::string(d_.name) + ": the query binds " +
                         std::to_string(out_.slots.size()) + " values, the engine takes " +
                         std::to_string(d_.params_max) +
                         "; put the values into a table and join it");
    }
    return std::move(out_);
  }

 private:
  void Write(std::string_view text) { writer_.Write(text); }
  void WriteName(std::string_view name) { writer_.WriteName(name); }
  Status WriteExpr(const BoundExpr& e, Precedence least) { return writer_.WriteExpr(e, least); }

  void WriteClause(std::string_view keyword) {
    Write(break_);
    Write(keyword);
    Write(" ");
  }

  Status WriteSelect() {
    Write(q_.distinct ? "SELECT DISTINCT " : "SELECT ");
    MOLT_RETURN_IF_ERROR(WriteColumns());
    WriteClause("FROM");
    WriteTable(*q_.from);
    MOLT_RETURN_IF_ERROR(WriteJoins());
    MOLT_RETURN_IF_ERROR(WriteConditions("WHERE", q_.where));
    for (std::size_t i = 0; i < q_.group_by.size(); ++i) {
      i == 0 ? WriteClause("GROUP BY") : Write(", ");
      MOLT_RETURN_IF_ERROR(writer_.WriteKey(q_.group_by[i]));
    }
    MOLT_RETURN_IF_ERROR(WriteConditions("HAVING", q_.having));
    MOLT_RETURN_IF_ERROR(WriteOrderBy());
    return WriteLimit();
  }

  Status WriteColumns() {
    if (q_.select.empty()) {
      if (q_.joins.empty()) {
        Write("*");
        return {};
      }
      WriteAllOf(*q_.from);
      for (const query::BoundJoin& join : q_.joins) {
        Write(", ");
        WriteAllOf(join.table);
      }
      return {};
    }
    for (std::size_t i = 0; i < q_.select.size(); ++i) {
      const query::BoundColumn& column = q_.select[i];
      if (i > 0) Write(", ");
      MOLT_RETURN_IF_ERROR(WriteExpr(column.expr, Precedence::kLowest));
      if (column.renamed) {
        Write(" AS ");
        WriteName(column.name);
      }
      out_.columns.push_back({column.name, column.expr.type, true});
      out_.column_types.push_back(column.expr.type);
    }
    return {};
  }

  void WriteAllOf(const BoundTable& table) {
    WriteName(table.alias.empty() ? table.name : table.alias);
    Write(".*");
  }

  void WriteTable(const BoundTable& table) {
    if (!table.schema.empty()) {
      WriteName(table.schema);
      Write(".");
    }
    WriteName(table.name);
    if (!table.alias.empty()) {
      Write(" AS ");
      WriteName(table.alias);
    }
  }

  Status WriteJoins() {
    for (const query::BoundJoin& join : q_.joins) {
      switch (join.kind) {
        case query::JoinKind::kInner:
          WriteClause("JOIN");
          break;
        case query::JoinKind::kLeft:
          WriteClause("LEFT JOIN");
          break;
        case query::JoinKind::kRight:
          WriteClause("RIGHT JOIN");
          break;
        case query::JoinKind::kFull:
          WriteClause("FULL JOIN");
          break;
        case query::JoinKind::kCross:
          WriteClause("CROSS JOIN");
          break;
      }
      WriteTable(join.table);
      if (!join.on) continue;
      Write(" ON ");
      MOLT_RETURN_IF_ERROR(writer_.WriteCondition(*join.on, Precedence::kOr));
    }
    return {};
  }

  Status WriteConditions(std::string_view keyword, const std::vector<BoundExpr>& conditions) {
    const auto tightness = conditions.size() > 1 ? Precedence::kAnd : Precedence::kOr;
    for (std::size_t i = 0; i < conditions.size(); ++i) {
      i == 0 ? WriteClause(keyword) : Write(" AND ");
      MOLT_RETURN_IF_ERROR(writer_.WriteCondition(conditions[i], tightness));
    }
    return {};
  }

  Status WriteOrderBy() {
    for (std::size_t i = 0; i < q_.order_by.size(); ++i) {
      const query::BoundOrdering& key = q_.order_by[i];
      i == 0 ? WriteClause("ORDER BY") : Write(", ");
      if (key.output.empty()) {
        MOLT_RETURN_IF_ERROR(writer_.WriteKey(key.expr));
      } else {
        WriteName(key.output);
      }
      Write(key.descending ? " DESC" : " ASC");
      Write(key.nulls == query::NullOrder::kFirst ? " NULLS FIRST" : " NULLS LAST");
    }
    return {};
  }

  Status WriteLimit() {
    if (q_.limit) {
      WriteClause("LIMIT");
      MOLT_RETURN_IF_ERROR(WriteExpr(*q_.limit, Precedence::kAtom));
    }
    if (!q_.offset) return {};
    if (!q_.limit && !d_.offset_needs_limit.empty()) {
      WriteClause("LIMIT");
      Write(d_.offset_needs_limit);
    }
    WriteClause("OFFSET");
    return WriteExpr(*q_.offset, Precedence::kAtom);
  }

  const query::BoundQuery& q_;
  const Dialect& d_;
  const std::string_view break_;
  CompiledQuery out_;
  ExprWriter writer_{d_, out_};
};

}  // namespace

Result<CompiledQuery> Compile(const query::BoundQuery& query, const Dialect& dialect,
                              Layout layout) {
  return Compiler(query, dialect, layout).Run();
}

namespace {
types::Value AtMidnight(const types::Value& literal) {
  const auto* date = std::get_if<types::Date>(&literal);
  if (date == nullptr) return literal;
  constexpr std::int64_t kMicrosPerDay = 86'400'000'000;
  return types::Timestamp{date->days * kMicrosPerDay, false};
}
}  // namespace

Result<std::vector<types::Value>> BindParams(const CompiledQuery& compiled,
                                             const query::Query& query) {
  std::vector<types::Value> params;
  if (compiled.slots.empty()) return params;
  query::Literals literals;
  query::CollectLiterals(query, literals);
  params.reserve(compiled.slots.size());
  for (const ParamSlot& slot : compiled.slots) {
    const types::Value& literal = *literals[static_cast<std::size_t>(slot.literal)];
    if (slot.as_timestamp) {
      params.push_back(AtMidnight(literal));
      continue;
    }
    if (slot.pattern.kind == PatternKind::kNone) {
      params.push_back(literal);
      continue;
    }
    MOLT_ASSIGN(types::Value pattern, MakePattern(slot.pattern, literal));
    params.push_back(std::move(pattern));
  }
  return params;
}

}  // namespace molt::sql
