#include "molt/sql/compiler.h"

#include <algorithm>
#include <utility>

namespace molt::sql {

namespace {

using query::BoundExpr;
using query::BoundTable;
using query::Op;
using types::TypeId;

Pattern PatternOf(Op op, const Dialect& dialect) {
  const bool folds =
      op == Op::kILike || op == Op::kIStartsWith || op == Op::kIEndsWith || op == Op::kIContains;
  Pattern pattern;
  if (dialect.matches_by_glob) {
    pattern.style = folds ? PatternStyle::kAsciiLike : PatternStyle::kGlob;
  }
  switch (op) {
    case Op::kLike:
    case Op::kILike:
      pattern.kind = PatternKind::kLike;
      break;
    case Op::kStartsWith:
    case Op::kIStartsWith:
      pattern.kind = PatternKind::kPrefix;
      break;
    case Op::kEndsWith:
    case Op::kIEndsWith:
      pattern.kind = PatternKind::kSuffix;
      break;
    default:
      pattern.kind = PatternKind::kInfix;
      break;
  }
  return pattern;
}

class Compiler {
 public:
  Compiler(const query::BoundQuery& query, const Dialect& dialect, Layout layout)
      : q_(query), d_(dialect), break_(layout == Layout::kOneLine ? " " : "\n") {}

  Result<CompiledQuery> Run() {
    out_.depends_on_values = q_.depends_on_values;
    if (q_.raw) {
      MOLT_RETURN_IF_ERROR(WriteRaw(*q_.raw));
    } else {
      MOLT_RETURN_IF_ERROR(WriteSelect());
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
  void Write(std::string_view text) { out_.sql += text; }

  void WriteName(std::string_view name) {
    out_.sql += '"';
    for (const char c : name) {
      if (c == '"') out_.sql += '"';
      out_.sql += c;
    }
    out_.sql += '"';
  }

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
      MOLT_RETURN_IF_ERROR(WriteExpr(q_.group_by[i], Precedence::kOr));
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
      MOLT_RETURN_IF_ERROR(WriteExpr(*join.on, Precedence::kOr));
    }
    return {};
  }

  Status WriteConditions(std::string_view keyword, const std::vector<BoundExpr>& conditions) {
    const auto tightness = conditions.size() > 1 ? Precedence::kAnd : Precedence::kOr;
    for (std::size_t i = 0; i < conditions.size(); ++i) {
      i == 0 ? WriteClause(keyword) : Write(" AND ");
      MOLT_RETURN_IF_ERROR(WriteExpr(conditions[i], tightness));
    }
    return {};
  }

