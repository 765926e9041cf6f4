#include "molt/db/sqlite/sqlite_pool.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "molt/db/sqlite/sqlite_connection.h"
#include "molt/db/sqlite/sqlite_handle.h"

namespace molt::db::sqlite {

namespace {

// Connections of one kind.
struct Shelf {
  explicit Shelf(int max) : open_max(max) { idle.reserve(static_cast<std::size_t>(max)); }

  const int open_max;
  int open = 0;  // idle, leased, or being opened
  int waiting = 0;
  // The one used last is used next: its caches are warm.
  std::vector<std::unique_ptr<SqliteConnection>> idle;
  std::condition_variable changed;
};

class SqlitePool final : public Pool {
 public:
  SqlitePool(SqliteOptions options, Location location)
      : options_(std::move(options)),
        location_(std::move(location)),
        readers_(std::max(1, options_.max_readers)),
        writers_(1) {}

  Status Open();

  Async<Lease> Acquire(Access access, const ExecContext& context) override {
    co_return Take(access, context);
  }
  void Close() override;
  [[nodiscard]] PoolUse Use() const override;
  [[nodiscard]] bool IsBlocking() const override { return true; }
  [[nodiscard]] std::string_view DialectName() const override { return "sqlite"; }
  [[nodiscard]] bool IsProcessLocal() const override { return options_.memory; }

 protected:
  void GiveBack(std::unique_ptr<Connection> connection, Access access) override;

 private:
  using Lock = std::unique_lock<std::mutex>;

  Shelf& ShelfFor(Access access) { return access == Access::kRead ? readers_ : writers_; }
  Result<Lease> Take(Access access, const ExecContext& context);
  Lease TakeIdle(Shelf& shelf, Access access);
  Result<Lease> OpenOne(Shelf& shelf, Access access, Lock lock);
  std::unique_ptr<SqliteConnection> Replace(std::unique_ptr<SqliteConnection> doubtful,
                                            Access access);
  Result<Lease> Wait(Access access, const ExecContext& context);

