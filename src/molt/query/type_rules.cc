#include "molt/query/type_rules.h"

#include <algorithm>

namespace molt::query {

namespace {

using types::LogicalType;
using types::TypeId;

enum class Family { kAny, kBool, kNumber, kText, kBinary, kTemporal };

Family FamilyOf(const LogicalType& type) {
  switch (types::Coarse(type).id) {
    case TypeId::kUnknown:
    case TypeId::kNull:
      return Family::kAny;
    case TypeId::kBool:
      return Family::kBool;
    case TypeId::kInt64:
    case TypeId::kFloat64:
    case TypeId::kDecimal:
      return Family::kNumber;
    case TypeId::kUtf8:
    case TypeId::kUuid:  // engines without a uuid type keep it as text
      return Family::kText;
    case TypeId::kBinary:
      return Family::kBinary;
    case TypeId::kDate:
    case TypeId::kTime:
    case TypeId::kTimestamp:
    case TypeId::kTimestampTz:
      return Family::kTemporal;
    default:  // what Coarse() has done away with
      return Family::kAny;
  }
}

// Text stands for dates and times (ISO 8601), numbers for booleans in engines without them.
// Dates and times of different kinds are the same instant on one engine and text of another length
// on the next.
bool Comparable(const LogicalType& a, const LogicalType& b) {
  if (FamilyOf(a) == Family::kTemporal && FamilyOf(b) == Family::kTemporal) return a.id == b.id;
  const Family x = std::min(FamilyOf(a), FamilyOf(b));
  const Family y = std::max(FamilyOf(a), FamilyOf(b));
  return x == y || x == Family::kAny || (x == Family::kText && y == Family::kTemporal) ||
         (x == Family::kBool && y == Family::kNumber);
}

bool Is(const BoundExpr& e, Family family) {
  const Family own = FamilyOf(e.type);
  return own == Family::kAny || own == family;
}

std::string TypeText(const BoundExpr& e) { return std::string(types::TypeName(e.type)); }

// A date given as a value and compared with timestamps stands for its midnight.
void DatesToTimestamps(BoundExpr& expr) {
  const bool any = std::any_of(expr.args.begin(), expr.args.end(), [](const BoundExpr& arg) {
    return arg.type.id == TypeId::kTimestamp;
  });
  if (!any) return;
  for (BoundExpr& arg : expr.args) {
    if (arg.op != Op::kLiteral || arg.type.id != TypeId::kDate) continue;
    arg.type = TypeId::kTimestamp;
    arg.as_timestamp = true;
  }
}

// What to do about a value whose zone, or lack of one, keeps it from being compared.
std::string_view ZoneAdvice(const BoundExpr& value, const BoundExpr& other) {
  if (value.op != Op::kLiteral || other.op == Op::kLiteral) return "";
  if (FamilyOf(value.type) != Family::kTemporal) return "";
  if (other.type.id == TypeId::kTimestampTz) return "; give a datetime with a zone";
  if (value.type.id != TypeId::kTimestampTz || other.type.id != TypeId::kTimestamp) return "";
  return other.op == Op::kColumn  // A declared one may be wrong.
             ? "; give a datetime without a zone, or declare the column as Any if it has one"
             : "; give a datetime without a zone";
}

Status NeedComparable(BoundExpr& expr) {
  DatesToTimestamps(expr);
  for (std::size_t i = 1; i < expr.args.size(); ++i) {
    const BoundExpr& a = expr.args[0];
    const BoundExpr& b = expr.args[i];
    if (Comparable(a.type, b.type)) continue;
    return InvalidQuery(Describe(a) + " (" + TypeText(a) + ") cannot be compared with " +
                        Describe(b) + " (" + TypeText(b) + ") by " +
                        std::string(InfoOf(expr.op).name) + std::string(ZoneAdvice(a, b)) +
                        std::string(ZoneAdvice(b, a)));
  }
  return {};
}

// A list is an array, and whoever compares a number with one most likely means any of its items.
Status CheckLists(const BoundExpr& expr) {
  if (!IsComparison(expr.op)) return {};
  for (const BoundExpr& list : expr.args) {
    if (list.op != Op::kLiteral || list.type.id != TypeId::kList) continue;
    for (const BoundExpr& other : expr.args) {
      if (!types::Coarse(other.type).IsKnown()) continue;
      return InvalidQuery(
          Describe(other) + " (" + TypeText(other) + ") cannot be compared with a list by " +
          std::string(InfoOf(expr.op).name) + "; to compare with any of its items use in_()");
    }
  }
  return {};
}

Status Need(const BoundExpr& expr, Family family, std::string_view what) {
  for (const BoundExpr& arg : expr.args) {
    if (Is(arg, family)) continue;
    return InvalidQuery(std::string(InfoOf(expr.op).name) + " needs " + std::string(what) + ", " +
                        Describe(arg) + " is " + TypeText(arg));
  }
  return {};
}

LogicalType Arithmetic(const BoundExpr& expr) {
  LogicalType widest = TypeId::kInt64;
  for (const BoundExpr& arg : expr.args) {
    if (!arg.type.IsKnown()) return TypeId::kUnknown;
    if (arg.type.id == TypeId::kFloat64) return TypeId::kFloat64;
    if (arg.type.id == TypeId::kDecimal) widest = TypeId::kDecimal;
  }
  return widest;
}

Status InferArithmetic(BoundExpr& expr) {
  const bool text = std::any_of(expr.args.begin(), expr.args.end(),
                                [](const BoundExpr& arg) { return arg.type.id == TypeId::kUtf8; });
  if (expr.op == Op::kAdd && text) {  // + joins text, as it does in Python
    MOLT_RETURN_IF_ERROR(Need(expr, Family::kText, "text on both sides"));
    expr.type = TypeId::kUtf8;
    return {};
  }
  MOLT_RETURN_IF_ERROR(Need(expr, Family::kNumber, "numbers"));
  expr.type = expr.op == Op::kDiv ? LogicalType(TypeId::kFloat64) : Arithmetic(expr);
  if (expr.op == Op::kMod && expr.type.id == TypeId::kFloat64) {
    return InvalidQuery("mod needs whole numbers; engines disagree on the remainder of floats");
  }
  return {};
}

Status InferAggregate(BoundExpr& expr) {
  switch (expr.op) {
    case Op::kCount:
      expr.type = TypeId::kInt64;
      return {};
    case Op::kSum:
      MOLT_RETURN_IF_ERROR(Need(expr, Family::kNumber, "a number"));
      expr.type = expr.args[0].type;
      return {};
    case Op::kAvg:
    case Op::kStddev:
    case Op::kVariance:
      MOLT_RETURN_IF_ERROR(Need(expr, Family::kNumber, "a number"));
      expr.type = TypeId::kFloat64;
      return {};
    case Op::kBoolAnd:
    case Op::kBoolOr:
      MOLT_RETURN_IF_ERROR(Need(expr, Family::kBool, "a condition"));
      expr.type = TypeId::kBool;
      return {};
    case Op::kStringAgg:
      MOLT_RETURN_IF_ERROR(Need(expr, Family::kText, "text"));
      expr.type = TypeId::kUtf8;
      return {};
    case Op::kArrayAgg:
      return {};
    default:  // min, max
      expr.type = expr.args[0].type;
      return {};
  }
}

}  // namespace

std::string Describe(const BoundExpr& expr) {
  switch (expr.op) {
    case Op::kColumn:
      return "column \"" + expr.qualifier + "\".\"" + expr.name + "\"";
    case Op::kLiteral:
      return "a value";
    case Op::kAlias:
      return "\"" + expr.name + "\"";
    case Op::kRaw:
      return "a raw expression";
    default:
      return std::string(InfoOf(expr.op).name) + "(…)";
  }
}

Status InferType(BoundExpr& expr) {
  MOLT_RETURN_IF_ERROR(CheckLists(expr));
  // Columns come with the type that the engine declares, which may be finer than these rules.
  for (BoundExpr& arg : expr.args) arg.type = types::Coarse(arg.type);
  if (IsAggregate(expr.op)) return InferAggregate(expr);
  if (IsTextMatch(expr.op)) {
    expr.type = TypeId::kBool;
    return Need(expr, Family::kText, "text");
  }
  switch (expr.op) {
    case Op::kAlias:
      expr.type = expr.args[0].type;
      return {};
    case Op::kEq:
    case Op::kNe:
    case Op::kLt:
    case Op::kLe:
    case Op::kGt:
    case Op::kGe:
    case Op::kIn:
    case Op::kNotIn:
    case Op::kBetween:
      expr.type = TypeId::kBool;
      return NeedComparable(expr);
    case Op::kAnd:
    case Op::kOr:
    case Op::kNot:
      expr.type = TypeId::kBool;
      for (const BoundExpr& arg : expr.args) {
        if (Is(arg, Family::kBool) || arg.type.id == TypeId::kInt64) continue;
        return InvalidQuery(std::string(InfoOf(expr.op).name) + " needs conditions, " +
                            Describe(arg) + " is " + TypeText(arg));
      }
      return {};
    case Op::kIsNull:
    case Op::kIsNotNull:
    case Op::kConstant:
      expr.type = TypeId::kBool;
      return {};
    case Op::kAdd:
    case Op::kSub:
    case Op::kMul:
    case Op::kDiv:
    case Op::kMod:
      return InferArithmetic(expr);
    case Op::kNeg:
      MOLT_RETURN_IF_ERROR(Need(expr, Family::kNumber, "a number"));
      expr.type = expr.args[0].type;
      return {};
    default:  // columns, literals and raw SQL have their type, or none, already
      return {};
  }
}

}  // namespace molt::query
