// What a request runs: a query to be compiled, or a statement in the engine's own SQL.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "molt/query/query.h"
#include "molt/types/value.h"

namespace molt::engine {

// Its placeholders are the engine's own, and there are as many values as it has.
struct NativeSql {
  std::string sql;
  std::vector<types::Value> params;
  // What is known of the result's columns, if whoever made the SQL knows: see db::Statement.
  std::vector<types::LogicalType> column_types = {};
};

using Source = std::variant<NativeSql, query::Query>;

}  // namespace molt::engine
