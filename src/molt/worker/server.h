// The worker: what it offers, and the clients it serves, all on one thread; databases that block
// have threads of their own.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
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
#include "molt/worker/counters.h"
#include "molt/worker/gate.h"
#include "molt/worker/offer.h"
#include "molt/worker/quick_runs.h"

namespace molt::worker {

class MetricsFile;
class Session;

class Server {
 public:
  Server(OfferOptions options, std::vector<AliasOptions> aliases);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // One client. Two descriptors, which may be of one socket; SIGPIPE must be ignored. They are
  // closed with it if `owns` is set. `is_only`: when it is gone the
  // server stops.
  void Serve(int in, int out, bool owns, bool is_only);
  // Listens at a Unix socket that is bound already, and closes it in the end.
  void Listen(int listener);
  // The same; answers HTTP with what the worker counts.
  void ListenForMetrics(int listener);
  // Writes what the worker counts to a file, a while after something has changed.
  void WriteMetricsTo(std::string file);
  // Serves until Stop() and until all that began is answered, or given up after a moment.
  void Run();

  // The rest is for the server's thread.

  void Stop();
  // What is offered from now on. A database whose pool was offered before is kept with all that it
  // knows; one that nobody uses any more is closed.
  void Replace(OfferOptions options, std::vector<AliasOptions> aliases);

  [[nodiscard]] Reactor& reactor() { return reactor_; }
  [[nodiscard]] const OfferPtr& offer() const { return offer_; }
  [[nodiscard]] bool IsStopping() const { return is_stopping_; }
  [[nodiscard]] const WaitingRoom& room() const { return room_; }
  [[nodiscard]] QuickRuns& quick_runs() { return quick_runs_; }
  [[nodiscard]] asio::execution_context& executor_context() { return inline_context_; }
  [[nodiscard]] std::size_t clients() const { return sessions_.size(); }
  [[nodiscard]] std::chrono::system_clock::time_point started() const { return started_; }
  void Forget(const std::shared_ptr<Session>& session);
  // Counted by whoever does what is counted; then Changed().
  [[nodiscard]] Counters& counters() { return counters_; }
  void Changed() {
    if (metrics_file_ != nullptr) FileChanged();
  }

  // What a database does for an entry, which goes on on the server's thread (for the types at the
  // end of server.cc). With `may_leave` the
  // caller is answered at the deadline or when it cancels, and what blocks comes to its end alone.
  template <class T>
  Async<T> RunOn(Alias& alias, Gate::Pass pass, Async<T> request, engine::RequestContext context,
                 bool may_leave);

 private:
  std::shared_ptr<Backend> Connect(const AliasOptions& alias, std::size_t threads);
  void Retire(std::unique_ptr<Backend> backend);
  // Calls `run` for each client that this user, or root, opens there.
  void AcceptAt(int listener, std::function<void(int)> run);
  void FileChanged();
  void StopIfDone();

  const std::chrono::system_clock::time_point started_ = std::chrono::system_clock::now();
  asio::execution_context inline_context_;
  WaitingRoom room_;
  QuickRuns quick_runs_{reactor_, std::thread::hardware_concurrency() > 1};
  Counters counters_;
  std::set<std::shared_ptr<Session>> sessions_;
  engine::LazyThreads retiring_;
  std::vector<std::weak_ptr<Backend>> backends_;  // also those that only requests still hold
  OfferPtr offer_;
  std::unique_ptr<MetricsFile> metrics_file_;
  std::vector<int> listeners_;
  std::thread::id thread_;
  bool is_stopping_ = false;
  bool is_ending_ = false;
  // Last, so that it goes first: what still waits in it holds the others.
  Reactor reactor_;
};

}  // namespace molt::worker
