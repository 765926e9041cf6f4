// Bulk insert: rows are bound straight from the columns of record batches.
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "molt/db/sqlite/sqlite_connection.h"
#include "molt/db/sqlite/sqlite_transaction.h"
#include "molt/db/sqlite/sqlite_types.h"

namespace molt::db::sqlite {

namespace {

using types::TypeId;

constexpr std::int64_t kRowsPerCheck = 1024;

Status AppendIdentifier(std::string& sql, std::string_view name) {
  if (name.empty()) return InvalidQuery("a table or column name is empty");
  if (name.find('\0') != std::string_view::npos) {
    return InvalidQuery("a table or column name contains a zero byte");
  }
  sql += '"';
  for (const char c : name) {
    if (c == '"') sql += '"';
    sql += c;
  }
  sql += '"';
  return {};
}

Result<std::string> InsertSql(const TableName& table, const std::vector<std::string>& columns) {
  if (columns.empty()) return InvalidQuery("there are no columns to insert into");
  std::string sql = "INSERT INTO ";
  if (!table.schema.empty()) {
    MOLT_RETURN_IF_ERROR(AppendIdentifier(sql, table.schema));
    sql += '.';
  }
  MOLT_RETURN_IF_ERROR(AppendIdentifier(sql, table.name));
  std::string places;
  for (const std::string& column : columns) {
    sql += places.empty() ? " (" : ",";
    places += places.empty() ? "?" : ",?";
    MOLT_RETURN_IF_ERROR(AppendIdentifier(sql, column));
  }
  return sql + ") VALUES (" + places + ")";
}

Status BindCell(sqlite3_stmt* statement, int index, const types::Column& column, std::int64_t row,
                Parameter& scratch) {
  if (column.IsMixed()) {
    return scratch.Bind(statement, index, column.mixed[static_cast<std::size_t>(row)]);
  }
  if (column.IsNull(row)) return scratch.Bind(statement, index, types::Null{});
  switch (column.type.id) {
    case TypeId::kBool:
      return BindInt64(statement, index, column.BoolAt(row) ? 1 : 0);
    case TypeId::kInt64:
      return BindInt64(statement, index, column.data.As<std::int64_t>()[row]);
    case TypeId::kFloat64:
      return BindDouble(statement, index, column.data.As<double>()[row]);
    case TypeId::kUtf8:
      return BindBytes(statement, index, column.BytesAt(row), true);
    case TypeId::kBinary:
      return BindBytes(statement, index, column.BytesAt(row), false);
    case TypeId::kDate:
      return scratch.Bind(statement, index, types::Date{column.data.As<std::int32_t>()[row]});
    case TypeId::kTime:
      return scratch.Bind(statement, index, types::Time{column.data.As<std::int64_t>()[row]});
    case TypeId::kTimestamp:
    case TypeId::kTimestampTz:
      return scratch.Bind(statement, index,
                          types::Timestamp{column.data.As<std::int64_t>()[row],
                                           column.type.id == TypeId::kTimestampTz});
    case TypeId::kJson:
    case TypeId::kTimeTz:
    case TypeId::kInet:
    case TypeId::kOther:
      return BindBytes(statement, index, column.BytesAt(row), true);
    case TypeId::kUnknown:
    case TypeId::kNull:
      return Internal("a column of a batch to insert has no layout");
    default:  // none of these lends its text to the statement, so the value need not outlive this
      return scratch.Bind(statement, index, column.ValueAt(row));
  }
}

// "… (row 17)": rows are counted from 1, over all batches.
Error AtRow(Error error, std::int64_t row) {
  if (error.code != ErrorCode::kCancelled && error.code != ErrorCode::kTimeout) {
    error.message += " (row " + std::to_string(row) + ")";
  }
  return error;
}

}  // namespace

Status SqliteConnection::InsertBatch(const StatementLease& statement,
                                     const std::vector<std::string>& columns,
                                     const types::RecordBatch& batch, std::int64_t rows_before,
                                     const ExecContext& context) {
  if (batch.columns.size() != columns.size()) {
    return InvalidQuery("a batch has " + std::to_string(batch.columns.size()) + " columns, " +
                        std::to_string(columns.size()) + " are to be inserted");
  }
  std::vector<Parameter> scratch(columns.size());
  for (std::int64_t row = 0; row < batch.num_rows; ++row) {
    if (row % kRowsPerCheck == 0) MOLT_RETURN_IF_ERROR(CheckContext(context));
    for (std::size_t i = 0; i < columns.size(); ++i) {
      Status bound =
          BindCell(statement.handle(), static_cast<int>(i) + 1, batch.columns[i], row, scratch[i]);
      if (!bound) [[unlikely]] {
        Error error = std::move(bound).error();
        error.message = "the value for column \"" + columns[i] + "\" " + error.message;
        return Fail(AtRow(std::move(error), rows_before + row + 1));
      }
    }
    int code = sqlite3_step(statement.handle());
    if (code == SQLITE_DONE) code = sqlite3_reset(statement.handle());
    if (code != SQLITE_OK) [[unlikely]] {
      return Fail(AtRow(Describe(code, statement->sql), rows_before + row + 1));
    }
  }
  return {};
}

Result<std::int64_t> SqliteConnection::RunInsert(const TableName& table,
                                                 const std::vector<std::string>& columns,
                                                 BatchSource& source, const ExecContext& context) {
  MOLT_RETURN_IF_ERROR(CheckContext(context));
  MOLT_ASSIGN(const std::string sql, InsertSql(table, columns));
  const Guard::Scope scope(guard_, context, Rights::kWrite);
  // In this order: the batch outlives the statement that points into it, and the statement is
  // reset before a failed transaction is rolled back.
  SqliteTransaction transaction(*this);
  types::RecordBatchPtr batch;
  MOLT_ASSIGN(StatementLease statement, Prepare(sql));
  // The first rows may take long to come: the lock is taken only then.
  MOLT_ASSIGN(batch, source.Next());
  MOLT_RETURN_IF_ERROR(transaction.Begin(context));
  std::int64_t rows = 0;
  while (batch) {
    MOLT_RETURN_IF_ERROR(InsertBatch(statement, columns, *batch, rows, context));
    rows += batch->num_rows;
    MOLT_ASSIGN(batch, source.Next());
    MOLT_RETURN_IF_ERROR(CheckContext(context));
  }
  statement.Release();
  MOLT_RETURN_IF_ERROR(transaction.Commit(context));
  return rows;
}

}  // namespace molt::db::sqlite
