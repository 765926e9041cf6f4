#include "molt/query/expr.h"

#include <algorithm>
#include <cstddef>
#include <memory>
#include <utility>

namespace molt::query {

namespace {

// Completes a node: depth, size and hash come from its parts.
Expr Finish(std::shared_ptr<ExprNode> made) {
  ExprNode& node = *made;
  Hash128& hash = node.hash;
  hash.Add(static_cast<std::uint64_t>(node.op) | (node.distinct ? 256U : 0U) |
           static_cast<std::uint64_t>(node.args.size()) << 16);
  for (const Expr& arg : node.args) {
    if (arg->op == Op::kError) return arg;  // the first mistake is the one to report
    node.depth = std::max(node.depth, arg->depth + 1);
    // Stops at the first too many, so that shared parts cannot make the sum overflow.
    if (node.nodes <= kExprNodesMax) node.nodes += arg->nodes;
    hash.Add(arg->hash);
  }
  if (node.depth > kExprDepthMax) {
    return Expr::Error("the expression is nested deeper than " + std::to_string(kExprDepthMax) +
                       " levels; combine conditions in one where(...) or with in_()");
  }
  if (node.nodes > kExprNodesMax) {
    return Expr::Error("the expression has more than " + std::to_string(kExprNodesMax) +
                       " parts; send the values as a table and join it");
  }
  switch (node.op) {
    case Op::kColumn:
    case Op::kAlias:
      hash.Add(node.qualifier);
      hash.Add(node.name);
      break;
    case Op::kLiteral:
      hash.Add(static_cast<std::uint64_t>(types::TypeOf(node.value).id));
      break;
    case Op::kConstant:
      hash.Add(static_cast<std::uint64_t>(std::get<bool>(node.value)));
      break;
    case Op::kRaw:
      for (const std::string& part : node.parts) hash.Add(part);
      break;
    default:
      break;
  }
  return Expr(std::move(made));
}

bool IsNullLiteral(const Expr& e) { return e->op == Op::kLiteral && types::IsNull(e->value); }

// What is wrong with a NULL literal among these arguments; empty if nothing is.
std::string_view NullMistake(Op op, const std::vector<Expr>& args) {
  const bool membership = op == Op::kIn || op == Op::kNotIn;
  if (!membership && op != Op::kBetween && !IsComparison(op) && !IsTextMatch(op)) return {};
  const std::ptrdiff_t first = membership ? 1 : 0;
  if (std::none_of(args.begin() + first, args.end(), IsNullLiteral)) return {};
  if (membership) {
    return "None inside in_() or not_in() compares as unknown; leave it out and add "
           "`| column.is_null()` (or `& column.is_not_null()`)";
  }
  if (IsTextMatch(op)) return "matching with None is never true; use is_null()";
  if (op == Op::kBetween) return "between(...) with None is never true; use <= or >= alone";
  return "comparing with None by <, <=, > or >= is never true; use == None or is_null()";
}

std::string ArgumentCount(const OpInfo& info) {
  std::string text = std::to_string(info.args_min);
  if (info.args_max < 0) return text + " or more arguments";
  if (info.args_max > info.args_min) text += " or " + std::to_string(info.args_max);
  return text + (text == "1" ? " argument" : " arguments");
}

// a & b & c is one node with three arguments, so that long chains stay flat.
Expr Combine(Op op, const Expr& left, const Expr& right) {
  std::vector<Expr> args;
  if (left->op == op) {
    args.reserve(left->args.size() + 1);
    args = left->args;
  } else {
    args.push_back(left);
  }
  if (right->op == op) {
    args.insert(args.end(), right->args.begin(), right->args.end());
  } else {
    args.push_back(right);
  }
  return Expr::Make(op, std::move(args));
}

Expr Membership(Op op, const Expr& operand, std::vector<Expr> values) {
  if (values.empty()) return Expr::Constant(op == Op::kNotIn);
  values.insert(values.begin(), operand);
  return Expr::Make(op, std::move(values));
}

}  // namespace

Expr::Expr(types::Value value) {
  auto node = std::make_shared<ExprNode>();
  node->op = Op::kLiteral;
  node->value = std::move(value);
  *this = Finish(std::move(node));
}

Expr Expr::Column(std::string qualifier, std::string name) {
  auto node = std::make_shared<ExprNode>();
  node->op = Op::kColumn;
  node->qualifier = std::move(qualifier);
  node->name = std::move(name);
  return Finish(std::move(node));
}

Expr Expr::Constant(bool value) {
  auto node = std::make_shared<ExprNode>();
  node->op = Op::kConstant;
  node->value = value;
  return Finish(std::move(node));
}

Expr Expr::Error(std::string message) {
  auto node = std::make_shared<ExprNode>();
  node->op = Op::kError;
  node->name = std::move(message);
  return Expr(std::move(node));
}

Expr Expr::Make(Op op, std::vector<Expr> args, bool distinct) {
  const OpInfo& info = InfoOf(op);
  const std::string name(info.name);
  if (op < Op::kEq) return Error("\"" + name + "\" is not an operation on arguments");
  const std::size_t count = args.size();
  const auto count_max = static_cast<std::size_t>(info.args_max);
  if (count < static_cast<std::size_t>(info.args_min) ||
      (info.args_max >= 0 && count > count_max)) {
    return Error(name + " takes " + ArgumentCount(info) + ", got " + std::to_string(count));
  }
  if (distinct && !IsAggregate(op)) return Error(name + " cannot be distinct, aggregates can");
  if (distinct && args.empty()) return Error(name + " of distinct values needs to know of what");
  if ((op == Op::kEq || op == Op::kNe) && (IsNullLiteral(args[0]) || IsNullLiteral(args[1]))) {
    const std::size_t operand = IsNullLiteral(args[1]) ? 0 : 1;
    return Make(op == Op::kEq ? Op::kIsNull : Op::kIsNotNull, {args[operand]});
  }
  if (const std::string_view mistake = NullMistake(op, args); !mistake.empty()) {
    return Error(std::string(mistake));
  }
  auto node = std::make_shared<ExprNode>();
  node->op = op;
  node->distinct = distinct;
  node->args = std::move(args);
  return Finish(std::move(node));
}

Expr Expr::As(std::string name) const {
  auto node = std::make_shared<ExprNode>();
  node->op = Op::kAlias;
  node->name = std::move(name);
  // An alias of an alias renames.
  node->args.push_back(node_->op == Op::kAlias ? node_->args[0] : *this);
  return Finish(std::move(node));
}

Expr Expr::Raw(std::string_view text, const std::vector<std::pair<std::string, Expr>>& values) {
  std::vector<std::string> parts;
  std::vector<Expr> args;
  std::vector<bool> used(values.size());
  std::string part;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if ((c == '{' || c == '}') && i + 1 < text.size() && text[i + 1] == c) {
      part += c;
      ++i;
      continue;
    }
    if (c == '}') return Error("raw: a single '}' at position " + std::to_string(i) + "; write }}");
    if (c != '{') {
      part += c;
      continue;
    }
    const std::size_t end = text.find('}', i);
    if (end == std::string_view::npos) {
      return Error("raw: '{' at position " + std::to_string(i) + " is never closed; write {{");
    }
    const std::string_view name = text.substr(i + 1, end - i - 1);
    const auto found = std::find_if(values.begin(), values.end(),
                                    [&](const auto& value) { return value.first == name; });
    if (found == values.end()) {
      return Error("raw: no value was given for the hole {" + std::string(name) + "}");
    }
    used[static_cast<std::size_t>(found - values.begin())] = true;
    parts.push_back(std::exchange(part, {}));
    args.push_back(found->second);
    i = end;
  }
  parts.push_back(std::move(part));
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (!used[i]) return Error("raw: the value '" + values[i].first + "' has no hole in the text");
  }
  return RawParts(std::move(parts), std::move(args));
}

