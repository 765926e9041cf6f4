// A table as a query names it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "molt/query/expr.h"
#include "molt/types/schema.h"

namespace molt::query {

struct TableDef {
  std::string schema;  // empty: the engine's default search
  std::string name;
  std::string alias;  // empty: none
  // Absent: an open table, any column name is accepted until a catalog says otherwise. Present:
  // just these, with unknown types where not declared.
  std::optional<types::Schema> columns;

  friend bool operator==(const TableDef&, const TableDef&) = default;
  // How columns refer to it.
  [[nodiscard]] const std::string& Key() const { return alias.empty() ? name : alias; }
};

// Immutable and shared. `Table users("users"); users["id"] == 3`.
class Table {
 public:
  // "name" or "schema.name".
  explicit Table(std::string_view name, std::optional<types::Schema> columns = std::nullopt);
  explicit Table(TableDef def) : def_(std::make_shared<const TableDef>(std::move(def))) {}

  [[nodiscard]] Table As(std::string alias) const;
  // A declared table gives an error expression, with the nearest names, for a name it lacks.
  [[nodiscard]] Expr operator[](std::string_view column) const;

  const TableDef* operator->() const { return def_.get(); }
  const TableDef& operator*() const { return *def_; }

 private:
  std::shared_ptr<const TableDef> def_;
};

}  // namespace molt::query
