// PostgreSQL 15.
#include <array>

#include "molt/sql/dialect.h"

namespace molt::sql {

namespace {
using query::Op;
using types::TypeId;

constexpr Spelling Of(TypeId argument, Op op, std::string_view text) {
  return {op, text, Precedence::kAtom, {}, argument};
}

constexpr std::array kSpellings = {
    // The matches here are for text that is not a literal, so no pattern can be made of it.
    Spelling{Op::kStartsWith, "STARTS_WITH({0}, {1})"},
    Spelling{Op::kEndsWith, "RIGHT({0}, LENGTH({1})) = {1}", Precedence::kCompare},
    Spelling{Op::kContains, "STRPOS({0}, {1}) > 0", Precedence::kCompare},
    // Types that it orders, but has no MIN and MAX of (uuid and bytea: before 18).
    Of(TypeId::kBool, Op::kMin, "BOOL_AND({0})"),
    Of(TypeId::kBool, Op::kMax, "BOOL_OR({0})"),
    Of(TypeId::kUuid, Op::kMin, "CAST(MIN(CAST({0} AS text) COLLATE \"C\") AS uuid)"),
    Of(TypeId::kUuid, Op::kMax, "CAST(MAX(CAST({0} AS text) COLLATE \"C\") AS uuid)"),
    Of(TypeId::kBinary, Op::kMin, "DECODE(MIN(ENCODE({0}, 'hex') COLLATE \"C\"), 'hex')"),
    Of(TypeId::kBinary, Op::kMax, "DECODE(MAX(ENCODE({0}, 'hex') COLLATE \"C\"), 'hex')"),
};
}  // namespace

const Dialect kPostgres = {
    .name = "postgres",
    .name_bytes_max = 63,
    .constant_keys = false,
    .booleans_are_numbers = false,
    .text_stands_for_all = false,
    .sum_type = "bigint",
    .avg_type = "double precision",
    .int_literal_type = "bigint",
    .float_literal_type = "double precision",
    .decimal_literal_type = "numeric",
    .spellings = kSpellings,
};

}  // namespace molt::sql
