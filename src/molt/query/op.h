// The operations of an expression and what is fixed about each: one line in one table (op.cc).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace molt::query {

enum class Op : std::uint8_t {
  kError,     // a mistake made while building; binding reports it
  kColumn,    // qualifier, name
  kLiteral,   // value; always a bound parameter in SQL
  kConstant,  // TRUE or FALSE that the structure itself implies, such as `x IN ()`
  kRaw,       // SQL text by hand with bound holes: parts.size() == args.size() + 1
  kAlias,     // args[0] AS name
  kEq,
  kNe,
  kLt,
  kLe,
  kGt,
  kGe,
  kAnd,  // two or more
  kOr,   // two or more
  kNot,
  kIsNull,
  kIsNotNull,
  kIn,     // x, then one or more values
  kNotIn,  // likewise
  kBetween,
  kAdd,
  kSub,
  kMul,
  kDiv,  // always true division; NULL when the divisor is 0
  kMod,
  kNeg,
  kLike,  // case-sensitive on every engine; backslash escapes
  kILike,
  kStartsWith,  // the second argument is plain text, not a pattern; likewise below
  kEndsWith,
  kContains,
  kIStartsWith,
  kIEndsWith,
  kIContains,
  kCount,  // no argument: COUNT(*)
  kSum,
  kAvg,
  kMin,
  kMax,
  kStddev,    // of a sample
  kVariance,  // of a sample
  kBoolAnd,
  kBoolOr,
  kStringAgg,  // text, separator
  kArrayAgg,
};

struct OpInfo {
  Op op;
  std::string_view name;  // in the serialized IR and in errors
  int args_min;
  int args_max;  // -1: no limit
};

[[nodiscard]] const OpInfo& InfoOf(Op op);
[[nodiscard]] std::optional<Op> OpFromName(std::string_view name);

[[nodiscard]] constexpr bool IsAggregate(Op op) { return op >= Op::kCount; }
[[nodiscard]] constexpr bool IsComparison(Op op) { return op >= Op::kEq && op <= Op::kGe; }
[[nodiscard]] constexpr bool IsTextMatch(Op op) { return op >= Op::kLike && op <= Op::kIContains; }

}  // namespace molt::query
