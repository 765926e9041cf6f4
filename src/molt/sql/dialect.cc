#include "molt/sql/dialect.h"

#include <algorithm>
#include <array>

namespace molt::sql {

namespace {

using query::Op;

// What all engines write alike.
constexpr std::array kCommon = {
    Spelling{Op::kEq, "{0} = {1}", Precedence::kCompare},
    Spelling{Op::kNe, "{0} <> {1}", Precedence::kCompare},
    Spelling{Op::kLt, "{0} < {1}", Precedence::kCompare},
    Spelling{Op::kLe, "{0} <= {1}", Precedence::kCompare},
    Spelling{Op::kGt, "{0} > {1}", Precedence::kCompare},
    Spelling{Op::kGe, "{0} >= {1}", Precedence::kCompare},
    Spelling{Op::kNot, "NOT {0}", Precedence::kNot},
    Spelling{Op::kIsNull, "{0} IS NULL", Precedence::kCompare},
    Spelling{Op::kIsNotNull, "{0} IS NOT NULL", Precedence::kCompare},
    Spelling{Op::kBetween, "{0} BETWEEN {1} AND {2}", Precedence::kCompare},
    Spelling{Op::kAdd, "{0} + {1}", Precedence::kAdd},
    Spelling{Op::kSub, "{0} - {1}", Precedence::kAdd},
    Spelling{Op::kMul, "{0} * {1}", Precedence::kMul},
    Spelling{Op::kMod, "{0} % NULLIF({1}, 0)", Precedence::kMul},
    Spelling{Op::kNeg, "-{0}", Precedence::kNeg},
    Spelling{Op::kSum, "SUM({0})"},
    Spelling{Op::kAvg, "AVG({0})"},
    Spelling{Op::kMin, "MIN({0})"},
    Spelling{Op::kMax, "MAX({0})"},
    Spelling{Op::kStddev, "STDDEV_SAMP({0})"},
    Spelling{Op::kVariance, "VAR_SAMP({0})"},
    Spelling{Op::kBoolAnd, "BOOL_AND({0})"},
    Spelling{Op::kBoolOr, "BOOL_OR({0})"},
    Spelling{Op::kStringAgg, "STRING_AGG({0}, {1})"},
    Spelling{Op::kArrayAgg, "ARRAY_AGG({0})"},
};

// One line a dialect.
constexpr std::array kDialects = {&kPostgres, &kSqlite, &kDuckdb};

template <class List>
const Spelling* FindIn(const List& list, Op op, types::TypeId argument) {
  const auto found = std::find_if(list.begin(), list.end(), [&](const Spelling& s) {
    return s.op == op && (s.argument == types::TypeId::kUnknown || s.argument == argument);
  });
  return found == list.end() ? nullptr : &*found;
}

}  // namespace

const Spelling* Dialect::Find(Op op, types::TypeId argument) const {
  const Spelling* own = FindIn(spellings, op, argument);
  return own != nullptr ? own : FindIn(kCommon, op, argument);
}

const Dialect* FindDialect(std::string_view name) {
  if (name == "postgresql") name = "postgres";
  const auto found = std::find_if(kDialects.begin(), kDialects.end(),
                                  [&](const Dialect* d) { return d->name == name; });
  return found == kDialects.end() ? nullptr : *found;
}

std::vector<std::string_view> DialectNames() {
  std::vector<std::string_view> names;
  for (const Dialect* dialect : kDialects) names.push_back(dialect->name);
  return names;
}

}  // namespace molt::sql
