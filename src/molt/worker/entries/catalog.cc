// db_tables, db_describe and db_explain: what a client that compiles queries itself asks for.
#include <utility>

#include "molt/codec/encoder.h"
#include "molt/types/column_builder.h"
#include "molt/worker/entry.h"
#include "molt/worker/fields.h"
#include "molt/worker/run_query.h"
#include "molt/worker/server.h"

namespace molt::worker {

namespace {

using types::Document;

Result<Alias*> AliasOf(const Document& payload, const Offer& offer) {
  MOLT_ASSIGN(auto name, Text(payload, "db_alias"));
  return offer.FindAlias(name.value_or("default"));
}

// A result of these columns without rows.
types::RecordBatchPtr EmptyBatch(types::Schema schema) {
  auto batch = std::make_shared<types::RecordBatch>();
  for (const types::Field& field : schema) {
    batch->columns.push_back(types::ColumnBuilder(field.type).Finish());
  }
  batch->schema = std::make_shared<const types::Schema>(std::move(schema));
  return batch;
}

// `make(context)` gives the request.
template <class T, class Make>
Async<T> RunOnAlias(CallPtr call, Alias& alias, Make make) {
  const engine::RequestContext context = ContextOn(*call, alias);
  auto pass = co_await alias.gate.Enter(context.deadline, context.cancel);
  if (!pass) co_return Fail(std::move(pass).error());
  co_return co_await call->server.RunOn<T>(alias, std::move(*pass), make(context), context, true);
}

}  // namespace

Async<Answer> RunDbTables(CallPtr call) {
  MOLT_CO_ASSIGN(const Document payload, ReadPayload(*call));
  MOLT_CO_ASSIGN(Alias * alias, AliasOf(payload, *call->offer));
  const auto make = [alias](const engine::RequestContext& context) {
    return alias->database->TableNames(context);
  };
  MOLT_CO_ASSIGN(const auto names,
                 co_await RunOnAlias<std::vector<std::string>>(call, *alias, make));
  Document::Array tables;
  for (const std::string& name : names) tables.emplace_back(name);
  co_return DocumentAnswer(*call, Document::Map{{"tables", Document(std::move(tables))}});
}

Async<Answer> RunDbDescribe(CallPtr call) {
  MOLT_CO_ASSIGN(const Document payload, ReadPayload(*call));
  MOLT_CO_ASSIGN(Alias * alias, AliasOf(payload, *call->offer));
  MOLT_CO_ASSIGN(auto schema, Text(payload, "schema"));
  MOLT_CO_ASSIGN(auto table, Text(payload, "table"));
  if (!table) co_return InvalidQuery("\"table\" is missing");
  const db::TableName name{std::move(schema).value_or(""), std::move(*table)};
  const auto make = [alias, &name](const engine::RequestContext& context) {
    return alias->database->DescribeTable(name, context);
  };
  MOLT_CO_ASSIGN(types::Schema described, co_await RunOnAlias<types::Schema>(call, *alias, make));
  const auto encoder = codec::MakeEncoder(codec::ResultFormat::kColumns);
  MOLT_CO_RETURN_IF_ERROR(encoder->Add(EmptyBatch(std::move(described))));
  MOLT_CO_RETURN_IF_ERROR(encoder->Finish());
  co_return Answer{CodecOf(codec::ResultFormat::kColumns), encoder->Take()};
}

Async<Answer> RunDbExplain(CallPtr call) {
  MOLT_CO_ASSIGN(const Document payload, ReadPayload(*call));
  MOLT_CO_ASSIGN(QueryInput input, ReadQueryInput(payload, *call->offer));
  MOLT_CO_ASSIGN(const bool analyze, Flag(payload, "analyze"));
  const auto make = [&input, analyze](const engine::RequestContext& context) {
    return input.alias->database->Explain(std::move(input.source), analyze, context);
  };
  MOLT_CO_ASSIGN(const std::string plan,
                 co_await RunOnAlias<std::string>(call, *input.alias, make));
  co_return DocumentAnswer(*call, Document::Map{{"plan", Document(plan)}});
}

}  // namespace molt::worker
