#include "molt/db/worker/requests.h"

#include <limits>

#include "molt/codec/columns_format.h"
#include "molt/types/msgpack_out.h"

namespace molt::db::worker {

namespace {

using types::MsgPackOut;

// Values as columns_value.cc has them: they come out on the other side as they were here.
void PutParams(std::span<const types::Value> params, MsgPackOut& out) {
  std::string values;
  codec::ColumnsWriter writer(values);
  for (const types::Value& value : params) writer.Value(value);
  out.String("params");
  out.Map(2);
  out.String("mode");
  out.String("encoded");
  out.String("values");
  out.Binary(values);
}

void PutText(std::string_view key, std::string_view text, MsgPackOut& out) {
  out.String(key);
  out.String(text);
}

// A type with parameters of its own is known better on the other side.
std::string_view NameOf(const types::LogicalType& type) {
  switch (type.id) {
    case types::TypeId::kDecimal128:
    case types::TypeId::kList:
    case types::TypeId::kRange:
    case types::TypeId::kOther:
      return types::TypeName(types::TypeId::kUnknown);
    default:
      return types::TypeName(type);
  }
}

void PutStatement(std::string_view alias, const Statement& statement, MsgPackOut& out) {
  PutText("db_alias", alias, out);
  PutText("sql", statement.sql, out);
  PutParams(statement.params, out);
  out.String("column_types");
  out.Array(statement.column_types.size());
  for (const types::LogicalType& type : statement.column_types) out.String(NameOf(type));
}
constexpr std::size_t kStatementFields = 4;

}  // namespace

std::string QueryPayload(std::string_view alias, const Statement& statement,
                         const BatchLimits& limits) {
  std::string payload;
  MsgPackOut out(payload);
  out.Map(kStatementFields + (limits.rows ? 3 : 2));
  PutStatement(alias, statement, out);
  PutText("result_format", "columns", out);
  out.String("max_rows");
  out.Int(limits.rows_in_all > 0 ? limits.rows_in_all : std::numeric_limits<std::int64_t>::max());
  if (limits.rows) {
    out.String("batch_rows");
    out.Int(*limits.rows);
  }
  return payload;
}

std::string ExecPayload(std::string_view alias, const Statement& statement) {
  std::string payload;
  MsgPackOut out(payload);
  out.Map(kStatementFields + 2);
  PutStatement(alias, statement, out);
  PutText("result_format", "msgpack", out);
  out.String("allow_write");
  out.Bool(true);
  return payload;
}

std::string ExecManyPayload(std::string_view alias, std::string_view sql, const ParamSets& sets) {
  std::string payload;
  MsgPackOut out(payload);
  out.Map(5);
  PutText("db_alias", alias, out);
  PutText("sql", sql, out);
  PutText("result_format", "msgpack", out);
  out.String("allow_write");
  out.Bool(true);
  std::string values;
  codec::ColumnsWriter writer(values);
  for (const auto& set : sets) {
    writer.Number(static_cast<std::uint32_t>(set.size()));
    for (const types::Value& value : set) writer.Value(value);
  }
  out.String("param_sets");
  out.Binary(values);
  return payload;
}

std::string ExplainPayload(std::string_view alias, const Statement& statement, bool analyze) {
  std::string payload;
  MsgPackOut out(payload);
  out.Map(kStatementFields + 1);
  PutStatement(alias, statement, out);
  out.String("analyze");
  out.Bool(analyze);
  return payload;
}

std::string DescribePayload(std::string_view alias, const TableName& table) {
  std::string payload;
  MsgPackOut out(payload);
  out.Map(3);
  PutText("db_alias", alias, out);
  PutText("schema", table.schema, out);
  PutText("table", table.name, out);
  return payload;
}

std::string AliasPayload(std::string_view alias) {
  std::string payload;
  MsgPackOut out(payload);
  out.Map(1);
  PutText("db_alias", alias, out);
  return payload;
}

}  // namespace molt::db::worker
