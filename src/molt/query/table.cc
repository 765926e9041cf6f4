#include "molt/query/table.h"

#include <algorithm>
#include <vector>

#include "molt/base/nearest_names.h"

namespace molt::query {

namespace {
TableDef Parse(std::string_view name, std::optional<types::Schema> columns) {
  const std::size_t dot = name.find('.');
  if (dot == std::string_view::npos) return {{}, std::string(name), {}, std::move(columns)};
  return {
      std::string(name.substr(0, dot)), std::string(name.substr(dot + 1)), {}, std::move(columns)};
}
}  // namespace

Table::Table(std::string_view name, std::optional<types::Schema> columns)
    : Table(Parse(name, std::move(columns))) {}

Table Table::As(std::string alias) const {
  TableDef def = *def_;
  def.alias = std::move(alias);
  return Table(std::move(def));
}

Expr Table::operator[](std::string_view column) const {
  if (def_->columns) {
    const auto& columns = *def_->columns;
    const bool known = std::any_of(columns.begin(), columns.end(),
                                   [&](const types::Field& field) { return field.name == column; });
    if (!known) {
      std::vector<std::string> names;
      for (const types::Field& field : columns) names.push_back(field.name);
      return Expr::Error("table \"" + def_->name + "\" has no column \"" + std::string(column) +
                         "\"" + NearestNames(column, names));
    }
  }
  return Expr::Column(def_->Key(), std::string(column));
}

}  // namespace molt::query