  Status WriteOrderBy() {
    for (std::size_t i = 0; i < q_.order_by.size(); ++i) {
      const query::BoundOrdering& key = q_.order_by[i];
      i == 0 ? WriteClause("ORDER BY") : Write(", ");
      if (key.output.empty()) {
        MOLT_RETURN_IF_ERROR(WriteExpr(key.expr, Precedence::kOr));
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

  // Writes `e`, in parentheses if it binds less tightly than `least`.
  Status WriteExpr(const BoundExpr& e, Precedence least) {
    const std::size_t start = out_.sql.size();
    MOLT_ASSIGN(const Precedence own, WriteBare(e));
    if (own < least) {
      out_.sql.insert(start, 1, '(');
      out_.sql += ')';
    }
    return {};
  }

  Result<Precedence> WriteBare(const BoundExpr& e) {
    switch (e.op) {
      case Op::kColumn:
        WriteName(e.qualifier);
        Write(".");
        WriteName(e.name);
        return Precedence::kAtom;
      case Op::kLiteral:
        WritePlaceholder({e.literal, {}});
        return Precedence::kAtom;
      case Op::kConstant:
        Write(e.constant ? "TRUE" : "FALSE");
        return Precedence::kAtom;
      case Op::kRaw:
        MOLT_RETURN_IF_ERROR(WriteRaw(e));
        return Precedence::kLowest;
      case Op::kAlias:
        return WriteBare(e.args[0]);
      case Op::kAnd:
        return WriteChain(e, " AND ", Precedence::kAnd);
      case Op::kOr:
        return WriteChain(e, " OR ", Precedence::kOr);
      case Op::kIn:
        return WriteIn(e, " IN (");
      case Op::kNotIn:
        return WriteIn(e, " NOT IN (");
      case Op::kDiv:
        return WriteTemplate(e, "CAST({0} AS " + std::string(d_.float_type) + ") / NULLIF({1}, 0)",
                             Precedence::kMul);
      case Op::kAdd:
        if (e.type.id == TypeId::kUtf8) return WriteTemplate(e, "({0} || {1})", Precedence::kAtom);
        break;
      default:
        break;
    }
    if (query::IsTextMatch(e.op)) return WriteTextMatch(e);
    if (query::IsAggregate(e.op)) return WriteAggregate(e);
    return WriteSpelled(e);
  }

  Result<Precedence> WriteSpelled(const BoundExpr& e) {
    const Spelling* spelling = d_.Find(e.op);
    if (spelling == nullptr) return Lacks(e.op, "there is no equivalent");
    if (!spelling->unsupported.empty()) return Lacks(e.op, spelling->unsupported);
    return WriteTemplate(e, spelling->text, spelling->precedence);
  }

  tl::unexpected<Error> Lacks(Op op, std::string_view way_out) const {
    return Unsupported(std::string(d_.name) + " does not support " +
                       std::string(query::InfoOf(op).name) + ": " + std::string(way_out));
  }

  // Arguments inside a call's parentheses or after a comma need none of their own.
  Result<Precedence> WriteTemplate(const BoundExpr& e, std::string_view text,
                                   Precedence precedence) {
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (text[i] != '{') {
        out_.sql += text[i];
        continue;
      }
      const auto arg = static_cast<std::size_t>(text[i + 1] - '0');
      const char before = i == 0 ? ' ' : text[i - 1];
      const char after = i + 3 < text.size() ? text[i + 3] : ' ';
      const bool enclosed = (before == '(' || before == ' ') && (after == ')' || after == ',') &&
                            precedence == Precedence::kAtom;
      const auto tighter = precedence == Precedence::kAtom
                               ? Precedence::kAdd
                               : static_cast<Precedence>(static_cast<int>(precedence) + 1);
      // The left side of + - * / may be of the same kind: a - b - c is (a - b) - c.
      const bool left =
          arg == 0 && i == 0 && (precedence == Precedence::kAdd || precedence == Precedence::kMul);
      MOLT_RETURN_IF_ERROR(WriteExpr(e.args[arg], enclosed ? Precedence::kOr
                                                  : left   ? precedence
                                                           : tighter));
      i += 2;
    }
    return precedence;
  }

  Result<Precedence> WriteChain(const BoundExpr& e, std::string_view between,
                                Precedence precedence) {
    for (std::size_t i = 0; i < e.args.size(); ++i) {
      if (i > 0) Write(between);
      MOLT_RETURN_IF_ERROR(
          WriteExpr(e.args[i], static_cast<Precedence>(static_cast<int>(precedence) + 1)));
    }
    return precedence;
  }

  Result<Precedence> WriteIn(const BoundExpr& e, std::string_view keyword) {
    MOLT_RETURN_IF_ERROR(WriteExpr(e.args[0], Precedence::kAdd));
    Write(keyword);
    for (std::size_t i = 1; i < e.args.size(); ++i) {
      if (i > 1) Write(", ");
      MOLT_RETURN_IF_ERROR(WriteExpr(e.args[i], Precedence::kOr));
    }
    Write(")");
    return Precedence::kCompare;
  }

  Result<Precedence> WriteTextMatch(const BoundExpr& e) {
    const Pattern pattern = PatternOf(e.op, d_);
    const bool is_pattern = e.op == Op::kLike || e.op == Op::kILike;
    if (e.args[1].op != Op::kLiteral) {
      if (!is_pattern && d_.Find(e.op) != nullptr) return WriteSpelled(e);
      if (!is_pattern || d_.matches_by_glob) {
        return Lacks(e.op,
                     "with anything but a plain string to match; use startswith, endswith or "
                     "contains with case");
      }
    }
    MOLT_RETURN_IF_ERROR(WriteExpr(e.args[0], Precedence::kAdd));
    const bool folds = e.op == Op::kILike || e.op == Op::kIStartsWith || e.op == Op::kIEndsWith ||
                       e.op == Op::kIContains;
    if (d_.matches_by_glob) {
      Write(folds ? " LIKE " : " GLOB ");
    } else {
      Write(folds ? " ILIKE " : " LIKE ");
    }
    if (e.args[1].op == Op::kLiteral) {
      WritePlaceholder({e.args[1].literal, pattern});
    } else {
      MOLT_RETURN_IF_ERROR(WriteExpr(e.args[1], Precedence::kAdd));
    }
    if (pattern.style != PatternStyle::kGlob) Write(d_.like_suffix);
    return Precedence::kCompare;
  }

  Result<Precedence> WriteAggregate(const BoundExpr& e) {
    if (e.op == Op::kCount && e.args.empty()) {
      Write("COUNT(*)");
      return Precedence::kAtom;
    }
    if (e.op == Op::kCount) {
      return WriteTemplate(e, e.distinct ? "COUNT(DISTINCT {0})" : "COUNT({0})", Precedence::kAtom);
    }
    const Spelling* spelling = d_.Find(e.op);
    if (!spelling->unsupported.empty()) return Lacks(e.op, spelling->unsupported);
    std::string text(spelling->text);
    if (e.distinct) {
      if (e.op == Op::kStringAgg && !d_.distinct_string_agg) {
        return Lacks(e.op, "of distinct values; select distinct rows and join them in Python");
      }
      text.insert(text.find('(') + 1, "DISTINCT ");
    }
    const TypeId argument = e.args[0].type.id;
    if (e.op == Op::kSum && argument == TypeId::kInt64 && !d_.sum_type.empty()) {
      text = "CAST(" + text + " AS " + std::string(d_.sum_type) + ")";
    }
    if (e.op == Op::kAvg && argument != TypeId::kFloat64 && e.args[0].type.IsKnown() &&
        !d_.avg_type.empty()) {
      text = "CAST(" + text + " AS " + std::string(d_.avg_type) + ")";
    }
    return WriteTemplate(e, text, Precedence::kAtom);
  }

  Status WriteRaw(const BoundExpr& e) {
    for (std::size_t i = 0; i < e.parts.size(); ++i) {
      Write(e.parts[i]);
      if (i < e.args.size()) MOLT_RETURN_IF_ERROR(WriteExpr(e.args[i], Precedence::kAtom));
    }
    return {};
  }

  void WritePlaceholder(const ParamSlot& slot) {
    if (d_.placeholder == PlaceholderStyle::kQuestion) {
      out_.slots.push_back(slot);
      Write("?");
      return;
    }
    // One number a value: an expression that is written twice binds once.
    auto known = std::find(out_.slots.begin(), out_.slots.end(), slot);
    if (known == out_.slots.end()) known = out_.slots.insert(known, slot);
    Write("$" + std::to_string(known - out_.slots.begin() + 1));
  }

  const query::BoundQuery& q_;
  const Dialect& d_;
  const std::string_view break_;
  CompiledQuery out_;
};

}  // namespace

Result<CompiledQuery> Compile(const query::BoundQuery& query, const Dialect& dialect,
                              Layout layout) {
  return Compiler(query, dialect, layout).Run();
}

Result<std::vector<types::Value>> BindParams(const CompiledQuery& compiled,
                                             const query::Query& query) {
  std::vector<types::Value> params;
  if (compiled.slots.empty()) return params;
  query::Literals literals;
  query::CollectLiterals(query, literals);
  params.reserve(compiled.slots.size());
  for (const ParamSlot& slot : compiled.slots) {
    const types::Value& literal = *literals[static_cast<std::size_t>(slot.literal)];
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
