#include "molt/sql/expr_writer.h"

#include <algorithm>
#include <string>

#include "molt/sql/casts.h"

namespace molt::sql {

using query::BoundExpr;
using query::Op;
using types::TypeId;

namespace {

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

}  // namespace

Status ExprWriter::WriteExpr(const BoundExpr& e, Precedence least) {
  const std::size_t start = out_.sql.size();
  MOLT_ASSIGN(const Precedence own, WriteBare(e));
  if (own < least) {
    out_.sql.insert(start, 1, '(');
    out_.sql += ')';
  }
  return {};
}

Status ExprWriter::WriteCondition(const BoundExpr& e, Precedence least) {
  if (d_.booleans_are_numbers || !e.type.IsNumeric()) return WriteExpr(e, least);
  if (least > Precedence::kCompare) Write("(");
  MOLT_RETURN_IF_ERROR(WriteExpr(e, Precedence::kAdd));
  Write(" <> 0");
  if (least > Precedence::kCompare) Write(")");
  return {};
}

Status ExprWriter::WriteKey(const BoundExpr& e) {
  const bool wrapped = e.op == Op::kConstant && !d_.constant_keys;
  if (wrapped) Write("CAST(");
  MOLT_RETURN_IF_ERROR(WriteExpr(e, Precedence::kOr));
  if (wrapped) Write(" AS boolean)");
  return {};
}

Status ExprWriter::WriteArg(const BoundExpr& e, std::size_t i, Precedence least) {
  const BoundExpr& arg = e.args[i];
  if (e.op == Op::kAnd || e.op == Op::kOr || e.op == Op::kNot) return WriteCondition(arg, least);
  const std::string_view type = ArgumentCast(e, i, d_);
  if (type.empty()) return WriteExpr(arg, least);
  Write("CAST(");
  MOLT_RETURN_IF_ERROR(WriteExpr(arg, Precedence::kOr));
  Write(" AS ");
  Write(type);
  Write(")");
  return {};
}

Result<Precedence> ExprWriter::WriteBare(const BoundExpr& e) {
  switch (e.op) {
    case Op::kColumn:
      WriteName(e.qualifier);
      Write(".");
      WriteName(e.name);
      return Precedence::kAtom;
    case Op::kLiteral:
      WritePlaceholder({e.literal, {}, e.as_timestamp});
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
      if (e.type.id != TypeId::kUtf8) break;
      Write("(");
      MOLT_RETURN_IF_ERROR(WriteConcatenation(e));
      Write(")");
      return Precedence::kAtom;
    default:
      break;
  }
  if (query::IsTextMatch(e.op)) return WriteTextMatch(e);
  if (query::IsAggregate(e.op)) return WriteAggregate(e);
  return WriteSpelled(e);
}

Result<Precedence> ExprWriter::WriteSpelled(const BoundExpr& e) {
  const Spelling* spelling = d_.Find(e.op);
  if (spelling == nullptr) return Lacks(e.op, "there is no equivalent");
  if (!spelling->unsupported.empty()) return Lacks(e.op, spelling->unsupported);
  return WriteTemplate(e, spelling->text, spelling->precedence);
}

tl::unexpected<Error> ExprWriter::Lacks(Op op, std::string_view way_out) const {
  return Unsupported(std::string(d_.name) + " does not support " +
                     std::string(query::InfoOf(op).name) + ": " + std::string(way_out));
}

// Arguments inside a call's parentheses or after a comma need none of their own.
Result<Precedence> ExprWriter::WriteTemplate(const BoundExpr& e, std::string_view text,
                                             Precedence precedence) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '{') {
      out_.sql += text[i];
      continue;
    }
    const auto arg = static_cast<std::size_t>(text[i + 1] - '0');
    const char before = i == 0 ? ' ' : text[i - 1];
    const char after = i + 3 < text.size() ? text[i + 3] : ' ';
    const bool to_the_end = after == ')' || after == ',' || text.substr(i + 3).starts_with(" AS ");
    const bool enclosed =
        to_the_end && (before == '(' || (before == ' ' && precedence == Precedence::kAtom));
    const auto tighter = precedence == Precedence::kAtom
                             ? Precedence::kAdd
                             : static_cast<Precedence>(static_cast<int>(precedence) + 1);
    // The left side of + - * / may be of the same kind: a - b - c is (a - b) - c.
    const bool left =
        arg == 0 && i == 0 && (precedence == Precedence::kAdd || precedence == Precedence::kMul);
    MOLT_RETURN_IF_ERROR(WriteArg(e, arg,
                                  enclosed ? Precedence::kOr
                                  : left   ? precedence
                                           : tighter));
    i += 2;
  }
  return precedence;
}

// Joined texts without their parentheses: || is associative. Engines differ in how tightly it
// binds, so what is joined and the whole get some.
Status ExprWriter::WriteConcatenation(const BoundExpr& e) {
  for (std::size_t i = 0; i < e.args.size(); ++i) {
    if (i > 0) Write(" || ");
    const BoundExpr& arg = e.args[i];
    if (arg.op == Op::kAdd && arg.type.id == TypeId::kUtf8) {
      MOLT_RETURN_IF_ERROR(WriteConcatenation(arg));
    } else {
      MOLT_RETURN_IF_ERROR(WriteExpr(arg, Precedence::kAtom));
    }
  }
  return {};
}

