// SQLite 3.40.
#include <array>

#include "molt/sql/dialect.h"

namespace molt::sql {

namespace {
using query::Op;
constexpr std::array kSpellings = {
    Spelling{Op::kStartsWith, "SUBSTR({0}, 1, LENGTH({1})) = {1}", Precedence::kCompare},
    Spelling{Op::kEndsWith, "SUBSTR({0}, LENGTH({0}) - LENGTH({1}) + 1) = {1}",
             Precedence::kCompare},
    Spelling{Op::kContains, "INSTR({0}, {1}) > 0", Precedence::kCompare},
    // x % NULL is NULL as well, but SQLite needs no help: x % 0 is NULL.
    Spelling{Op::kMod, "{0} % {1}", Precedence::kMul},
    Spelling{Op::kBoolAnd, "MIN({0} <> 0)"},
    Spelling{Op::kBoolOr, "MAX({0} <> 0)"},
    Spelling{Op::kStringAgg, "GROUP_CONCAT({0}, {1})"},
    Spelling{Op::kArrayAgg,
             {},
             Precedence::kAtom,
             "it has no arrays; use string_agg(), or select the rows and group them by key"},
};
}  // namespace

const Dialect kSqlite = {
    .name = "sqlite",
    .placeholder = PlaceholderStyle::kQuestion,
    .params_max = 32'766,
    .matches_by_glob = true,
    .like_suffix = " ESCAPE '\\'",
    .offset_needs_limit = "-1",
    .distinct_string_agg = false,
    .float_type = "REAL",
    .spellings = kSpellings,
};

}  // namespace molt::sql
