#include "molt/db/sqlite/sqlite_schema.h"

#include <functional>
#include <initializer_list>
#include <map>
#include <optional>
#include <utility>

#include "molt/base/nearest_names.h"
#include "molt/db/sqlite/sqlite_errors.h"
#include "molt/db/sqlite/sqlite_handle.h"
#include "molt/db/sqlite/sqlite_types.h"

namespace molt::db::sqlite {

namespace {

std::string ColumnText(sqlite3_stmt* statement, int column) {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement, column));
  return text == nullptr ? std::string() : std::string(text);
}

Status StepAll(sqlite3* db, const Guard& guard, sqlite3_stmt* statement,
               const std::function<void(sqlite3_stmt*)>& on_row) {
  while (true) {
    const int code = sqlite3_step(statement);
    if (code == SQLITE_DONE) return {};
    if (code != SQLITE_ROW) return Fail(DescribeFailure(db, code, guard));
    on_row(statement);
  }
}

// Runs one of the driver's own small queries. An empty parameter is NULL.
Status ForEachRow(sqlite3* db, const Guard& guard, const char* sql,
                  std::initializer_list<std::string_view> params,
                  const std::function<void(sqlite3_stmt*)>& on_row) {
  sqlite3_stmt* prepared = nullptr;
  const int code = sqlite3_prepare_v2(db, sql, -1, &prepared, nullptr);
  const StatementHandle statement(prepared);
  if (code != SQLITE_OK) return Fail(DescribeFailure(db, code, guard));
  int index = 0;
  for (const std::string_view param : params) {
    ++index;
    if (!param.empty()) MOLT_RETURN_IF_ERROR(BindBytes(prepared, index, param, true));
  }
  return StepAll(db, guard, prepared, on_row);
}

// An INTEGER PRIMARY KEY is the row's number and never NULL; other keys may be, by an old mistake
// that SQLite keeps.
bool IsRowNumber(const std::string& type, int key_columns, int key_position) {
  return key_columns == 1 && key_position == 1 && sqlite3_stricmp(type.c_str(), "INTEGER") == 0;
}

struct PlanNode {
  std::string detail;
  std::vector<int> children;
};

void DrawChildren(const std::map<int, PlanNode>& nodes, int id, const std::string& indent,
                  std::string& out) {
  const std::vector<int>& children = nodes.at(id).children;
  for (std::size_t i = 0; i < children.size(); ++i) {
    const bool last = i + 1 == children.size();
    const bool top = id == 0;
    if (!out.empty()) out += '\n';
    if (!top) out += indent + (last ? "└─ " : "├─ ");
    out += nodes.at(children[i]).detail;
    DrawChildren(nodes, children[i], top ? indent : indent + (last ? "   " : "│  "), out);
  }
}

std::optional<std::string_view> After(std::string_view message, std::string_view prefix) {
  if (!message.starts_with(prefix)) return std::nullopt;
  return message.substr(prefix.size());
}

// The columns of all tables whose name occurs in the SQL.
std::vector<std::string> ColumnsInReach(sqlite3* db, const Guard& guard, std::string_view sql) {
  std::vector<std::string> columns;
  const Status ignored = ForEachRow(
      db, guard,
      "SELECT DISTINCT c.name FROM sqlite_schema AS t, pragma_table_info(t.name) AS c"
      " WHERE t.type IN ('table', 'view') AND instr(lower(?1), lower(t.name)) > 0 LIMIT 10000",
      {sql}, [&](sqlite3_stmt* row) { columns.push_back(ColumnText(row, 0)); });
  return columns;  // suggestions only: some are better than an error
}

}  // namespace

Result<std::vector<std::string>> ListTables(sqlite3* db, const Guard& guard) {
  std::vector<std::string> names;
  MOLT_RETURN_IF_ERROR(ForEachRow(db, guard,
                                  "SELECT name FROM sqlite_schema WHERE type IN ('table', 'view')"
                                  " AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name",
                                  {},
                                  [&](sqlite3_stmt* row) { names.push_back(ColumnText(row, 0)); }));
  return names;
}

Result<types::Schema> DescribeColumns(sqlite3* db, const Guard& guard, const TableName& table) {
  struct Column {
    std::string name;
    std::string type;
    bool not_null;
    int key_position;
  };
  std::vector<Column> columns;
  int key_columns = 0;
  MOLT_RETURN_IF_ERROR(ForEachRow(
      db, guard, "SELECT name, type, \"notnull\", pk, hidden FROM pragma_table_xinfo(?1, ?2)",
      {table.name, table.schema}, [&](sqlite3_stmt* row) {
        const int key_position = sqlite3_column_int(row, 3);
        if (key_position > 0) ++key_columns;
        // Hidden columns of virtual tables are arguments, not data; 2 and 3 are generated ones.
        if (sqlite3_column_int(row, 4) == 1) return;
        columns.push_back({ColumnText(row, 0), ColumnText(row, 1), sqlite3_column_int(row, 2) != 0,
                           key_position});
      }));
  if (columns.empty()) {
    MOLT_ASSIGN(const std::vector<std::string> names, ListTables(db, guard));
    return InvalidQuery("no such table \"" + table.name + "\"" + NearestNames(table.name, names));
  }
  types::Schema schema;
  for (Column& column : columns) {
    const types::LogicalType type = TypeFromDeclaration(column.type.c_str());
    const bool nullable =
        !column.not_null && !IsRowNumber(column.type, key_columns, column.key_position);
    schema.push_back({std::move(column.name), type, nullable});
  }
  return schema;
}

Result<std::string> DrawPlan(sqlite3* db, const Guard& guard, sqlite3_stmt* plan) {
  std::map<int, PlanNode> nodes;
  nodes[0];
  MOLT_RETURN_IF_ERROR(StepAll(db, guard, plan, [&](sqlite3_stmt* row) {
    const int id = sqlite3_column_int(row, 0);
    const int parent = sqlite3_column_int(row, 1);
    nodes[id].detail = ColumnText(row, 3);
    nodes[id != parent && nodes.contains(parent) ? parent : 0].children.push_back(id);
  }));
  std::string drawn;
  DrawChildren(nodes, 0, "", drawn);
  return drawn;
}

std::string SuggestNames(sqlite3* db, Guard& guard, std::string_view message,
                         std::string_view sql) {
  static const ExecContext kNobody;
  const Guard::Scope scope(guard, kNobody, Rights::kDriver);
  if (const auto table = After(message, "no such table: ")) {
    const auto names = ListTables(db, guard);
    return names ? NearestNames(table->substr(table->rfind('.') + 1), *names) : std::string();
  }
  std::optional<std::string_view> column = After(message, "no such column: ");
  if (!column) {
    const std::string_view middle = " has no column named ";  // an INSERT's
    const std::size_t found = message.find(middle);
    if (found != std::string_view::npos) column = message.substr(found + middle.size());
  }
  if (!column) return {};
  return NearestNames(column->substr(column->rfind('.') + 1), ColumnsInReach(db, guard, sql));
}

}  // namespace molt::db::sqlite
