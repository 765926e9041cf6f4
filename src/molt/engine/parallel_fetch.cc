// One query over the parts of a table, read side by side in one snapshot.
#include <atomic>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include <asio/post.hpp>

#include "molt/engine/database.h"
#include "molt/query/plain_scan.h"

namespace molt::engine {

namespace {

// More parts than workers: whoever is done early takes another.
constexpr int kPartsPerWorker = 4;
// A worker that finds no connection at once leaves its share to the others.
constexpr std::chrono::milliseconds kHelperWait{200};

}  // namespace

// What the workers share.
struct Database::ParallelFetch {
  explicit ParallelFetch(query::Query whole) : query(std::move(whole)) {}

  query::Query query;
  std::shared_ptr<const query::Catalog> catalog;
  db::ScanPlan plan;
  RequestContext context;  // of every worker; its token ends all of them
  std::vector<Batches> results;
  std::atomic<std::size_t> next = 0;
  std::mutex mutex;
  std::optional<Error> error;  // the first one
  std::shared_ptr<CancelSource> stop;

  void Fail(Error failure) {
    {
      const std::lock_guard lock(mutex);
      if (!error) error = std::move(failure);
    }
    stop->Cancel();
  }
};

// Reads parts until none is left. The connection is in a transaction with the plan's snapshot.
Async<void> Database::ReadParts(std::shared_ptr<ParallelFetch> fetch, db::Connection& connection) {
  while (true) {
    const std::size_t part = fetch->next++;
    if (part >= fetch->plan.conditions.size()) co_return Status();
    const query::Query query =
        fetch->query.Where(query::Expr::Raw(fetch->plan.conditions[part], {}));
    // Not kept: the conditions are of this one plan.
    MOLT_CO_ASSIGN(const query::BoundQuery bound, query::Bind(query, *fetch->catalog));
    MOLT_CO_ASSIGN(const sql::CompiledQuery compiled, sql::Compile(bound, dialect()));
    MOLT_CO_ASSIGN(const auto params, sql::BindParams(compiled, query));
    const db::Statement statement{compiled.sql, params, compiled.column_types};
    const db::BatchLimits limits;
    MOLT_CO_ASSIGN(const auto stream, co_await connection.Query(statement, limits, fetch->context));
    while (true) {
      MOLT_CO_ASSIGN(types::RecordBatchPtr batch, co_await stream->Next(fetch->context));
      if (!batch) break;
      fetch->results[part].push_back(std::move(batch));
    }
  }
}

// On a thread of its own.
Async<void> Database::HelpRead(std::shared_ptr<ParallelFetch> fetch) {
  db::ExecContext patience = fetch->context;
  patience.deadline = patience.deadline.Earlier(Deadline::After(kHelperWait));
  auto lease = co_await pool_->Acquire(db::Access::kRead, patience);
  if (!lease) co_return Status();
  db::TransactionOptions options{db::Isolation::kRepeatableRead, true, fetch->plan.snapshot};
  MOLT_CO_RETURN_IF_ERROR(co_await (*lease)->Begin(options, fetch->context));
  const Status read = co_await ReadParts(fetch, **lease);
  if (!read) co_return Fail(read.error());
  co_return co_await (*lease)->Control(db::TransactionStep::kRollback, 0, fetch->context);
}

Async<Batches> Database::FetchParallel(query::Query query, int workers, RequestContext context) {
  if (context.transaction) {
    co_return InvalidQuery("parallel reads use connections of their own, so not a transaction's");
  }
  MOLT_CO_RETURN_IF_ERROR(query::CheckPlainScan(query));
  const query::Table& from = *query->from;
  const db::TableName table{from->schema, from->name};
  // Before a connection is held: whoever holds one must not wait for another.
  MOLT_CO_ASSIGN(const auto catalog, co_await LoadCatalog(query, context));
  MOLT_CO_ASSIGN(const db::Lease leader, co_await pool_->Acquire(db::Access::kRead, context));
  const db::TransactionOptions options{db::Isolation::kRepeatableRead, true, {}};
  MOLT_CO_RETURN_IF_ERROR(co_await leader->Begin(options, context));

  auto fetch = std::make_shared<ParallelFetch>(query);
  fetch->catalog = catalog;
  MOLT_CO_ASSIGN(fetch->plan, co_await leader->PlanScan(table, workers * kPartsPerWorker, context));
  fetch->results.resize(fetch->plan.conditions.size());
  fetch->stop =
      std::make_shared<CancelSource>([token = context.cancel] { return token.IsCancelled(); });
  fetch->context = context;
  fetch->context.cancel = fetch->stop->Token();
  std::vector<std::shared_ptr<Event>> ended;
  for (int i = 1; i < workers; ++i) {
    ended.push_back(std::make_shared<Event>());
    asio::post(helpers_.Get(options_.threads), [this, fetch, done = ended.back()] {
      const Status helped = RunBlocking<void>(HelpRead(fetch));
      if (!helped) fetch->Fail(helped.error());
      done->Notify();
    });
  }
  if (const Status read = co_await ReadParts(fetch, *leader); !read) fetch->Fail(read.error());
  for (const std::shared_ptr<Event>& event : ended) {
    co_await Event::Wait(event, context.reactor, {}, {});
  }
  if (fetch->error) {
    // What the others say is that they were stopped.
    co_return Fail(*fetch->error);
  }
  MOLT_CO_RETURN_IF_ERROR(co_await leader->Control(db::TransactionStep::kRollback, 0, context));
  Batches batches;
  for (Batches& part : fetch->results) {
    // An empty part has one batch without rows, of which the result needs one.
    for (types::RecordBatchPtr& batch : part) {
      if (batch->num_rows > 0 || batches.empty()) batches.push_back(std::move(batch));
    }
  }
  co_return batches;
}

}  // namespace molt::engine
