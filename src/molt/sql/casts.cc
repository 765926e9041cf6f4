#include "molt/sql/casts.h"

#include <algorithm>

namespace molt::sql {

using query::BoundExpr;
using query::Op;
using types::TypeId;

namespace {

template <class Predicate>
bool AnyArg(const BoundExpr& e, Predicate predicate) {
  return std::any_of(e.args.begin(), e.args.end(), predicate);
}

bool IsOf(const BoundExpr& e, TypeId id) { return e.type.id == id; }

// A bound text takes the type of what it is compared with; any other text has its own.
bool IsFirmText(const BoundExpr& e) { return IsOf(e, TypeId::kUtf8) && e.op != Op::kLiteral; }

std::string_view TemporalName(TypeId id) {
  switch (id) {
    case TypeId::kDate:
      return "date";
    case TypeId::kTime:
      return "time";
    case TypeId::kTimestamp:
      return "timestamp";
    case TypeId::kTimestampTz:
      return "timestamptz";
    default:
      return {};
  }
}

std::string_view ComparisonCast(const BoundExpr& e, const BoundExpr& arg, const Dialect& dialect) {
  if (!dialect.booleans_are_numbers && IsOf(arg, TypeId::kBool)) {
    const bool numbers = AnyArg(e, [](const BoundExpr& other) { return other.type.IsNumeric(); });
    return numbers ? "integer" : std::string_view();
  }
  if (dialect.text_stands_for_all) return {};
  if (IsOf(arg, TypeId::kUuid)) return AnyArg(e, IsFirmText) ? "text" : std::string_view();
  if (!IsFirmText(arg)) return {};
  const auto temporal = std::find_if(e.args.begin(), e.args.end(), [](const BoundExpr& other) {
    return !TemporalName(other.type.id).empty();
  });
  return temporal == e.args.end() ? std::string_view() : TemporalName(temporal->type.id);
}

// Without a type of its own a bound number would be an int2 beside an int2, where adding 1 can
// overflow, and the type of the result would change with the value.
std::string_view LiteralCast(const BoundExpr& e, std::size_t i, const Dialect& dialect) {
  const BoundExpr& arg = e.args[i];
  if (arg.op != Op::kLiteral) return {};
  if (IsOf(arg, TypeId::kDecimal)) return dialect.decimal_literal_type;
  if (e.op == Op::kDiv) return i == 0 ? std::string_view() : dialect.float_literal_type;
  // Beside a column of unknown type, which may be a date, the engine's guess is the better one.
  if (!e.type.IsKnown()) return {};
  return IsOf(arg, TypeId::kInt64) ? dialect.int_literal_type : dialect.float_literal_type;
}

}  // namespace

std::string_view ArgumentCast(const BoundExpr& e, std::size_t i, const Dialect& dialect) {
  const BoundExpr& arg = e.args[i];
  switch (e.op) {
    case Op::kEq:
    case Op::kNe:
    case Op::kLt:
    case Op::kLe:
    case Op::kGt:
    case Op::kGe:
    case Op::kIn:
    case Op::kNotIn:
    case Op::kBetween:
      return ComparisonCast(e, arg, dialect);
    case Op::kAdd:
    case Op::kSub:
    case Op::kMul:
    case Op::kDiv:
    case Op::kMod:
      return arg.type.IsNumeric() ? LiteralCast(e, i, dialect) : std::string_view();
    default:
      break;
  }
  const bool takes_text = query::IsTextMatch(e.op) || e.op == Op::kStringAgg;
  if (takes_text && !dialect.text_stands_for_all && IsOf(arg, TypeId::kUuid)) return "text";
  return {};
}

}  // namespace molt::sql
