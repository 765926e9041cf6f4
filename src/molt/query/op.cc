#include "molt/query/op.h"

#include <array>
#include <cstddef>

namespace molt::query {

namespace {
constexpr std::array kOps = {
    OpInfo{Op::kError, "error", 0, 0},
    OpInfo{Op::kColumn, "column", 0, 0},
    OpInfo{Op::kLiteral, "value", 0, 0},
    OpInfo{Op::kConstant, "constant", 0, 0},
    OpInfo{Op::kRaw, "raw", 0, -1},
    OpInfo{Op::kAlias, "as", 1, 1},
    OpInfo{Op::kEq, "eq", 2, 2},
    OpInfo{Op::kNe, "ne", 2, 2},
    OpInfo{Op::kLt, "lt", 2, 2},
    OpInfo{Op::kLe, "le", 2, 2},
    OpInfo{Op::kGt, "gt", 2, 2},
    OpInfo{Op::kGe, "ge", 2, 2},
    OpInfo{Op::kAnd, "and", 2, -1},
    OpInfo{Op::kOr, "or", 2, -1},
    OpInfo{Op::kNot, "not", 1, 1},
    OpInfo{Op::kIsNull, "is_null", 1, 1},
    OpInfo{Op::kIsNotNull, "is_not_null", 1, 1},
    OpInfo{Op::kIn, "in", 2, -1},
    OpInfo{Op::kNotIn, "not_in", 2, -1},
    OpInfo{Op::kBetween, "between", 3, 3},
    OpInfo{Op::kAdd, "add", 2, 2},
    OpInfo{Op::kSub, "sub", 2, 2},
    OpInfo{Op::kMul, "mul", 2, 2},
    OpInfo{Op::kDiv, "div", 2, 2},
    OpInfo{Op::kMod, "mod", 2, 2},
    OpInfo{Op::kNeg, "neg", 1, 1},
    OpInfo{Op::kLike, "like", 2, 2},
    OpInfo{Op::kILike, "ilike", 2, 2},
    OpInfo{Op::kStartsWith, "startswith", 2, 2},
    OpInfo{Op::kEndsWith, "endswith", 2, 2},
    OpInfo{Op::kContains, "contains", 2, 2},
    OpInfo{Op::kIStartsWith, "istartswith", 2, 2},
    OpInfo{Op::kIEndsWith, "iendswith", 2, 2},
    OpInfo{Op::kIContains, "icontains", 2, 2},
    OpInfo{Op::kCount, "count", 0, 1},
    OpInfo{Op::kSum, "sum", 1, 1},
    OpInfo{Op::kAvg, "avg", 1, 1},
    OpInfo{Op::kMin, "min", 1, 1},
    OpInfo{Op::kMax, "max", 1, 1},
    OpInfo{Op::kStddev, "stddev", 1, 1},
    OpInfo{Op::kVariance, "variance", 1, 1},
    OpInfo{Op::kBoolAnd, "bool_and", 1, 1},
    OpInfo{Op::kBoolOr, "bool_or", 1, 1},
    OpInfo{Op::kStringAgg, "string_agg", 2, 2},
    OpInfo{Op::kArrayAgg, "array_agg", 1, 1},
};

constexpr bool IsOrdered() {
  for (std::size_t i = 0; i < kOps.size(); ++i) {
    if (static_cast<std::size_t>(kOps[i].op) != i) return false;
  }
  return true;
}
static_assert(IsOrdered(), "kOps is indexed by Op");
}  // namespace

const OpInfo& InfoOf(Op op) { return kOps[static_cast<std::size_t>(op)]; }

std::optional<Op> OpFromName(std::string_view name) {
  for (const OpInfo& info : kOps) {
    if (info.name == name && info.op != Op::kError) return info.op;
  }
  return std::nullopt;
}

}  // namespace molt::query