Expr Expr::RawParts(std::vector<std::string> parts, std::vector<Expr> args) {
  if (parts.size() != args.size() + 1) {
    return Error("raw: " + std::to_string(args.size()) + " values need " +
                 std::to_string(args.size() + 1) + " parts of text around them, got " +
                 std::to_string(parts.size()));
  }
  auto node = std::make_shared<ExprNode>();
  node->op = Op::kRaw;
  node->parts = std::move(parts);
  node->args = std::move(args);
  return Finish(std::move(node));
}

Expr Expr::In(std::vector<Expr> values) const {
  return Membership(Op::kIn, *this, std::move(values));
}
Expr Expr::NotIn(std::vector<Expr> values) const {
  return Membership(Op::kNotIn, *this, std::move(values));
}
Expr Expr::Between(const Expr& low, const Expr& high) const {
  return Make(Op::kBetween, {*this, low, high});
}
Expr Expr::IsNull() const { return Make(Op::kIsNull, {*this}); }
Expr Expr::IsNotNull() const { return Make(Op::kIsNotNull, {*this}); }
Expr Expr::Like(const Expr& pattern) const { return Make(Op::kLike, {*this, pattern}); }
Expr Expr::ILike(const Expr& pattern) const { return Make(Op::kILike, {*this, pattern}); }
Expr Expr::StartsWith(const Expr& text) const { return Make(Op::kStartsWith, {*this, text}); }
Expr Expr::EndsWith(const Expr& text) const { return Make(Op::kEndsWith, {*this, text}); }
Expr Expr::Contains(const Expr& text) const { return Make(Op::kContains, {*this, text}); }
Expr Expr::Count(bool distinct) const { return Make(Op::kCount, {*this}, distinct); }
Expr Expr::Sum() const { return Make(Op::kSum, {*this}); }
Expr Expr::Avg() const { return Make(Op::kAvg, {*this}); }
Expr Expr::Min() const { return Make(Op::kMin, {*this}); }
Expr Expr::Max() const { return Make(Op::kMax, {*this}); }