  const SqliteOptions options_;
  const Location location_;
  // Keeps a database in memory alive, whatever becomes of the connections that are used.
  std::unique_ptr<SqliteConnection> anchor_;
  mutable std::mutex mutex_;  // guards all that follows
  bool closed_ = false;
  Shelf readers_;
  Shelf writers_;
};

constexpr std::chrono::milliseconds kCancelPoll{50};

auto PoolClosed() { return Closed("the database is closed"); }

auto NoneFree(const Shelf& shelf, Access access, std::chrono::duration<double> waited) {
  const int idle = static_cast<int>(shelf.idle.size());
  char text[200];
  std::snprintf(text, sizeof(text),
                "no free connection after %.1f s: %d open, %d idle, %d in use, %d waiting (%s=%d)",
                waited.count(), shelf.open, idle, shelf.open - idle, shelf.waiting,
                access == Access::kRead ? "max_readers" : "writers", shelf.open_max);
  return Busy(text);
}

PoolUse SqlitePool::Use() const {
  const Lock lock(mutex_);
  const int idle = static_cast<int>(readers_.idle.size() + writers_.idle.size());
  return {readers_.open + writers_.open - idle, idle};
}

Status SqlitePool::Open() {
  if (location_.memory || options_.mode == OpenMode::kReadWriteCreate) {
    MOLT_ASSIGN(auto creator, SqliteConnection::Open(location_, OpenAs::kCreator, options_));
    if (location_.memory) anchor_ = std::move(creator);
  }
  auto reader = SqliteConnection::Open(location_, OpenAs::kReader, options_);
  if (!reader && options_.mode != OpenMode::kReadOnly &&
      reader.error().sqlstate.starts_with("SQLITE_READONLY_")) {
    // Someone died in the middle of a write: opening for writing undoes it.
    MOLT_RETURN_IF_ERROR(SqliteConnection::Open(location_, OpenAs::kWriter, options_));
    reader = SqliteConnection::Open(location_, OpenAs::kReader, options_);
  }
  if (!reader) return Fail(std::move(reader).error());
  readers_.open = 1;
  readers_.idle.push_back(std::move(*reader));
  return {};
}

Result<Lease> SqlitePool::Take(Access access, const ExecContext& context) {
  if (access == Access::kWrite && options_.mode == OpenMode::kReadOnly) {
    return InvalidQuery("the database was opened read-only (mode=ro)");
  }
  Shelf& shelf = ShelfFor(access);
  // Before the mutex is taken: what the token polls may wait for a thread that wants it.
  MOLT_RETURN_IF_ERROR(CheckContext(context));
  {
    Lock lock(mutex_);
    if (closed_) return PoolClosed();
    if (!shelf.idle.empty()) return TakeIdle(shelf, access);
    if (context.trial.IsSet()) return NoneFree(shelf, access, {});
    if (shelf.open < shelf.open_max) return OpenOne(shelf, access, std::move(lock));
  }
  return Wait(access, context);
}

// Precondition: the mutex is held and there is one.
Lease SqlitePool::TakeIdle(Shelf& shelf, Access access) {
  std::unique_ptr<Connection> connection = std::move(shelf.idle.back());
  shelf.idle.pop_back();
  return Lease(shared_from_this(), std::move(connection), access);
}

// Opens outside of the lock; the place is taken before.
Result<Lease> SqlitePool::OpenOne(Shelf& shelf, Access access, Lock lock) {
  ++shelf.open;
  lock.unlock();
  auto connection = SqliteConnection::Open(
      location_, access == Access::kRead ? OpenAs::kReader : OpenAs::kWriter, options_);
  if (connection) return Lease(shared_from_this(), std::move(*connection), access);
  lock.lock();
  --shelf.open;
  shelf.changed.notify_one();
  return Fail(std::move(connection).error());
}

Result<Lease> SqlitePool::Wait(Access access, const ExecContext& context) {
  Shelf& shelf = ShelfFor(access);
  const auto start = Deadline::Clock::now();
  const Deadline until = context.deadline.Earlier(Deadline::At(start + options_.busy_wait_max));
  // Registered and unregistered without the mutex, which the callback takes.
  const CancelRegistration on_cancel = context.cancel.OnCancel([this, &shelf] {
    const Lock lock(mutex_);
    shelf.changed.notify_all();
  });
  Lock lock(mutex_);
  struct Waiting {
    explicit Waiting(int& waiting) : count(waiting) { ++count; }
    ~Waiting() { --count; }
    int& count;
  };
  while (true) {
    // Without the mutex: what the token polls may wait for a thread that wants it.
    lock.unlock();
    if (context.cancel.IsCancelled()) return Cancelled("the request was cancelled");
    lock.lock();
    if (closed_) return PoolClosed();
    if (!shelf.idle.empty()) return TakeIdle(shelf, access);
    if (shelf.open < shelf.open_max) return OpenOne(shelf, access, std::move(lock));
    const Waiting counted(shelf.waiting);
    const auto now = Deadline::Clock::now();
    if (now >= until.When()) {
      if (context.deadline.HasPassed()) {
        return TimedOut("the timeout passed while waiting for a free connection (" +
                        NoneFree(shelf, access, now - start).value().message + ")");
      }
      return NoneFree(shelf, access, now - start);
    }
    // Looks at the token now and then: what it polls, such as a signal, does not notify, and a
    // notification may have come before this wait.
    shelf.changed.wait_until(lock, std::min(until.When(), now + kCancelPoll));
  }
}

void SqlitePool::GiveBack(std::unique_ptr<Connection> connection, Access access) {
  Shelf& shelf = ShelfFor(access);
  std::unique_ptr<SqliteConnection> returned(static_cast<SqliteConnection*>(connection.release()));
  if (!returned->IsReusable()) returned = Replace(std::move(returned), access);
  const Lock lock(mutex_);
  if (returned && !closed_) {
    shelf.idle.push_back(std::move(returned));
  } else {
    --shelf.open;
  }
  shelf.changed.notify_one();
  // `returned`, if it is still here, is closed after the lock is released: declared before it.
}

// Closes a connection in doubt. A new one that writes is opened when a write may have been left
// half done: that undoes it, which readers cannot.
std::unique_ptr<SqliteConnection> SqlitePool::Replace(std::unique_ptr<SqliteConnection> doubtful,
                                                      Access access) {
  const bool recover = access == Access::kWrite || doubtful->NeedsRecovery();
  doubtful.reset();
  if (!recover || options_.mode == OpenMode::kReadOnly) return nullptr;
  auto writer = SqliteConnection::Open(location_, OpenAs::kWriter, options_);
  if (!writer || access == Access::kRead) return nullptr;
  return std::move(*writer);
}

void SqlitePool::Close() {
  std::vector<std::unique_ptr<SqliteConnection>> ended;
  {
    const Lock lock(mutex_);
    closed_ = true;
    for (Shelf* shelf : {&readers_, &writers_}) {
      for (auto& connection : shelf->idle) ended.push_back(std::move(connection));
      shelf->open -= static_cast<int>(shelf->idle.size());
      shelf->idle.clear();
      shelf->changed.notify_all();
    }
    if (anchor_) ended.push_back(std::move(anchor_));
  }
}

}  // namespace

Result<std::shared_ptr<Pool>> OpenSqlite(const SqliteOptions& options) {
  MOLT_ASSIGN(Location location, Locate(options));
  auto pool = std::make_shared<SqlitePool>(options, std::move(location));
  Status opened = pool->Open();
  if (!opened && !(options.is_lazy && !options.memory)) return Fail(std::move(opened).error());
  return pool;
}

}  // namespace molt::db::sqlite
