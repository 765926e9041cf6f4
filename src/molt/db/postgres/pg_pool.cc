#include "molt/db/postgres/pg_pool.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <utility>

#include "molt/db/postgres/pg_pool_impl.h"

namespace molt::db::postgres {

namespace {

using Clock = Deadline::Clock;

// How long the end of a pool waits for recoveries: their cancel requests should reach the server.
constexpr Seconds kLastRecoveryTime{1};
// After so long without use, it is looked whether the server has left.
constexpr auto kDoubtAfter = std::chrono::milliseconds(100);

auto PoolClosed() { return Closed("the database is closed"); }

}  // namespace

// A waiter's place in the queue; whoever leaves without having been served takes it along.
class PgPool::Queued {
 public:
  Queued(PgPool& pool, Waiter& waiter) : pool_(pool), waiter_(waiter) {}
  ~Queued() {
    ConnectionPtr unwanted;
    {
      const Lock lock(pool_.mutex_);
      const bool was_waiting = std::erase(pool_.waiting_, &waiter_) > 0;
      if (waiter_.sent_on != nullptr) {
        for (EarlyRead& read : waiter_.sent_on->early) {
          if (read.waiter == &waiter_) read.waiter = nullptr;
        }
      }
      if (was_waiting && waiter_.attempt != 0) pool_.orphans_.insert(waiter_.attempt);
      unwanted = std::move(waiter_.connection);
    }
    // Its read may have been sent.
    if (unwanted) pool_.GiveBack(std::move(unwanted), Access::kRead);
  }
  Queued(const Queued&) = delete;
  Queued& operator=(const Queued&) = delete;

