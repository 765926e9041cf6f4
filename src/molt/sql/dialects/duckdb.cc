// DuckDB 1.5.
#include <array>

#include "molt/sql/dialect.h"

namespace molt::sql {

namespace {
using query::Op;
constexpr std::array kSpellings = {
    Spelling{Op::kStartsWith, "STARTS_WITH({0}, {1})"},
    Spelling{Op::kEndsWith, "ENDS_WITH({0}, {1})"},
    Spelling{Op::kContains, "CONTAINS({0}, {1})"},
};
}  // namespace

const Dialect kDuckdb = {
    .name = "duckdb",
    .like_suffix = " ESCAPE '\\'",  // unlike elsewhere, nothing escapes by default
    .text_stands_for_all = false,
    .float_type = "DOUBLE",
    .sum_type = "BIGINT",  // HUGEINT otherwise
    .int_literal_type = "BIGINT",
    .spellings = kSpellings,
};

}  // namespace molt::sql
