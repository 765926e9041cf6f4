#include "molt/engine/database.h"

#include <exception>
#include <utility>

namespace molt::engine {

Database::Database(std::shared_ptr<db::Pool> pool, DatabaseOptions options)
    : options_(options), pool_(std::move(pool)), cache_(*sql::FindDialect(pool_->DialectName())) {}

void Database::Shutdown() {
  pool_->Close();
  threads_.Join();
  holders_.Join();
  helpers_.Join();
}

void Database::Close() { pool_->Close(); }

db::ExecContext Database::WithDefaults(db::ExecContext context) const {
  if (options_.timeout && !context.deadline.IsSet()) {
    context.deadline = Deadline::After(*options_.timeout);
  }
  return context;
}

Error Database::DescribeException(const std::exception_ptr& failure) {
  try {
    std::rethrow_exception(failure);
  } catch (const std::bad_alloc&) {
    return {ErrorCode::kDatabase, "out of memory", {}, false};
  } catch (const std::exception& e) {
    return {ErrorCode::kInternal, e.what(), {}, false};
  } catch (...) {
    return {ErrorCode::kInternal, "an unknown exception", {}, false};
  }
}

std::shared_ptr<const query::Catalog> Database::CatalogSnapshot() {
  const std::lock_guard lock(mutex_);
  return catalog_;
}

void Database::ForgetCatalog() {
  const std::lock_guard lock(mutex_);
  catalog_ = std::make_shared<const query::Catalog>();
  cache_.Clear();
}

Async<Held> Database::Hold(db::Access access, const RequestContext& context) {
  if (context.transaction) {
    MOLT_CO_ASSIGN(Transaction::Use use, Transaction::Take(context.transaction));
    co_return Held(std::move(use));
  }
  MOLT_CO_ASSIGN(db::Lease lease, co_await pool_->Acquire(access, context));
  co_return Held(std::move(lease));
}

// Describes the tables of the query that are not known yet.
Async<std::shared_ptr<const query::Catalog>> Database::LoadCatalog(const query::Query& query,
                                                                   const RequestContext& context) {
  std::shared_ptr<const query::Catalog> known = CatalogSnapshot();
  std::shared_ptr<query::Catalog> extended;
  std::optional<Held> held;
  for (const auto& table : query::TablesOf(query)) {
    if (known->contains(table) || (extended && extended->contains(table))) continue;
    if (!extended) {
      extended = std::make_shared<query::Catalog>(*known);
      MOLT_CO_ASSIGN(held, co_await Hold(db::Access::kRead, context));
    }
    // With a name of its own: GCC 12 destroys a braced argument inside co_await twice.
    const db::TableName name{table.first, table.second};
    MOLT_CO_ASSIGN(types::Schema schema, co_await (*held)->DescribeTable(name, context));
    extended->emplace(table, std::move(schema));
  }
  if (!extended) co_return known;
  const std::lock_guard lock(mutex_);
  catalog_ = extended;
  co_return std::shared_ptr<const query::Catalog>(std::move(extended));
}

std::shared_ptr<const sql::CompiledQuery> Database::FindCompiled(const Source& source) {
  if (const auto* native = std::get_if<NativeSql>(&source)) return natives_.Get(*native);
  return cache_.Find(std::get<query::Query>(source));
}

Async<Prepared> Database::Prepare(Source source, RequestContext context) {
  Prepared prepared;
  prepared.compiled = FindCompiled(source);
  if (auto* native = std::get_if<NativeSql>(&source)) {
    prepared.params = std::move(native->params);
    co_return prepared;
  }
  const query::Query& query = std::get<query::Query>(source);
  if (!prepared.compiled) {
    MOLT_CO_ASSIGN(const auto catalog, co_await LoadCatalog(query, context));
    MOLT_CO_ASSIGN(prepared.compiled, cache_.Compile(query, *catalog));
  }
  MOLT_CO_ASSIGN(prepared.params, sql::BindParams(*prepared.compiled, query));
  co_return prepared;
}

Async<std::unique_ptr<Cursor>> Database::Open(Source source, db::BatchLimits limits,
                                              RequestContext context) {
  return OpenFor(std::move(source), limits, false, std::move(context));
}

Async<std::unique_ptr<Cursor>> Database::OpenAtOnce(Source source, db::BatchLimits limits,
                                                    RequestContext context) {
  return OpenFor(std::move(source), limits, true, std::move(context));
}

Async<std::unique_ptr<Cursor>> Database::OpenFor(Source source, db::BatchLimits limits,
                                                 bool at_once, RequestContext context) {
  auto cursor = std::make_unique<Cursor>();
  MOLT_CO_ASSIGN(cursor->prepared_, co_await Prepare(std::move(source), context));
  const db::Statement statement = cursor->prepared_.AsStatement();
  if (at_once && !context.transaction) {
    MOLT_CO_ASSIGN(db::Lease lease, co_await pool_->AcquireForRead(statement, limits, context));
    cursor->connection_ = Held(std::move(lease));
  } else {
    MOLT_CO_ASSIGN(cursor->connection_, co_await Hold(db::Access::kRead, context));
  }
  auto stream = co_await cursor->connection_->Query(statement, limits, context);
  if (!stream) {
    // The tables may have changed under a cached catalog: the next try looks again.
    if (stream.error().code == ErrorCode::kInvalidQuery) ForgetCatalog();
    co_return Fail(std::move(stream).error());
  }
  cursor->stream_ = std::move(*stream);
  co_return cursor;
}

asio::awaitable<void> Database::LeaveLoop(RequestContext& context) {
  if (context.reactor == nullptr || context.reactor == pool_->BulkReactor()) co_return;
  context.reactor = pool_->BulkReactor();
  co_await SwitchTo(*context.reactor);
}

Async<Batches> Database::Fetch(Source source, bool first_row_only, RequestContext context) {
  db::BatchLimits limits;
  if (first_row_only) limits.rows = limits.rows_in_all = 1;
  if (context.reactor != nullptr) limits.first_bytes = kLoopBytesMax;
  MOLT_CO_ASSIGN(const std::unique_ptr<Cursor> cursor,
                 co_await OpenAtOnce(std::move(source), limits, context));
  Batches batches;
  while (true) {
    MOLT_CO_ASSIGN(types::RecordBatchPtr batch, co_await cursor->Next(context));
    if (!batch) break;
    batches.push_back(std::move(batch));
    if (first_row_only || cursor->IsAtEnd()) break;
    co_await LeaveLoop(context);
  }
  co_return batches;
}

Async<db::ExecuteResult> Database::Execute(Source source, RequestContext context) {
  const auto* query = std::get_if<query::Query>(&source);
  const bool is_raw = query == nullptr || !(*query)->raw.IsEmpty();
  MOLT_CO_ASSIGN(const Prepared prepared, co_await Prepare(std::move(source), context));
  MOLT_CO_ASSIGN(const Held held, co_await Hold(db::Access::kWrite, context));
  auto result = co_await held->Execute(prepared.AsStatement(), context);
  // What was run may have been DDL; knowing for sure is not worth a parser.
  if (is_raw) ForgetCatalog();
  co_return result;
}

Async<db::ExecuteResult> Database::ExecuteMany(std::vector<query::Query> queries,
                                               RequestContext context) {
  db::ParamSets sets;
  std::string sql;
  for (const query::Query& query : queries) {
    MOLT_CO_ASSIGN(Prepared prepared, co_await Prepare(query, context));
    if (sets.empty()) sql = prepared.compiled->sql;
    if (prepared.compiled->sql != sql) {
      co_return InvalidQuery("row " + std::to_string(sets.size() + 1) +
                             " makes another statement than the rows before it");
    }
    sets.push_back(std::move(prepared.params));
  }
  if (sets.empty()) co_return db::ExecuteResult{};
  co_return co_await ExecuteSets(std::move(sql), std::move(sets), std::move(context));
}

Async<db::ExecuteResult> Database::ExecuteSets(std::string sql, db::ParamSets sets,
                                               RequestContext context) {
  MOLT_CO_ASSIGN(const Held held, co_await Hold(db::Access::kWrite, context));
  co_return co_await held->ExecuteMany(sql, sets, context);
}

Async<std::int64_t> Database::Insert(db::TableName table, std::vector<std::string> columns,
                                     std::shared_ptr<db::BatchSource> rows,
                                     RequestContext context) {
  MOLT_CO_ASSIGN(const Held held, co_await Hold(db::Access::kWrite, context));
  co_return co_await held->Insert(table, columns, *rows, context);
}

Async<std::string> Database::Explain(Source source, bool analyze, RequestContext context) {
  MOLT_CO_ASSIGN(const Prepared prepared, co_await Prepare(std::move(source), context));
  MOLT_CO_ASSIGN(const Held held, co_await Hold(db::Access::kRead, context));
  co_return co_await held->Explain(prepared.AsStatement(), analyze, context);
}

Async<types::Schema> Database::DescribeTable(db::TableName table, RequestContext context) {
  MOLT_CO_ASSIGN(const Held held, co_await Hold(db::Access::kRead, context));
  co_return co_await held->DescribeTable(table, context);
}

Async<std::vector<std::string>> Database::TableNames(RequestContext context) {
  MOLT_CO_ASSIGN(const Held held, co_await Hold(db::Access::kRead, context));
  co_return co_await held->TableNames(context);
}

Async<std::shared_ptr<Transaction>> Database::Begin(db::TransactionOptions options,
                                                    RequestContext context) {
  const auto access = options.read_only ? db::Access::kRead : db::Access::kWrite;
  MOLT_CO_ASSIGN(db::Lease lease, co_await pool_->Acquire(access, context));
  MOLT_CO_RETURN_IF_ERROR(co_await lease->Begin(options, context));
  co_return std::make_shared<Transaction>(std::move(lease));
}

Async<void> Database::Control(db::TransactionStep step, int depth, RequestContext context) {
  MOLT_CO_ASSIGN(Transaction::Use use, Transaction::Take(context.transaction));
  if (step == db::TransactionStep::kCommit || step == db::TransactionStep::kRollback) use.End();
  co_return co_await use->Control(step, depth, context);
}

}  // namespace molt::engine
