#include "molt/db/worker/worker_connection.h"

#include <deque>
#include <utility>

#include "molt/db/worker/requests.h"

namespace molt::db::worker {

namespace {

// Parts of about a megabyte: enough that the worker is not kept waiting.
constexpr std::uint32_t kWindow = 4;

client::Patience PatienceOf(const ExecContext& context) {
  return {context.deadline, context.cancel, context.reactor};
}

class WorkerStream final : public BatchStream {
 public:
  explicit WorkerStream(std::unique_ptr<client::Call> call) : call_(std::move(call)) {}

  // Until there is a batch, or the end.
  Async<void> Fill(const ExecContext& context) {
    while (batches_.empty() && !is_last_) {
      MOLT_CO_ASSIGN(const client::Reply reply, co_await call_->Next(PatienceOf(context)));
      is_last_ = reply.is_last;
      // The last one of several may have nothing more to say.
      if (reply.payload.empty() && is_last_ && has_begun_) break;
      has_begun_ = true;
      std::vector<types::RecordBatchPtr> batches;
      MOLT_CO_RETURN_IF_ERROR(decoder_.Add(reply.payload, batches));
      batches_.insert(batches_.end(), batches.begin(), batches.end());
    }
    co_return Status();
  }

  Async<types::RecordBatchPtr> Next(const ExecContext& context) override {
    MOLT_CO_RETURN_IF_ERROR(co_await Fill(context));
    if (batches_.empty()) co_return nullptr;
    types::RecordBatchPtr batch = std::move(batches_.front());
    batches_.pop_front();
    co_return batch;
  }
  [[nodiscard]] bool IsAtEnd() const override { return is_last_ && batches_.empty(); }

 private:
  std::unique_ptr<client::Call> call_;
  codec::ColumnsDecoder decoder_;
  std::deque<types::RecordBatchPtr> batches_;
  bool has_begun_ = false;
  bool is_last_ = false;
};

client::CallSpec SpecOf(std::string entry, std::string payload) {
  client::CallSpec spec;
  spec.entry = std::move(entry);
  spec.payload = std::move(payload);
  return spec;
}

Result<types::Document> MapOf(const client::Reply& reply) {
  auto document = types::ParseMsgPack(reply.payload);
  if (!document || document->AsMap() == nullptr) {
    return Protocol("the worker's reply is not the map it should be");
  }
  return document;
}

auto NeedsConnection(std::string_view what) {
  return Unsupported(std::string(what) +
                     " needs a connection of its own, which a worker does not lend: connect to "
                     "the database itself for it");
}

}  // namespace

Async<std::unique_ptr<BatchStream>> WorkerConnection::Query(const Statement& statement,
                                                            const BatchLimits& limits,
                                                            const ExecContext& context) {
  client::CallSpec spec = SpecOf("db_query", QueryPayload(alias_, statement, limits));
  spec.window = kWindow;
  MOLT_CO_ASSIGN(auto call,
                 co_await client::Client::Begin(client_, std::move(spec), PatienceOf(context)));
  auto stream = std::make_unique<WorkerStream>(std::move(call));
  MOLT_CO_RETURN_IF_ERROR(co_await stream->Fill(context));
  co_return stream;
}

Async<ExecuteResult> WorkerConnection::Write(std::string payload, const ExecContext& context) {
  client::CallSpec spec = SpecOf("db_exec", std::move(payload));
  spec.is_read = false;
  MOLT_CO_ASSIGN(const client::Reply reply,
                 co_await client::Client::Ask(client_, std::move(spec), PatienceOf(context)));
  MOLT_CO_ASSIGN(const types::Document map, MapOf(reply));
  const types::Document* rows = map.Find("rows_affected");
  const types::Document* id = map.Find("last_insert_id");
  if (rows == nullptr || !rows->AsInt64()) {
    co_return Protocol("the worker's reply does not say how many rows were written");
  }
  ExecuteResult result;
  result.rows_affected = *rows->AsInt64();
  if (id != nullptr) result.last_insert_id = id->AsInt64();
  co_return result;
}

Async<ExecuteResult> WorkerConnection::Execute(const Statement& statement,
                                               const ExecContext& context) {
  return Write(ExecPayload(alias_, statement), context);
}

Async<ExecuteResult> WorkerConnection::ExecuteMany(std::string_view sql, const ParamSets& sets,
                                                   const ExecContext& context) {
  return Write(ExecManyPayload(alias_, sql, sets), context);
}

Async<types::Schema> WorkerConnection::DescribeTable(const TableName& table,
                                                     const ExecContext& context) {
  client::CallSpec spec = SpecOf("db_describe", DescribePayload(alias_, table));
  MOLT_CO_ASSIGN(const client::Reply reply,
                 co_await client::Client::Ask(client_, std::move(spec), PatienceOf(context)));
  codec::ColumnsDecoder decoder;
  std::vector<types::RecordBatchPtr> batches;
  MOLT_CO_RETURN_IF_ERROR(decoder.Add(reply.payload, batches));
  if (batches.empty()) co_return Protocol("the worker's reply does not describe the table");
  co_return *batches.front()->schema;
}

Async<std::vector<std::string>> WorkerConnection::TableNames(const ExecContext& context) {
  client::CallSpec spec = SpecOf("db_tables", AliasPayload(alias_));
  MOLT_CO_ASSIGN(const client::Reply reply,
                 co_await client::Client::Ask(client_, std::move(spec), PatienceOf(context)));
  MOLT_CO_ASSIGN(const types::Document map, MapOf(reply));
  const types::Document* tables = map.Find("tables");
  if (tables == nullptr || tables->AsArray() == nullptr) {
    co_return Protocol("the worker's reply does not name the tables");
  }
  std::vector<std::string> names;
  for (const types::Document& name : *tables->AsArray()) {
    if (name.AsString() == nullptr) co_return Protocol("a table's name is not a string");
    names.push_back(*name.AsString());
  }
  co_return names;
}

Async<std::string> WorkerConnection::Explain(const Statement& statement, bool analyze,
                                             const ExecContext& context) {
  client::CallSpec spec = SpecOf("db_explain", ExplainPayload(alias_, statement, analyze));
  MOLT_CO_ASSIGN(const client::Reply reply,
                 co_await client::Client::Ask(client_, std::move(spec), PatienceOf(context)));
  MOLT_CO_ASSIGN(const types::Document map, MapOf(reply));
  const types::Document* plan = map.Find("plan");
  if (plan == nullptr || plan->AsString() == nullptr) {
    co_return Protocol("the worker's reply has no plan");
  }
  co_return *plan->AsString();
}

Async<std::int64_t> WorkerConnection::Insert(const TableName& /*table*/,
                                             const std::vector<std::string>& /*columns*/,
                                             BatchSource& /*source*/,
                                             const ExecContext& /*context*/) {
  co_return NeedsConnection("inserting in bulk");
}

Async<void> WorkerConnection::Begin(const TransactionOptions& /*options*/,
                                    const ExecContext& /*context*/) {
  co_return NeedsConnection("a transaction");
}

Async<void> WorkerConnection::Control(TransactionStep /*step*/, int /*depth*/,
                                      const ExecContext& /*context*/) {
  co_return NeedsConnection("a transaction");
}

Async<ScanPlan> WorkerConnection::PlanScan(const TableName& /*table*/, int /*parts*/,
                                           const ExecContext& /*context*/) {
  co_return NeedsConnection("reading a table in parts");
}

}  // namespace molt::db::worker
