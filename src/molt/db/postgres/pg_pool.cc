#include "molt/db/postgres/pg_pool.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <deque>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <asio/co_spawn.hpp>
#include <asio/post.hpp>
#include <asio/thread_pool.hpp>

#include "molt/base/inline_executor.h"
#include "molt/db/postgres/pg_connection.h"

namespace molt::db::postgres {

namespace {

using Clock = Deadline::Clock;
using ConnectionPtr = std::unique_ptr<PgConnection>;

// Threads that open connections: looking up a host name cannot be interrupted, so one name that
// nobody answers for must not keep the others.
constexpr std::size_t kOpeners = 4;
// How long making a connection clean again may take; then it is closed.
constexpr Seconds kRecoveryTime{5};
// How long the end of a pool waits for them: their cancel requests should reach the server.
constexpr Seconds kLastRecoveryTime{1};
// After so long without use, it is looked whether the server has left.
constexpr auto kDoubtAfter = std::chrono::milliseconds(100);

// A connection answers so many reads at most that have been sent: the longer the queue, the longer
// one slow read keeps the others.
constexpr std::size_t kPipelineDepth = 4;

// An attempt to connect; 0 is none.
using AttemptId = std::uint64_t;

// What a caller wants a connection for, if that is one read that is taken in at once.
struct WantedRead {
  const Statement& statement;
  const BatchLimits& limits;
};

auto PoolClosed() { return Closed("the database is closed"); }

}  // namespace

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

namespace {

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
  [[nodiscard]] auto NoneFree(std::chrono::duration<double> waited,
                              const std::string& failure = {}) const;
  AttemptId StartOpening();
  void OpenOne(AttemptId attempt);
  // Attempts that somebody counts on.
  [[nodiscard]] std::size_t WantedAttempts() const {
    return static_cast<std::size_t>(opening_) - orphans_.size();
  }
  void Add(ConnectionPtr connection);
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
    if (unwanted) pool_.Serve(std::move(unwanted));
  }
  Queued(const Queued&) = delete;
  Queued& operator=(const Queued&) = delete;

 private:
  PgPool& pool_;
  Waiter& waiter_;
};

auto PgPool::NoneFree(std::chrono::duration<double> waited, const std::string& failure) const {
  const int idle = static_cast<int>(idle_.size());
  char text[240];
  std::snprintf(text, sizeof(text),
                "no free connection after %.1f s: %d open, %d idle, %d in use, %d opening, "
                "%zu waiting (max_connections=%d)",
                waited.count(), open_ - opening_, idle, open_ - opening_ - idle, opening_,
                waiting_.size(), options().connections_max);
  return Busy(failure.empty() ? text : text + ("; opening one more failed: " + failure));
}

Status PgPool::Open() {
  MOLT_RETURN_IF_ERROR(CheckConninfo(options().conninfo));
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
    if (context.trial_end.IsSet()) co_return NoneFree({});
    if (waiting_.size() >= options().waiting_max) co_return NoneFree({});
    // Nobody overtakes those who wait.
    PgConnection* const busy =
        read != nullptr && waiting_.empty() && open_ >= options().connections_max
            ? ShortestPipeline(context.reactor)
            : nullptr;
    if (busy == nullptr || !Follow(*busy, waiter)) {
      waiting_.push_back(&waiter);
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
                       NoneFree(waited, waiter.failure).value().message + ")");
  }
  co_return NoneFree(waited, waiter.failure);
}

// A caller who has begun to wait may need one more connection. Precondition: the mutex is held.
void PgPool::Await(Waiter& waiter) {
  if (waiting_.size() > WantedAttempts() && open_ < options().connections_max) {
    waiter.attempt = StartOpening();
  }
}

// -- Pipelines ------------------------------------------------------------------------------------

// Precondition: the mutex is held.
PgConnection* PgPool::ShortestPipeline(const Reactor* reactor) {
  PgConnection* shortest = nullptr;
  for (const auto& [connection, home] : answering_) {
    if (home != reactor || connection->early.size() + 1 >= kPipelineDepth) continue;
    if (shortest == nullptr || connection->early.size() < shortest->early.size()) {
      shortest = connection;
    }
  }
  return shortest;
}

// Whether the waiter's read was sent. Precondition: the mutex is held.
bool PgPool::Follow(PgConnection& connection, Waiter& waiter) {
  auto sent = connection.SendEarly(waiter.read->statement, waiter.read->limits);
  if (!sent) return false;
  connection.early.push_back({std::move(*sent), &waiter});
  waiter.sent_on = &connection;
  return true;
}

