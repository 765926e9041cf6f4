// The worker: its databases, its entries, and the clients it serves, all on one thread; databases
// that block have threads of their own.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <asio/execution_context.hpp>

#include "molt/base/inline_executor.h"
#include "molt/base/reactor.h"
#include "molt/engine/database.h"
#include "molt/worker/gate.h"
#include "molt/worker/manifest.h"
#include "molt/worker/quick_runs.h"

namespace molt::worker {

class Session;
struct Entry;

// A database as it is opened.
struct AliasOptions {
  std::string name;
  std::shared_ptr<db::Pool> pool;
  bool allows_writes = true;
  std::size_t running_max = 2;  // requests that run on it at a time
  std::optional<std::int64_t> rows_max;
  std::optional<std::chrono::duration<double>> timeout;  // of requests that have none
};

struct ServerOptions {
  std::size_t queue_max = 64;
  std::size_t threads = 2;
  std::int64_t rows_max = 1000;
  Manifest manifest;
  bool only_exports = false;  // no free SQL
  std::string cursor_key;
  std::string version;
};

// A database while it is served.
struct Alias {
  Alias(AliasOptions of, Reactor& reactor, WaitingRoom& room, std::size_t threads);
  const AliasOptions options;
  const std::shared_ptr<engine::Database> database;
  Gate gate;
};

class Server {
 public:
  Server(ServerOptions options, std::vector<AliasOptions> aliases);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // One client. Two descriptors, which may be of one socket; SIGPIPE must be ignored. They are
  // closed with it if `owns` is set. `is_only`: when it is gone the
  // server stops.
  void Serve(int in, int out, bool owns, bool is_only);
  // Listens at a Unix socket that is bound already, and closes it in the end.
  void Listen(int listener);
  // Serves until Stop() and until all that began is answered, or given up after a moment.
  void Run();
  // On the server's thread.
  void Stop();

  // For sessions and entries, on the server's thread.

  [[nodiscard]] Reactor& reactor() { return reactor_; }
  [[nodiscard]] const ServerOptions& options() const { return options_; }
  [[nodiscard]] bool IsStopping() const { return is_stopping_; }
  // InvalidQuery naming those there are.
  [[nodiscard]] Result<Alias*> FindAlias(const std::string& name);
  [[nodiscard]] const std::map<std::string, std::unique_ptr<Alias>>& aliases() const {
    return aliases_;
  }
  [[nodiscard]] Result<const Entry*> FindEntry(const std::string& name) const;
  [[nodiscard]] std::vector<std::string> EntryNames() const;
  [[nodiscard]] const WaitingRoom& room() const { return room_; }
  [[nodiscard]] QuickRuns& quick_runs() { return quick_runs_; }
  [[nodiscard]] asio::execution_context& executor_context() { return inline_context_; }
  void Forget(const std::shared_ptr<Session>& session);

  // What a database does for an entry, which goes on on the server's thread (for the types at the
  // end of server.cc). With `may_leave` the
  // caller is answered at the deadline or when it cancels, and what blocks comes to its end alone.
  template <class T>
  Async<T> RunOn(Alias& alias, Gate::Pass pass, Async<T> request, engine::RequestContext context,
                 bool may_leave);

 private:
  void Accept(int listener);
  void StopIfDone();

  const ServerOptions options_;
  asio::execution_context inline_context_;
  WaitingRoom room_;
  QuickRuns quick_runs_;
  std::set<std::shared_ptr<Session>> sessions_;
  std::map<std::string, std::unique_ptr<Alias>> aliases_;
  std::vector<int> listeners_;
  std::thread::id thread_;
  bool is_stopping_ = false;
  // Last, so that it goes first: what still waits in it holds the others.
  Reactor reactor_;
};

}  // namespace molt::worker
