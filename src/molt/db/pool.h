// Connections shared by many callers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>

#include "molt/db/connection.h"

namespace molt::db {

enum class Access : std::uint8_t { kRead, kWrite };

// How many connections a pool has open, by what they do.
struct PoolUse {
  int in_use = 0;
  int idle = 0;
  // Of who finds all in use, and no more may be opened: those that wait now, and all that ever did.
  // A pool that has a connection for everyone that its users admit need not count them.
  std::size_t waiting = 0;
  std::uint64_t waits = 0;
};

class Pool;

// Holds a connection, and its pool alive, until destroyed; then the connection goes back.
class [[nodiscard]] Lease {
 public:
  Lease() = default;
  Lease(std::shared_ptr<Pool> pool, std::unique_ptr<Connection> connection, Access access)
      : pool_(std::move(pool)), connection_(std::move(connection)), access_(access) {}
  Lease(Lease&& other) noexcept = default;
  Lease& operator=(Lease&& other) noexcept {
    if (this != &other) {
      Release();
      pool_ = std::move(other.pool_);
      connection_ = std::move(other.connection_);
      access_ = other.access_;
    }
    return *this;
  }
  ~Lease() { Release(); }

  Connection* operator->() const { return connection_.get(); }
  Connection& operator*() const { return *connection_; }

 private:
  inline void Release();

  std::shared_ptr<Pool> pool_;
  std::unique_ptr<Connection> connection_;
  Access access_ = Access::kRead;
};

class Pool : public std::enable_shared_from_this<Pool> {
 public:
  virtual ~Pool() = default;

  // In order: closed? cancelled? deadline passed? an idle connection? room to open one? else wait
  // for one, until the deadline or the pool's own limit, then Busy with the pool's counters.
  virtual Async<Lease> Acquire(Access access, const ExecContext& context) = 0;

  // For one read that is taken in at once, with nothing else between: `statement` and `limits` are
  // those of the Query that must follow. While all connections are busy, a pool may send it on one
  // of them behind other reads; then Query only has to take in what comes.
  virtual Async<Lease> AcquireForRead(const Statement& /*statement*/, const BatchLimits& /*limits*/,
                                      const ExecContext& context) {
    return Acquire(Access::kRead, context);
  }

  // Ends idle connections; later calls get Closed; leased ones end when they come back.
  virtual void Close() = 0;

  // From any thread; what is true now.
  [[nodiscard]] virtual PoolUse Use() const = 0;

  // Whether calls block the thread they run on, with or without a reactor.
  [[nodiscard]] virtual bool IsBlocking() const = 0;
  // Of a thread that takes over results which turn out to be large; nullptr if calls block.
  [[nodiscard]] virtual Reactor* BulkReactor() { return nullptr; }
  // The dialect to compile for: "sqlite", "postgres", "duckdb".
  [[nodiscard]] virtual std::string_view DialectName() const = 0;
  // Whether the data lives in this process only, and so is out of a forked child's reach.
  [[nodiscard]] virtual bool IsProcessLocal() const = 0;

 protected:
  friend class Lease;
  virtual void GiveBack(std::unique_ptr<Connection> connection, Access access) = 0;
};

inline void Lease::Release() {
  if (connection_) pool_->GiveBack(std::move(connection_), access_);
  pool_.reset();
}

}  // namespace molt::db