void PgPool::FillPipeline(PgConnection& connection) {
  const Lock lock(mutex_);
  const auto found = std::find_if(answering_.begin(), answering_.end(),
                                  [&](const auto& entry) { return entry.first == &connection; });
  if (found == answering_.end()) return;
  while (!waiting_.empty() && connection.early.size() + 1 < kPipelineDepth) {
    Waiter& first = *waiting_.front();
    if (first.read == nullptr || first.reactor != found->second || !Follow(connection, first)) {
      return;
    }
    waiting_.pop_front();
  }
}

std::size_t PgPool::EmptyPipeline(PgConnection& connection) {
  const Lock lock(mutex_);
  return EmptyPipelineUnderLock(connection);
}

// Who waited there waits for any connection now, before all others. Precondition: the mutex is
// held.
std::size_t PgPool::EmptyPipelineUnderLock(PgConnection& connection) {
  const std::size_t count = connection.early.size();
  while (!connection.early.empty()) {
    Waiter* const waiter = connection.early.back().waiter;
    connection.early.pop_back();
    if (waiter == nullptr) continue;
    waiter->sent_on = nullptr;
    waiting_.push_front(waiter);
    Await(*waiter);
  }
  return count;
}

// -- Opening --------------------------------------------------------------------------------------

// Precondition: the mutex is held.
AttemptId PgPool::StartOpening() {
  ++open_;
  ++opening_;
  const AttemptId attempt = ++last_attempt_;
  if (!openers_) openers_ = std::make_unique<asio::thread_pool>(kOpeners);
  asio::post(*openers_, [this, attempt] { OpenOne(attempt); });
  return attempt;
}

void PgPool::OpenOne(AttemptId attempt) {
  ExecContext context;
  context.cancel = closing_.Token();
  Result<OpenedSession> session = OpenSession(options(), context);
  ConnectionPtr connection;
  if (session) connection = std::make_unique<PgConnection>(std::move(*session), shared_);
  {
    const Lock lock(mutex_);
    --opening_;
    orphans_.erase(attempt);
    const auto found = std::find_if(waiting_.begin(), waiting_.end(), [&](const Waiter* waiter) {
      return waiter->attempt == attempt;
    });
    if (found != waiting_.end()) (*found)->attempt = 0;
    if (!connection) {
      --open_;
      if (recovering_ > 0 && found != waiting_.end()) {
        // There is another one, which is about to come back.
        (*found)->failure = session.error().message;
        return;
      }
      // For whom it was begun is told why. The others have tries of their own, if there is room.
      if (found != waiting_.end()) {
        Waiter& waiter = **found;
        waiting_.erase(found);
        waiter.error = std::move(session).error();
        waiter.event->Notify();
      }
      GoneUnderLock();
      return;
    }
  }
  Serve(std::move(connection));
}

// Somebody may open a connection in place of one that is gone. Precondition: the mutex is held.
void PgPool::GoneUnderLock() {
  if (closed_ || open_ >= options().connections_max) return;
  if (waiting_.size() > WantedAttempts()) {
    const AttemptId attempt = StartOpening();
    const auto first = std::find_if(waiting_.begin(), waiting_.end(),
                                    [](const Waiter* waiter) { return waiter->attempt == 0; });
    if (first != waiting_.end()) (*first)->attempt = attempt;
  } else if (open_ < options().connections_min) {
    StartOpening();
  }
}

void PgPool::Gone() {
  const Lock lock(mutex_);
  --open_;
  GoneUnderLock();
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

// Stopping what a connection runs takes a while, and nobody waits for it.
void PgPool::StartRecovery(ConnectionPtr connection) {
  {
    const Lock lock(mutex_);
    ++recovering_;
  }
  auto shared = std::make_shared<ConnectionPtr>(std::move(connection));
  recovery_.Get().Post([this, shared] {
    asio::co_spawn(InlineExecutor(inline_context_), Recover(std::move(*shared)),
                   [](const std::exception_ptr&, const Status&) {});
  });
}

Async<void> PgPool::Recover(ConnectionPtr connection) {
  ExecContext context;
  context.reactor = &recovery_.Get();
  context.deadline = Deadline::After(kRecoveryTime);
  const Status recovered = co_await connection->Recover(context);
  if (recovered && connection->IsClean()) {
    Serve(std::move(connection));
  } else {
    connection.reset();
    Gone();
  }
  const Lock lock(mutex_);
  --recovering_;
  recovered_.notify_all();
  co_return Status();
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

}  // namespace

Result<std::shared_ptr<Pool>> OpenPostgres(const PostgresOptions& options) {
  auto pool = std::make_shared<PgPool>(options);
  MOLT_RETURN_IF_ERROR(pool->Open());
  return pool;
}

}  // namespace molt::db::postgres
