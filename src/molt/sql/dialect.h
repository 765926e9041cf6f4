// What is particular to an engine's SQL. A dialect is data: flags, and the spelling of the
// operations it spells in its own way. The compiler (compiler.h) has the rest.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "molt/query/op.h"

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
  std::string_view float_type = "double precision";
  std::string_view sum_type = {};  // SUM, and AVG and the like, of integers are cast so that all
  std::string_view avg_type = {};  // engines give int64 and float64; empty: no need
  std::span<const Spelling> spellings;  // where it differs from the common ones

  [[nodiscard]] const Spelling* Find(query::Op op) const;
};

// "sqlite", "postgres" or "postgresql", "duckdb"; nullptr for any other.
[[nodiscard]] const Dialect* FindDialect(std::string_view name);
[[nodiscard]] std::vector<std::string_view> DialectNames();

extern const Dialect kPostgres;
extern const Dialect kSqlite;
extern const Dialect kDuckdb;

}  // namespace molt::sql