 private:
  PgPool& pool_;
  Waiter& waiter_;
};

Error PgPool::NoneFree(std::chrono::duration<double> waited, const std::string& failure) const {
  const int idle = static_cast<int>(idle_.size());
  char text[240];
  std::snprintf(text, sizeof(text),
                "no free connection after %.1f s: %d open, %d idle, %d in use, %d opening, "
                "%zu waiting (max_connections=%d)",
                waited.count(), open_ - opening_, idle, open_ - opening_ - idle, opening_,
                waiting_.size(), options().connections_max);
  return Busy(failure.empty() ? text : text + ("; opening one more failed: " + failure)).value();
}

PoolUse PgPool::Use() const {
  const Lock lock(mutex_);
  const int idle = static_cast<int>(idle_.size());
  const bool is_full = open_ >= options().connections_max;
  return {open_ - opening_ - idle, idle, is_full ? waiting_.size() : 0, waits_};
}

Status PgPool::Open() {
  MOLT_RETURN_IF_ERROR(CheckConninfo(options().conninfo));
  if (options().is_lazy) return {};
  MOLT_ASSIGN(OpenedSession session, OpenSession(options(), {}));
  open_ = 1;
  idle_.push_back(std::make_unique<PgConnection>(std::move(session), shared_));
  idle_.back()->idle_since = Clock::now();
  const Lock lock(mutex_);
  while (open_ < options().connections_min) StartOpening();
  return {};
}

// The idle connection used last that the server has not left. Precondition: the mutex is held.
ConnectionPtr PgPool::TakeIdle(std::vector<ConnectionPtr>& ended) {
  const auto now = Clock::now();
  while (!idle_.empty()) {
    ConnectionPtr connection = std::move(idle_.back());
    idle_.pop_back();
    const bool doubtful = now - connection->idle_since > kDoubtAfter;
    if (!doubtful || !connection->HasNews()) return connection;
    ended.push_back(std::move(connection));
    --open_;
  }
  return nullptr;
}

Async<Lease> PgPool::AcquireForRead(const Statement& statement, const BatchLimits& limits,
                                    const ExecContext& context) {
  const WantedRead read{statement, limits};
  // Who blocks a thread is served by that thread alone.
  const WantedRead* const shared = context.reactor == nullptr ? nullptr : &read;
  co_return co_await AcquireFor(shared, Access::kRead, context);
}

Async<Lease> PgPool::AcquireFor(const WantedRead* read, Access access, const ExecContext& context) {
  MOLT_CO_RETURN_IF_ERROR(CheckContext(context));
  const auto start = Clock::now();
  Waiter waiter;
  waiter.read = read;
  waiter.reactor = context.reactor;
  std::vector<ConnectionPtr> ended;  // closed without the mutex: declared before the lock
  {
    Lock lock(mutex_);
    if (closed_) co_return PoolClosed();
    if (ConnectionPtr connection = TakeIdle(ended)) {
      if (read != nullptr) answering_.emplace_back(connection.get(), context.reactor);
      co_return Lease(shared_from_this(), std::move(connection), access);
    }
    if (context.trial.IsSet()) co_return Fail(NoneFree({}));
    if (waiting_.size() >= options().waiting_max) co_return Fail(NoneFree({}));
    // Nobody overtakes those who wait.
    PgConnection* const busy =
        read != nullptr && waiting_.empty() && open_ >= options().connections_max
            ? ShortestPipeline(context.reactor)
            : nullptr;
    if (busy == nullptr || !Follow(*busy, waiter)) {
      waiting_.push_back(&waiter);
      if (open_ >= options().connections_max) ++waits_;
      Await(waiter);
    }
  }
  ended.clear();
  const Queued place(*this, waiter);
  const Deadline until = context.deadline.Earlier(
      Deadline::At(start + std::chrono::duration_cast<Clock::duration>(options().busy_wait_max)));
  const Wake wake = co_await Event::Wait(waiter.event, context.reactor, until, context.cancel);
  const Lock lock(mutex_);
  if (waiter.connection) {
    if (read != nullptr) answering_.emplace_back(waiter.connection.get(), context.reactor);
    co_return Lease(shared_from_this(), std::move(waiter.connection), access);
  }
  if (waiter.error) co_return Fail(std::move(*waiter.error));
  if (wake == Wake::kCancelled) co_return Cancelled("the request was cancelled");
  const std::chrono::duration<double> waited = Clock::now() - start;
  if (context.deadline.HasPassed()) {
    co_return TimedOut("the timeout passed while waiting for a free connection (" +
                       NoneFree(waited, waiter.failure).message + ")");
  }
  co_return Fail(NoneFree(waited, waiter.failure));
}

// -- Coming back ----------------------------------------------------------------------------------

// Gives a clean connection to who waits, or lays it aside.
void PgPool::Serve(ConnectionPtr connection) {
  std::vector<ConnectionPtr> ended;  // closed without the mutex: declared before the lock
  const Lock lock(mutex_);
  if (closed_) {
    --open_;
    ended.push_back(std::move(connection));
    return;
  }
  if (!waiting_.empty()) {
    Waiter& first = *waiting_.front();
    waiting_.pop_front();
    first.connection = std::move(connection);
    first.event->Notify();
    return;
  }
  const auto now = Clock::now();
  connection->idle_since = now;
  idle_.push_back(std::move(connection));
  // Those unused for longest lie at the front.
  while (open_ > options().connections_min &&
         now - idle_.front()->idle_since > options().idle_max) {
    ended.push_back(std::move(idle_.front()));
    idle_.erase(idle_.begin());
    --open_;
  }
}

void PgPool::GiveBack(std::unique_ptr<Connection> connection, Access) {
  ConnectionPtr returned(static_cast<PgConnection*>(connection.release()));
  {
    const Lock lock(mutex_);
    std::erase_if(answering_, [&](const auto& entry) { return entry.first == returned.get(); });
    if (!returned->early.empty()) {
      EarlyRead& next = returned->early.front();
      if (Waiter* const waiter = next.waiter; waiter != nullptr && returned->IsAnswered()) {
        returned->BeginNext(std::move(next.sent));
        returned->early.pop_front();
        waiter->sent_on = nullptr;
        waiter->connection = std::move(returned);
        waiter->event->Notify();
        return;
      }
      returned->AddOrphans(EmptyPipelineUnderLock(*returned));
    }
  }
  const bool too_old = Clock::now() - returned->opened_at > options().lifetime_max;
  if ((returned->IsBroken() && !returned->IsCutShort()) || (too_old && returned->IsClean())) {
    returned.reset();
    return Gone();
  }
  if (returned->IsClean()) return Serve(std::move(returned));
  StartRecovery(std::move(returned));
}

// -- The end --------------------------------------------------------------------------------------

void PgPool::Close() {
  std::vector<ConnectionPtr> ended;
  const Lock lock(mutex_);
  closed_ = true;
  ended.swap(idle_);
  open_ -= static_cast<int>(ended.size());
  for (Waiter* waiter : waiting_) {
    waiter->error = PoolClosed().value();
    waiter->event->Notify();
  }
  waiting_.clear();
}

// Ends the pool's threads, and with them what they still try.
void PgPool::Shut() {
  Close();
  closing_.Cancel();
  {
    Lock lock(mutex_);
    recovered_.wait_for(lock, kLastRecoveryTime, [this] { return recovering_ == 0; });
  }
  if (openers_) openers_->join();
  recovery_.Stop();
  bulk_.Stop();
}

Result<std::shared_ptr<Pool>> OpenPostgres(const PostgresOptions& options) {
  auto pool = std::make_shared<PgPool>(options);
  MOLT_RETURN_IF_ERROR(pool->Open());
  return pool;
}

}  // namespace molt::db::postgres
