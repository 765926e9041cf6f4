// PostgreSQL 15.
#include <array>

#include "molt/sql/dialect.h"

namespace molt::sql {

namespace {
using query::Op;
constexpr std::array kSpellings = {
    // The matches here are for text that is not a literal, so no pattern can be made of it.
    Spelling{Op::kStartsWith, "STARTS_WITH({0}, {1})"},
    Spelling{Op::kEndsWith, "RIGHT({0}, LENGTH({1})) = {1}", Precedence::kCompare},
    Spelling{Op::kContains, "STRPOS({0}, {1}) > 0", Precedence::kCompare},
};
}  // namespace

const Dialect kPostgres = {
    .name = "postgres",
    .name_bytes_max = 63,
    .sum_type = "bigint",
    .avg_type = "double precision",
    .spellings = kSpellings,
};

}  // namespace molt::sql
