// One database: its pool, its dialect, what is known of its tables, and the compiled form of the
// queries it has seen. Used in-process, and by the worker for each of its aliases.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include <asio/co_spawn.hpp>
#include <asio/thread_pool.hpp>

#include "molt/base/async.h"
#include "molt/base/inline_executor.h"
#include "molt/db/pool.h"
#include "molt/engine/native_statements.h"
#include "molt/engine/reads_together.h"
#include "molt/engine/source.h"
#include "molt/engine/transaction.h"
#include "molt/query/binder.h"
#include "molt/sql/compile_cache.h"

namespace molt::engine {

// SQL with its values, ready to be sent.
struct Prepared {
  std::shared_ptr<const sql::CompiledQuery> compiled;
  std::vector<types::Value> params;

  [[nodiscard]] db::Statement AsStatement() const {
    return {compiled->sql, params, compiled->column_types};
  }
};

// A connection for one request: leased for it, or a transaction's.
class Held {
 public:
  Held() = default;
  explicit Held(db::Lease lease) : lease_(std::move(lease)) {}
  explicit Held(Transaction::Use use) : use_(std::move(use)) {}
  db::Connection* operator->() const {
    return use_.IsEmpty() ? lease_.operator->() : use_.operator->();
  }

 private:
  db::Lease lease_;
  Transaction::Use use_;
};

// A running query: its rows, and all that must outlive them. Ends the query when destroyed.
class Cursor {
 public:
  // See db::BatchStream::Next.
  Async<types::RecordBatchPtr> Next(const db::ExecContext& context) {
    return stream_->Next(context);
  }
  [[nodiscard]] bool IsAtEnd() const { return stream_->IsAtEnd(); }

 private:
  friend class Database;
  // In this order: the stream ends before the connection goes back, the text after both.
  Prepared prepared_;
  Held connection_;
  std::unique_ptr<db::BatchStream> stream_;
};

// The cursor's next batch; keeps the cursor alive until it has come.
inline Async<types::RecordBatchPtr> NextBatch(std::shared_ptr<Cursor> cursor,
                                              RequestContext context) {
  co_return co_await cursor->Next(context);
}

using Batches = std::vector<types::RecordBatchPtr>;

// On the thread of an event loop a result may take so much memory; more is received and decoded
// elsewhere.
inline constexpr std::size_t kLoopBytesMax = std::size_t{128} << 10;

struct DatabaseOptions {
  // Applies where a request has no deadline of its own.
  std::optional<std::chrono::duration<double>> timeout;
  // Threads for a blocking driver; made when the first request needs them.
  std::size_t threads = 5;
  // How long a trial on an event loop's thread may take.
  std::chrono::microseconds trial_time{100};
};

// Threads made when first needed.
class LazyThreads {
 public:
  asio::thread_pool& Get(std::size_t count) {
    std::call_once(once_, [&] { threads_ = std::make_unique<asio::thread_pool>(count); });
    return *threads_;
  }
  void Join() {
    if (threads_) threads_->join();
  }

 private:
  std::once_flag once_;
  std::unique_ptr<asio::thread_pool> threads_;
};

// If owned by a shared_ptr, kept alive by its requests; otherwise it must outlive them.
class Database : public std::enable_shared_from_this<Database> {
 public:
  // Precondition: sql::FindDialect knows the pool's dialect.
  Database(std::shared_ptr<db::Pool> pool, DatabaseOptions options);
  ~Database() { Shutdown(); }

  // Requests: lazy coroutines, run by RunBlocking or Submit below.

  // All batches (at least one), or with `first_row_only` at most one row.
  Async<Batches> Fetch(Source source, bool first_row_only, RequestContext context);
  // All batches of a plain scan (query/plain_scan.h), read on `workers` connections and threads at
  // most, this one included; they all see one snapshot. For a thread that may block.
  Async<Batches> FetchParallel(query::Query query, int workers, RequestContext context);
  Async<std::unique_ptr<Cursor>> Open(Source source, db::BatchLimits limits,
                                      RequestContext context);
  // The same for a result that is taken in at once, with nothing else between.
  Async<std::unique_ptr<Cursor>> OpenAtOnce(Source source, db::BatchLimits limits,
                                            RequestContext context);
  Async<db::ExecuteResult> Execute(Source source, RequestContext context);
  // Queries of one structure with different values, all or nothing.
  Async<db::ExecuteResult> ExecuteMany(std::vector<query::Query> queries, RequestContext context);
  // A statement in the engine's own SQL, once for each set of values, all or nothing.
  Async<db::ExecuteResult> ExecuteSets(std::string sql, db::ParamSets sets, RequestContext context);
  Async<std::int64_t> Insert(db::TableName table, std::vector<std::string> columns,
                             std::shared_ptr<db::BatchSource> rows, RequestContext context);
  Async<std::string> Explain(Source source, bool analyze, RequestContext context);
  Async<types::Schema> DescribeTable(db::TableName table, RequestContext context);
  Async<std::vector<std::string>> TableNames(RequestContext context);
  Async<std::shared_ptr<Transaction>> Begin(db::TransactionOptions options, RequestContext context);
  // Of the context's transaction. kCommit and kRollback end it, even if they fail.
  Async<void> Control(db::TransactionStep step, int depth, RequestContext context);
  // Compiles without running; reads the catalog if it must.
  Async<Prepared> Prepare(Source source, RequestContext context);
  // If the context waits in an event loop, goes on in the pool's BulkReactor instead.
  asio::awaitable<void> LeaveLoop(RequestContext& context);