Ordering Expr::Asc() const { return {*this, false, NullOrder::kLast}; }
Ordering Expr::Desc() const { return {*this, true, NullOrder::kFirst}; }

Expr operator==(const Expr& l, const Expr& r) { return Expr::Make(Op::kEq, {l, r}); }
Expr operator!=(const Expr& l, const Expr& r) { return Expr::Make(Op::kNe, {l, r}); }
Expr operator<(const Expr& l, const Expr& r) { return Expr::Make(Op::kLt, {l, r}); }
Expr operator<=(const Expr& l, const Expr& r) { return Expr::Make(Op::kLe, {l, r}); }
Expr operator>(const Expr& l, const Expr& r) { return Expr::Make(Op::kGt, {l, r}); }
Expr operator>=(const Expr& l, const Expr& r) { return Expr::Make(Op::kGe, {l, r}); }
Expr operator+(const Expr& l, const Expr& r) { return Expr::Make(Op::kAdd, {l, r}); }
Expr operator-(const Expr& l, const Expr& r) { return Expr::Make(Op::kSub, {l, r}); }
Expr operator*(const Expr& l, const Expr& r) { return Expr::Make(Op::kMul, {l, r}); }
Expr operator/(const Expr& l, const Expr& r) { return Expr::Make(Op::kDiv, {l, r}); }
Expr operator%(const Expr& l, const Expr& r) { return Expr::Make(Op::kMod, {l, r}); }
Expr operator-(const Expr& operand) { return Expr::Make(Op::kNeg, {operand}); }
Expr operator&&(const Expr& l, const Expr& r) { return Combine(Op::kAnd, l, r); }
Expr operator||(const Expr& l, const Expr& r) { return Combine(Op::kOr, l, r); }
Expr operator!(const Expr& operand) { return Expr::Make(Op::kNot, {operand}); }

Expr CountAll() { return Expr::Make(Op::kCount, {}); }

}  // namespace molt::query
