// BoundQuery -> SQL text of one dialect, with every value bound.
#pragma once

#include <string>
#include <vector>

#include "molt/base/status.h"
#include "molt/base/trial_history.h"
#include "molt/query/bound.h"
#include "molt/query/structure.h"
#include "molt/sql/dialect.h"
#include "molt/sql/pattern.h"

namespace molt::sql {

// A parameter of the SQL: which literal of the query it binds, and as what.
struct ParamSlot {
  int literal = 0;  // its place in query::CollectLiterals' order
  Pattern pattern;
  bool as_timestamp = false;  // a date is bound as its midnight
  friend bool operator==(const ParamSlot&, const ParamSlot&) = default;
};

// Good for every query of the same structure, unless `depends_on_values`.
struct CompiledQuery {
  std::string sql;
  std::vector<ParamSlot> slots;
  std::vector<types::Field> columns;             // empty: whatever the engine gives
  std::vector<types::LogicalType> column_types;  // of `columns`
  bool depends_on_values = false;
  // Kept by who runs it: whether it is done in the time that a thread which must not block has.
  mutable TrialHistory trials;
};

enum class Layout : std::uint8_t { kOneLine, kClausePerLine };

// Unsupported, by name and with the way out, for what the dialect lacks.
[[nodiscard]] Result<CompiledQuery> Compile(const query::BoundQuery& query, const Dialect& dialect,
                                            Layout layout = Layout::kOneLine);

// The values for the slots of `compiled`, of this query's literals.
[[nodiscard]] Result<std::vector<types::Value>> BindParams(const CompiledQuery& compiled,
                                                           const query::Query& query);

}  // namespace molt::sql
