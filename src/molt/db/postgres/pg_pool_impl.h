// The pool itself. Acquiring and giving back are in pg_pool.cc, opening and recovery in
// pg_pool_opening.cc, reads behind one another in pg_pool_pipeline.cc.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <asio/thread_pool.hpp>

#include "molt/db/pool.h"
#include "molt/db/postgres/pg_connection.h"

namespace molt::db::postgres {

using ConnectionPtr = std::unique_ptr<PgConnection>;

// An attempt to connect; 0 is none.
using AttemptId = std::uint64_t;

// What a caller wants a connection for, if that is one read that is taken in at once.
struct WantedRead {
  const Statement& statement;
  const BatchLimits& limits;
};

// One caller who waits for a connection.
struct Waiter {
  const WantedRead* read = nullptr;
  Reactor* reactor = nullptr;
  AttemptId attempt = 0;            // begun for this one
  std::string failure = {};         // of that attempt
  PgConnection* sent_on = nullptr;  // where `read` waits for its turn
  std::shared_ptr<Event> event = std::make_shared<Event>();
  ConnectionPtr connection;  // one of the two, when it has been served
  std::optional<Error> error;
};

class PgPool final : public Pool, private PipelineOwner {
 public:
  explicit PgPool(const PostgresOptions& options)
      : shared_(std::make_shared<SharedState>(options)) {
    shared_->pool = this;
  }
  ~PgPool() override { Shut(); }

  Status Open();

  Async<Lease> Acquire(Access access, const ExecContext& context) override {
    return AcquireFor(nullptr, access, context);
  }
  Async<Lease> AcquireForRead(const Statement& statement, const BatchLimits& limits,
                              const ExecContext& context) override;
  void Close() override;
  [[nodiscard]] PoolUse Use() const override;
  [[nodiscard]] bool IsBlocking() const override { return false; }
  [[nodiscard]] Reactor* BulkReactor() override { return &bulk_.Get(); }
  [[nodiscard]] std::string_view DialectName() const override { return "postgres"; }
  [[nodiscard]] bool IsProcessLocal() const override { return false; }

 protected:
  void GiveBack(std::unique_ptr<Connection> connection, Access access) override;

 private:
  using Lock = std::unique_lock<std::mutex>;
  class Queued;

  Async<Lease> AcquireFor(const WantedRead* read, Access access, const ExecContext& context);
  void FillPipeline(PgConnection& connection) override;
  std::size_t EmptyPipeline(PgConnection& connection) override;
  bool Follow(PgConnection& connection, Waiter& waiter);
  PgConnection* ShortestPipeline(const Reactor* reactor);
  std::size_t EmptyPipelineUnderLock(PgConnection& connection);
  void Await(Waiter& waiter);
  ConnectionPtr TakeIdle(std::vector<ConnectionPtr>& ended);
  // Busy, with the counters. Precondition: the mutex is held.
  [[nodiscard]] Error NoneFree(std::chrono::duration<double> waited,
                               const std::string& failure = {}) const;
  AttemptId StartOpening();
  void OpenOne(AttemptId attempt);
  // Attempts that somebody counts on.
  [[nodiscard]] std::size_t WantedAttempts() const {
    return static_cast<std::size_t>(opening_) - orphans_.size();
  }
  void Gone();
  void GoneUnderLock();
  void Serve(ConnectionPtr connection);
  void StartRecovery(ConnectionPtr connection);
  Async<void> Recover(ConnectionPtr connection);
  void Shut();

  const std::shared_ptr<SharedState> shared_;
  [[nodiscard]] const PostgresOptions& options() const { return shared_->options; }

  mutable std::mutex mutex_;  // guards all that follows up to the next empty line
  bool closed_ = false;
  int open_ = 0;  // idle, leased, recovering, or being opened
  int opening_ = 0;
  std::uint64_t waits_ = 0;  // see PoolUse
  AttemptId last_attempt_ = 0;
  // Begun for callers who have given up. They may still succeed, but who comes later neither relies
  // on them nor is told of their failure: what keeps them may be over.
  std::set<AttemptId> orphans_;
  std::vector<ConnectionPtr> idle_;  // the one used last is used next: its caches are warm
  std::deque<Waiter*> waiting_;      // first come, first served
  // Connections that answer a read which others may follow, and the reactor it waits in.
  std::vector<std::pair<PgConnection*, Reactor*>> answering_;
  std::unique_ptr<asio::thread_pool> openers_;

  int recovering_ = 0;
  std::condition_variable recovered_;

  CancelSource closing_;  // ends attempts to connect
  ReactorThread recovery_;
  ReactorThread bulk_;
  asio::execution_context inline_context_;
};

}  // namespace molt::db::postgres