  // Running them.

  // On the calling thread, which blocks. Precondition: the request's context has no reactor.
  template <class T>
  Result<T> RunBlocking(Async<T> request) {
    std::optional<Result<T>> outcome;
    asio::co_spawn(InlineExecutor(inline_context_), std::move(request),
                   [&](const std::exception_ptr& failure, Result<T> result) {
                     outcome = failure ? FromException<T>(failure) : std::move(result);
                   });
    return std::move(*outcome);
  }

  // A read on the calling thread, which must not block: an event loop's. Nothing if the source has
  // not been seen before, took too long the last times, must wait for anything, or is not done
  // within the trial time; then it has had no effect and is to be submitted. Most small queries
  // take less time than waking another thread does. `make(context)` gives the request. It may see
  // the state that `together` sees.
  template <class T, class Make>
  std::optional<Result<T>> Try(const Source& source, RequestContext context, const Make& make,
                               ReadsTogether& together) {
    if (!pool_->IsBlocking() || context.transaction) return std::nullopt;
    const std::shared_ptr<const sql::CompiledQuery> compiled = FindCompiled(source);
    if (!compiled || !compiled->trials.TakeTurn()) return std::nullopt;
    context.trial = TrialTime::Of(options_.trial_time);
    context.transaction = together.For(*this, context.trial);
    Result<T> result = RunBlocking<T>(make(context));
    if (result) {
      compiled->trials.Succeeded();
      return result;
    }
    together.End(*this);
    if (result.error().code == ErrorCode::kTimeout) {
      compiled->trials.Failed();
      return std::nullopt;
    }
    if (result.error().code == ErrorCode::kBusy) return std::nullopt;
    return result;
  }
  std::optional<Result<Batches>> TryFetch(const query::Query& query, bool first_row_only,
                                          RequestContext context) {
    ReadsTogether alone(false);
    const auto make = [&](const RequestContext& trial) {
      return Fetch(query, first_row_only, trial);
    };
    return Try<Batches>(query, std::move(context), make, alone);
  }

  // Whether requests wait without blocking their thread, if their context has a reactor.
  [[nodiscard]] bool IsAsynchronous() const { return !pool_->IsBlocking(); }

  // On the database's threads; `done` is called there. Requests that hold a connection have threads
  // of their own: they would never be done if all threads waited for what they hold.
  template <class T>
  void Submit(Async<T> request, std::function<void(Result<T>)> done,
              bool holds_connection = false) {
    asio::co_spawn((holds_connection ? holders_ : threads_).Get(options_.threads),
                   std::move(request), WhenDone(std::move(done)));
  }
  // On the calling thread, as far as it goes without waiting; then on the thread of its context's
  // reactor, and of BulkReactor() if its result is large. `done` is called on any of these.
  template <class T>
  void Spawn(Async<T> request, std::function<void(Result<T>)> done) {
    asio::co_spawn(InlineExecutor(inline_context_), std::move(request), WhenDone(std::move(done)));
  }

  // Closes it and waits for what was submitted. The destructor does so too, but then it must not
  // run on the thread of a request.
  void Shutdown();

  // Later requests get Closed.
  void Close();

  [[nodiscard]] const sql::Dialect& dialect() const { return cache_.dialect(); }
  [[nodiscard]] bool IsProcessLocal() const { return pool_->IsProcessLocal(); }
  // The context with this database's own timeout added.
  [[nodiscard]] db::ExecContext WithDefaults(db::ExecContext context) const;

 private:
  template <class T>
  auto WhenDone(std::function<void(Result<T>)> done) {
    return [self = weak_from_this().lock(), done = std::move(done)](
               const std::exception_ptr& failure, Result<T> result) {
      done(failure ? FromException<T>(failure) : std::move(result));
    };
  }
  struct ParallelFetch;
  Async<void> ReadParts(std::shared_ptr<ParallelFetch> fetch, db::Connection& connection);
  Async<void> HelpRead(std::shared_ptr<ParallelFetch> fetch);
  Async<std::unique_ptr<Cursor>> OpenFor(Source source, db::BatchLimits limits, bool at_once,
                                         RequestContext context);
  // The compiled form if there is one already, else nullptr.
  std::shared_ptr<const sql::CompiledQuery> FindCompiled(const Source& source);
  Async<Held> Hold(db::Access access, const RequestContext& context);
  Async<std::shared_ptr<const query::Catalog>> LoadCatalog(const query::Query& query,
                                                           const RequestContext& context);
  std::shared_ptr<const query::Catalog> CatalogSnapshot();
  void ForgetCatalog();

  static Error DescribeException(const std::exception_ptr& failure);
  template <class T>
  static Result<T> FromException(const std::exception_ptr& failure) {
    return Fail(DescribeException(failure));
  }

  const DatabaseOptions options_;
  std::shared_ptr<db::Pool> pool_;
  sql::CompileCache cache_;
  NativeStatements natives_;
  std::mutex mutex_;
  std::shared_ptr<const query::Catalog> catalog_ = std::make_shared<const query::Catalog>();
  asio::execution_context inline_context_;
  LazyThreads threads_;
  LazyThreads holders_;
  LazyThreads helpers_;
};

}  // namespace molt::engine
