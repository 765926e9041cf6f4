// Opening connections, and making those that come back unclean fit again: on the pool's own
// threads.
#include <algorithm>
#include <utility>

#include <asio/co_spawn.hpp>
#include <asio/post.hpp>

#include "molt/base/inline_executor.h"
#include "molt/db/postgres/pg_pool_impl.h"

namespace molt::db::postgres {

namespace {

// Threads that open connections: looking up a host name cannot be interrupted, so one name that
// nobody answers for must not keep the others.
constexpr std::size_t kOpeners = 4;
// How long making a connection clean again may take; then it is closed.
constexpr Seconds kRecoveryTime{5};

}  // namespace

// A caller who has begun to wait may need one more connection. Precondition: the mutex is held.
void PgPool::Await(Waiter& waiter) {
  if (waiting_.size() > WantedAttempts() && open_ < options().connections_max) {
    waiter.attempt = StartOpening();
  }
}

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

// -- Recovery -------------------------------------------------------------------------------------

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

}  // namespace molt::db::postgres
