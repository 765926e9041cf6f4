#include "molt/engine/database.h"

#include <exception>
#include <utility>

namespace molt::engine {

Database::Database(std::shared_ptr<db::Pool> pool, DatabaseOptions options)
    : options_(options), pool_(std::move(pool)), cache_(*sql::FindDialect(pool_->DialectName())) {}

Database::~Database() {
  pool_->Close();
  threads_.Join();
  holders_.Join();
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

// Describes the tables of the query that are not known yet.
Async<std::shared_ptr<const query::Catalog>> Database::LoadCatalog(const query::Query& query,
                                                                   const db::ExecContext& context) {
  std::shared_ptr<const query::Catalog> known = CatalogSnapshot();
  std::shared_ptr<query::Catalog> extended;
  db::Lease lease;
  for (const auto& table : query::TablesOf(query)) {
    if (known->contains(table) || (extended && extended->contains(table))) continue;
    if (!extended) {
      extended = std::make_shared<query::Catalog>(*known);
      MOLT_CO_ASSIGN(lease, co_await pool_->Acquire(db::Access::kRead, context));
    }
    // With a name of its own: GCC 12 destroys a braced argument inside co_await twice.
    const db::TableName name{table.first, table.second};
    MOLT_CO_ASSIGN(types::Schema schema, co_await lease->DescribeTable(name, context));
    extended->emplace(table, std::move(schema));
  }
  if (!extended) co_return known;
  const std::lock_guard lock(mutex_);
  catalog_ = extended;
  co_return std::shared_ptr<const query::Catalog>(std::move(extended));
}

Async<Prepared> Database::Prepare(query::Query query, db::ExecContext context) {
  Prepared prepared;
  prepared.compiled = cache_.Find(query);
  if (!prepared.compiled) {
    MOLT_CO_ASSIGN(const auto catalog, co_await LoadCatalog(query, context));
    MOLT_CO_ASSIGN(prepared.compiled, cache_.Compile(query, *catalog));
  }
  MOLT_CO_ASSIGN(prepared.params, sql::BindParams(*prepared.compiled, query));
  co_return prepared;
}

Async<std::unique_ptr<Cursor>> Database::Open(query::Query query, db::BatchLimits limits,
                                              db::ExecContext context) {
  auto cursor = std::make_unique<Cursor>();
  MOLT_CO_ASSIGN(cursor->prepared_, co_await Prepare(query, context));
  MOLT_CO_ASSIGN(cursor->lease_, co_await pool_->Acquire(db::Access::kRead, context));
  auto stream = co_await cursor->lease_->Query(cursor->prepared_.AsStatement(), limits, context);
  if (!stream) {
    // The tables may have changed under a cached catalog: the next try looks again.
    if (stream.error().code == ErrorCode::kInvalidQuery) ForgetCatalog();
    co_return Fail(std::move(stream).error());
  }
  cursor->stream_ = std::move(*stream);
  co_return cursor;
}

Async<Batches> Database::Fetch(query::Query query, bool first_row_only, db::ExecContext context) {
  db::BatchLimits limits;
  if (first_row_only) limits.rows = 1;
  MOLT_CO_ASSIGN(const std::unique_ptr<Cursor> cursor,
                 co_await Open(std::move(query), limits, context));
  Batches batches;
  while (true) {
    MOLT_CO_ASSIGN(types::RecordBatchPtr batch, co_await cursor->Next(context));
    if (!batch) break;
    batches.push_back(std::move(batch));
    if (first_row_only) break;
  }
  co_return batches;
}

std::optional<Result<Batches>> Database::TryFetch(const query::Query& query, bool first_row_only,
                                                  db::ExecContext context) {
  if (!pool_->IsBlocking()) return std::nullopt;
  const std::shared_ptr<const sql::CompiledQuery> compiled = cache_.Find(query);
  if (!compiled || !compiled->trials.TakeTurn()) return std::nullopt;
  context.trial_end = Deadline::After(kTrialTime);
  Result<Batches> result = RunBlocking<Batches>(Fetch(query, first_row_only, std::move(context)));
  if (result) {
    compiled->trials.Succeeded();
    return result;
  }
  switch (result.error().code) {
    case ErrorCode::kTimeout:
      compiled->trials.Failed();
      return std::nullopt;
    case ErrorCode::kBusy:
      return std::nullopt;
    default:
      return result;
  }
}

Async<db::ExecuteResult> Database::Execute(query::Query query, db::ExecContext context) {
  MOLT_CO_ASSIGN(const Prepared prepared, co_await Prepare(query, context));
  MOLT_CO_ASSIGN(const db::Lease lease, co_await pool_->Acquire(db::Access::kWrite, context));
  auto result = co_await lease->Execute(prepared.AsStatement(), context);
  // What was run may have been DDL; knowing for sure is not worth a parser.
  if (query->raw) ForgetCatalog();
  co_return result;
}

Async<std::int64_t> Database::Insert(db::TableName table, std::vector<std::string> columns,
                                     std::shared_ptr<db::BatchSource> rows,
                                     db::ExecContext context) {
  MOLT_CO_ASSIGN(const db::Lease lease, co_await pool_->Acquire(db::Access::kWrite, context));
  co_return co_await lease->Insert(table, columns, *rows, context);
}

Async<std::string> Database::Explain(query::Query query, bool analyze, db::ExecContext context) {
  MOLT_CO_ASSIGN(const Prepared prepared, co_await Prepare(query, context));
  MOLT_CO_ASSIGN(const db::Lease lease, co_await pool_->Acquire(db::Access::kRead, context));
  co_return co_await lease->Explain(prepared.AsStatement(), analyze, context);
}

Async<types::Schema> Database::DescribeTable(db::TableName table, db::ExecContext context) {
  MOLT_CO_ASSIGN(const db::Lease lease, co_await pool_->Acquire(db::Access::kRead, context));
  co_return co_await lease->DescribeTable(table, context);
}

Async<std::vector<std::string>> Database::TableNames(db::ExecContext context) {
  MOLT_CO_ASSIGN(const db::Lease lease, co_await pool_->Acquire(db::Access::kRead, context));
  co_return co_await lease->TableNames(context);
}

}  // namespace molt::engine
