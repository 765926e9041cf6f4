// Reads that are sent behind one another on a connection.
#include <algorithm>
#include <utility>

#include "molt/db/postgres/pg_pool_impl.h"

namespace molt::db::postgres {

namespace {

// A connection answers so many reads at most that have been sent: the longer the queue, the longer
// one slow read keeps the others.
constexpr std::size_t kPipelineDepth = 4;

}  // namespace

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

}  // namespace molt::db::postgres