Result<Precedence> ExprWriter::WriteChain(const BoundExpr& e, std::string_view between,
                                          Precedence precedence) {
  for (std::size_t i = 0; i < e.args.size(); ++i) {
    if (i > 0) Write(between);
    MOLT_RETURN_IF_ERROR(WriteArg(e, i, static_cast<Precedence>(static_cast<int>(precedence) + 1)));
  }
  return precedence;
}

Result<Precedence> ExprWriter::WriteIn(const BoundExpr& e, std::string_view keyword) {
  MOLT_RETURN_IF_ERROR(WriteArg(e, 0, Precedence::kAdd));
  Write(keyword);
  for (std::size_t i = 1; i < e.args.size(); ++i) {
    if (i > 1) Write(", ");
    MOLT_RETURN_IF_ERROR(WriteArg(e, i, Precedence::kOr));
  }
  Write(")");
  return Precedence::kCompare;
}

Result<Precedence> ExprWriter::WriteTextMatch(const BoundExpr& e) {
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
  MOLT_RETURN_IF_ERROR(WriteArg(e, 0, Precedence::kAdd));
  const bool folds = e.op == Op::kILike || e.op == Op::kIStartsWith || e.op == Op::kIEndsWith ||
                     e.op == Op::kIContains;
  if (d_.matches_by_glob) {
    Write(folds ? " LIKE " : " GLOB ");
  } else {
    Write(folds ? " ILIKE " : " LIKE ");
  }
  if (e.args[1].op == Op::kLiteral) {
    WritePlaceholder({e.args[1].literal, pattern, false});
  } else {
    MOLT_RETURN_IF_ERROR(WriteArg(e, 1, Precedence::kAdd));
  }
  if (pattern.style != PatternStyle::kGlob) Write(d_.like_suffix);
  return Precedence::kCompare;
}

Result<Precedence> ExprWriter::WriteAggregate(const BoundExpr& e) {
  if (e.op == Op::kCount && e.args.empty()) {
    Write("COUNT(*)");
    return Precedence::kAtom;
  }
  if (e.op == Op::kCount) {
    return WriteTemplate(e, e.distinct ? "COUNT(DISTINCT {0})" : "COUNT({0})", Precedence::kAtom);
  }
  const TypeId argument = e.args[0].type.id;
  const Spelling* spelling = d_.Find(e.op, argument);
  if (!spelling->unsupported.empty()) return Lacks(e.op, spelling->unsupported);
  std::string text(spelling->text);
  const bool same_for_all = spelling->argument != TypeId::kUnknown;  // MIN and MAX
  if (e.distinct && !same_for_all) {
    if (e.op == Op::kStringAgg && !d_.distinct_string_agg) {
      return Lacks(e.op, "of distinct values; select distinct rows and join them in Python");
    }
    text.insert(text.find('(') + 1, "DISTINCT ");
  }
  if (e.op == Op::kSum && argument == TypeId::kInt64 && !d_.sum_type.empty()) {
    text = "CAST(" + text + " AS " + std::string(d_.sum_type) + ")";
  }
  const bool gives_float = e.op == Op::kAvg || e.op == Op::kStddev || e.op == Op::kVariance;
  if (gives_float && argument != TypeId::kFloat64 && e.args[0].type.IsKnown() &&
      !d_.avg_type.empty()) {
    text = "CAST(" + text + " AS " + std::string(d_.avg_type) + ")";
  }
  return WriteTemplate(e, text, Precedence::kAtom);
}

Status ExprWriter::WriteRaw(const BoundExpr& e) {
  for (std::size_t i = 0; i < e.parts.size(); ++i) {
    Write(e.parts[i]);
    if (i < e.args.size()) MOLT_RETURN_IF_ERROR(WriteExpr(e.args[i], Precedence::kAtom));
  }
  return {};
}

void ExprWriter::WritePlaceholder(const ParamSlot& slot) {
  if (d_.placeholder == PlaceholderStyle::kQuestion) {
    out_.slots.push_back(slot);
    Write("?");
    return;
  }
  // One number a value: an expression that is written twice binds once.
  const auto [first, last] = numbers_.equal_range(slot.literal);
  const auto known = std::find_if(
      first, last, [&](const auto& entry) { return out_.slots[entry.second - 1] == slot; });
  std::size_t number = known == last ? 0 : known->second;
  if (number == 0) {
    out_.slots.push_back(slot);
    number = out_.slots.size();
    numbers_.emplace(slot.literal, number);
  }
  Write("$" + std::to_string(number));
}

void ExprWriter::WriteName(std::string_view name) {
  if (name.size() > d_.name_bytes_max && too_long_name_.empty()) too_long_name_ = name;
  out_.sql += '"';
  for (const char c : name) {
    if (c == '"') out_.sql += '"';
    out_.sql += c;
  }
  out_.sql += '"';
}

}  // namespace molt::sql
