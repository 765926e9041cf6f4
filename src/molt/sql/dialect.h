// What is particular to an engine's SQL. A dialect is data: flags, and the spelling of the
// operations it spells in its own way. The compiler (compiler.h) has the rest.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "molt/query/op.h"
#include "molt/types/logical_type.h"

namespace molt::sql {

// How tightly an operator binds; an argument that binds less tightly gets parentheses.
enum class Precedence : std::uint8_t {
  kLowest,
  kOr,
  kAnd,
  kNot,
  kCompare,
  kAdd,
  kMul,
  kNeg,
  kAtom
};

// An operation as text; {0}, {1}… are its arguments. `unsupported` is set instead where the engine
// lacks it: what to do about it, in the words of the user.
struct Spelling {
  query::Op op;
  std::string_view text;
  Precedence precedence = Precedence::kAtom;  // of the whole; arguments bind tighter than it
  std::string_view unsupported = {};
  types::TypeId argument = types::TypeId::kUnknown;  // only where the first is of this type
};

enum class PlaceholderStyle : std::uint8_t {
  kQuestion,  // ?, one a use
  kDollar,    // $1, $2…: one number a value, however often it is used
};

struct Dialect {
  std::string_view name;
  PlaceholderStyle placeholder = PlaceholderStyle::kDollar;
  std::size_t params_max = 65'535;
  std::size_t name_bytes_max = 255;  // a longer identifier would be cut off
  // Case-sensitive matching by GLOB instead of LIKE (SQLite, where LIKE ignores ASCII case); then
  // LIKE … ESCAPE serves where case is to be ignored, for ASCII patterns.
  bool matches_by_glob = false;
  std::string_view like_suffix = {};         // after a LIKE pattern, for backslash to escape
  std::string_view offset_needs_limit = {};  // what stands for "no limit" before OFFSET
  bool distinct_string_agg = true;           // whether string_agg takes DISTINCT
  bool constant_keys = true;                 // whether GROUP BY and ORDER BY take TRUE and FALSE
  bool booleans_are_numbers = true;          // whether they compare, and a number is a condition
  bool text_stands_for_all = true;           // whether text compares with uuids, dates and times
  std::string_view float_type = "double precision";
  std::string_view sum_type = {};  // SUM, and AVG and the like, of integers are cast so that all
  std::string_view avg_type = {};  // engines give int64 and float64; empty: no need
  // What bound numbers in arithmetic are cast to, where they would otherwise take the type of the
  // column beside them or one as small as the value; empty: no need.
  std::string_view int_literal_type = {};
  std::string_view float_literal_type = {};
  std::string_view decimal_literal_type = {};
  std::span<const Spelling> spellings;  // where it differs from the common ones

  // For a first argument of the type; nullptr: not even in common.
  [[nodiscard]] const Spelling* Find(query::Op op,
                                     types::TypeId argument = types::TypeId::kUnknown) const;
};

// "sqlite", "postgres" or "postgresql", "duckdb"; nullptr for any other.
[[nodiscard]] const Dialect* FindDialect(std::string_view name);
[[nodiscard]] std::vector<std::string_view> DialectNames();

extern const Dialect kPostgres;
extern const Dialect kSqlite;
extern const Dialect kDuckdb;

}  // namespace molt::sql
