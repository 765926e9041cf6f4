// Binding: names to columns, columns to types; everything that can be wrong with a query is found
// here and named.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "molt/base/status.h"
#include "molt/query/bound.h"

namespace molt::query {

// What is known of a database's tables, by (schema, name) as queries write them. Tables that are
// not here, and declare no columns, are open: any column is taken as it is.
using Catalog = std::map<std::pair<std::string, std::string>, types::Schema>;

// Errors are InvalidQuery: what was wrong, where, and the nearest names.
[[nodiscard]] Result<BoundQuery> Bind(const Query& query, const Catalog& catalog);

// The tables a query reads, as written; none for SQL by hand.
[[nodiscard]] std::vector<std::pair<std::string, std::string>> TablesOf(const Query& query);

// Whether `name` can be an identifier anywhere: 1 to 255 bytes of UTF-8 without NUL.
[[nodiscard]] Status CheckIdentifier(std::string_view what, std::string_view name);

}  // namespace molt::query
