// Tables and their columns, from the server's catalog.
#include <algorithm>
#include <array>
#include <utility>

#include "molt/base/nearest_names.h"
#include "molt/db/postgres/pg_connection.h"

namespace molt::db::postgres {

namespace {

// Domains count as what they are made of.
constexpr std::string_view kColumnsSql = R"sql(
SELECT a.attname::text,
       (CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE a.atttypid END)::int8,
       CASE WHEN t.typtype = 'd' THEN t.typtypmod ELSE a.atttypmod END,
       a.attnotnull,
       b.typtype = 'e' OR b.typcategory = 'S',
       pg_catalog.format_type(a.atttypid, a.atttypmod)
FROM pg_catalog.pg_attribute AS a
JOIN pg_catalog.pg_type AS t ON t.oid = a.atttypid
JOIN pg_catalog.pg_type AS b
  ON b.oid = CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.oid END
WHERE a.attrelid = pg_catalog.to_regclass(
        CASE WHEN $1::text = '' THEN '' ELSE pg_catalog.quote_ident($1) || '.' END ||
        pg_catalog.quote_ident($2::text))
  AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum)sql";
constexpr std::array kColumnsTypes = {types::TypeId::kUtf8,  types::TypeId::kInt64,
                                      types::TypeId::kInt32, types::TypeId::kBool,
                                      types::TypeId::kBool,  types::TypeId::kUtf8};

constexpr std::string_view kTablesSql = R"sql(
SELECT c.relname::text
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname NOT LIKE 'pg\_%'
  AND n.nspname <> 'information_schema' AND pg_catalog.pg_table_is_visible(c.oid)
ORDER BY c.relname COLLATE "C")sql";
constexpr std::array kTablesTypes = {types::TypeId::kUtf8};

// Of a table that is scanned by itself: its kind, and how many pages it has now.
constexpr std::string_view kPagesSql = R"sql(
SELECT c.relkind::text,
       pg_catalog.pg_relation_size(c.oid) / pg_catalog.current_setting('block_size')::int8,
       pg_catalog.pg_export_snapshot()
FROM pg_catalog.pg_class AS c
WHERE c.oid = pg_catalog.to_regclass(
        CASE WHEN $1::text = '' THEN '' ELSE pg_catalog.quote_ident($1) || '.' END ||
        pg_catalog.quote_ident($2::text)))sql";
constexpr std::array kPagesTypes = {types::TypeId::kUtf8, types::TypeId::kInt64,
                                    types::TypeId::kUtf8};

}  // namespace

Async<std::vector<types::RecordBatchPtr>> PgConnection::ReadCatalog(
    std::string_view sql, std::span<const types::Value> params,
    std::span<const types::TypeId> expected, const ExecContext& context) {
  const Statement statement{sql, params, {}};
  const BatchLimits limits;
  MOLT_CO_RETURN_IF_ERROR(CheckContext(context));
  current_ = statement;
  MOLT_CO_ASSIGN(const auto stream, co_await StartRead(statement, limits, context));
  std::vector<types::RecordBatchPtr> batches;
  while (true) {
    MOLT_CO_ASSIGN(types::RecordBatchPtr batch, co_await stream->Next(context));
    if (!batch) co_return batches;
    const bool as_expected = std::equal(
        expected.begin(), expected.end(), batch->columns.begin(), batch->columns.end(),
        [](types::TypeId type, const types::Column& column) { return column.type.id == type; });
    if (!as_expected) {
      link_->Break();
      co_return protocol::Malformed("answer to a question to the catalog");
    }
    batches.push_back(std::move(batch));
  }
}

Async<std::vector<TableColumn>> PgConnection::ReadColumns(const TableName& table,
                                                          const ExecContext& context) {
  const std::array<types::Value, 2> params = {table.schema, table.name};
  MOLT_CO_ASSIGN(const auto batches,
                 co_await ReadCatalog(kColumnsSql, params, kColumnsTypes, context));
  std::vector<TableColumn> columns;
  for (const types::RecordBatchPtr& batch : batches) {
    for (std::int64_t row = 0; row < batch->num_rows; ++row) {
      const auto at = [&](std::size_t column) { return batch->columns[column].ValueAt(row); };
      columns.push_back(
          {std::get<std::string>(at(0)), static_cast<Oid>(std::get<std::int64_t>(at(1))),
           static_cast<std::int32_t>(std::get<std::int64_t>(at(2))), !std::get<bool>(at(3)),
           std::get<bool>(at(4)), std::get<std::string>(at(5))});
    }
  }
  if (!columns.empty()) co_return columns;
  const std::string shown = (table.schema.empty() ? "" : table.schema + ".") + table.name;
  MOLT_CO_ASSIGN(const std::vector<std::string> names, co_await TableNames(context));
  co_return InvalidQuery("there is no table \"" + shown + "\"" + NearestNames(table.name, names));
}

Async<ScanPlan> PgConnection::PlanScan(const TableName& table, int parts,
                                       const ExecContext& context) {
  const std::array<types::Value, 2> params = {table.schema, table.name};
  MOLT_CO_ASSIGN(const auto batches, co_await ReadCatalog(kPagesSql, params, kPagesTypes, context));
  if (batches.empty() || batches.front()->num_rows == 0) {
    MOLT_CO_RETURN_IF_ERROR(co_await ReadColumns(table, context));  // names the nearest ones
    co_return InvalidQuery("there is no table \"" + table.name + "\"");
  }
  const auto at = [&](std::size_t column) { return batches.front()->columns[column].ValueAt(0); };
  const std::string kind = std::get<std::string>(at(0));
  if (kind != "r" && kind != "m") {
    co_return InvalidQuery("parallel reads are for tables and materialized views, and \"" +
                           table.name + "\" is " +
                           (kind == "v"   ? "a view"
                            : kind == "p" ? "a partitioned table"
                                          : "something else") +
                           "; leave parallel out");
  }
  const std::int64_t pages = std::get<std::int64_t>(at(1));
  ScanPlan plan;
  plan.snapshot = std::get<std::string>(at(2));
  const std::int64_t count = std::clamp<std::int64_t>(parts, 1, std::max<std::int64_t>(pages, 1));
  const auto tid = [](std::int64_t page) { return "'(" + std::to_string(page) + ",0)'::tid"; };
  // Half-open, and the last one without an end: the table may have grown since it was measured.
  for (std::int64_t part = 0; part < count; ++part) {
    std::string condition = "ctid >= " + tid(pages * part / count);
    if (part + 1 < count) condition += " AND ctid < " + tid(pages * (part + 1) / count);
    plan.conditions.push_back(std::move(condition));
  }
  co_return plan;
}

Async<types::Schema> PgConnection::DescribeTable(const TableName& table,
                                                 const ExecContext& context) {
  MOLT_CO_ASSIGN(const std::vector<TableColumn> columns, co_await ReadColumns(table, context));
  types::Schema schema;
  for (const TableColumn& column : columns) {
    const Decoder decoder = DecoderFor(column.type, column.typmod, {});
    schema.push_back({column.name, types::Coarse(decoder.type), column.nullable});
  }
  co_return schema;
}

Async<std::vector<std::string>> PgConnection::TableNames(const ExecContext& context) {
  MOLT_CO_ASSIGN(const auto batches, co_await ReadCatalog(kTablesSql, {}, kTablesTypes, context));
  std::vector<std::string> names;
  for (const types::RecordBatchPtr& batch : batches) {
    for (std::int64_t row = 0; row < batch->num_rows; ++row) {
      names.emplace_back(batch->columns[0].BytesAt(row));
    }
  }
  co_return names;
}

}  // namespace molt::db::postgres
