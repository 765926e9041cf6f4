#include "molt/worker/server.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <utility>

#include <spdlog/spdlog.h>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>

#include "molt/base/nearest_names.h"
#include "molt/engine/encoded.h"
#include "molt/worker/entry.h"
#include "molt/worker/session.h"

namespace molt::worker {

namespace {

// What is under way when the server stops has so long to end by itself, and then so long to notice
// that it was cancelled.
constexpr std::chrono::milliseconds kDrainTime{1200};
constexpr std::chrono::milliseconds kGiveUpTime{400};

// Longer than on an event loop of Python's: here nobody waits but other requests, and on a busy
// machine what usually takes 50 µs must not lose its turn to a moment's interruption.
constexpr std::chrono::microseconds kTrialTime{250};

engine::DatabaseOptions DatabaseOptionsOf(const AliasOptions& alias, std::size_t threads) {
  engine::DatabaseOptions options;
  options.timeout = alias.timeout;
  options.threads = threads;
  options.trial_time = kTrialTime;
  return options;
}

asio::awaitable<void> After(Reactor& reactor, std::chrono::milliseconds time,
                            std::function<void()> run) {
  const Deadline deadline = Deadline::After(time);
  const CancelToken no_cancel;
  [[maybe_unused]] const Wake wake =
      co_await WaitForFd(&reactor, -1, Interest::kRead, deadline, no_cancel);
  run();
}

asio::awaitable<void> AcceptWhenReady(Reactor& reactor, int listener,
                                      std::function<bool()> accept) {
  const Deadline none;
  const CancelToken no_cancel;
  while (true) {
    [[maybe_unused]] const Wake wake =
        co_await WaitForFd(&reactor, listener, Interest::kRead, none, no_cancel);
    if (!accept()) co_return;
  }
}

}  // namespace

Alias::Alias(AliasOptions of, Reactor& reactor, WaitingRoom& room, std::size_t threads)
    : options(std::move(of)),
      database(
          std::make_shared<engine::Database>(options.pool, DatabaseOptionsOf(options, threads))),
      gate(reactor, room, options.running_max) {}

Server::Server(ServerOptions options, std::vector<AliasOptions> aliases)
    : options_(std::move(options)),
      room_{options_.queue_max, 0},
      quick_runs_(options_.threads > 1 && std::thread::hardware_concurrency() > 1) {
  for (AliasOptions& alias : aliases) {
    std::string name = alias.name;
    aliases_.emplace(std::move(name),
                     std::make_unique<Alias>(std::move(alias), reactor_, room_, options_.threads));
  }
}

Server::~Server() {
  for (const int listener : listeners_) close(listener);
  for (const auto& [name, alias] : aliases_) alias->database->Shutdown();
  reactor_.Clear();
}

void Server::Serve(int in, int out, bool owns, bool is_only) {
  const auto session = std::make_shared<Session>(*this, in, out, owns, is_only);
  sessions_.insert(session);
  session->Start();
}

void Server::Listen(int listener) {
  listeners_.push_back(listener);
  asio::co_spawn(InlineExecutor(inline_context_),
                 AcceptWhenReady(reactor_, listener,
                                 [this, listener] {
                                   if (!is_stopping_) Accept(listener);
                                   return !is_stopping_;
                                 }),
                 asio::detached);
}

void Server::Accept(int listener) {
  while (true) {
    const int client = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (client < 0) {
      // Without descriptors the client waits in the queue of the socket; to look again at once
      // would only burn the processor.
      if (errno == EMFILE || errno == ENFILE) {
        spdlog::error("a client cannot be accepted: too many open files");
        usleep(10'000);
      }
      return;
    }
    ucred peer{};
    socklen_t size = sizeof(peer);
    if (getsockopt(client, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0 ||
        (peer.uid != geteuid() && peer.uid != 0)) {
      spdlog::warn("a client of another user (uid {}) is turned away", peer.uid);
      close(client);
      continue;
    }
    // A descriptor of its own for each direction: a reactor waits once for each.
    const int out = fcntl(client, F_DUPFD_CLOEXEC, 0);
    if (out < 0) {
      close(client);
      continue;
    }
    Serve(client, out, true, false);
  }
}

void Server::Forget(const std::shared_ptr<Session>& session) {
  sessions_.erase(session);
  if (session->is_only()) Stop();
  StopIfDone();
}

void Server::StopIfDone() {
  if (is_stopping_ && sessions_.empty()) reactor_.Stop();
}

void Server::Run() {
  thread_ = std::this_thread::get_id();
  reactor_.Run();
}

void Server::Stop() {
  if (is_stopping_) return;
  is_stopping_ = true;
  for (const auto& session : std::set(sessions_)) session->Drain();
  StopIfDone();
  const auto later = [this](std::chrono::milliseconds time, std::function<void()> run) {
    asio::co_spawn(InlineExecutor(inline_context_), After(reactor_, time, std::move(run)),
                   asio::detached);
  };
  later(kDrainTime, [this, later] {
    for (const auto& session : std::set(sessions_)) session->CancelAll();
    later(kGiveUpTime, [this] { reactor_.Stop(); });
  });
}

Result<Alias*> Server::FindAlias(const std::string& name) {
  const auto found = aliases_.find(name);
  if (found != aliases_.end()) return found->second.get();
  if (aliases_.empty()) return InvalidQuery("this worker has no database");
  std::vector<std::string> names;
  for (const auto& [known, alias] : aliases_) names.push_back(known);
  return InvalidQuery("there is no database \"" + name + "\"" + NearestNames(name, names));
}

Result<const Entry*> Server::FindEntry(const std::string& name) const {
  const Export* exported = options_.manifest.Find(name);
  if (exported != nullptr && exported->named) return &NamedQueryEntry();
  const bool is_callable =
      exported != nullptr || !options_.manifest.is_closed() || name.starts_with("__");
  for (const Entry& entry : BuiltInEntries()) {
    if (entry.name != name || !is_callable) continue;
    if (entry.is_free_sql && options_.only_exports) {
      return InvalidQuery("\"" + name +
                          "\" is not served here: this worker runs the queries that " +
                          "it exports, and no others");
    }
    return &entry;
  }
  if (exported != nullptr) {
    return Internal("\"" + name + "\" is exported, and nothing here handles it");
  }
  return InvalidQuery("there is no entry \"" + name + "\"" + NearestNames(name, EntryNames()));
}

std::vector<std::string> Server::EntryNames() const {
  std::vector<std::string> names = options_.manifest.Names();
  if (options_.manifest.is_closed()) return names;
  for (const Entry& entry : BuiltInEntries()) {
    if (!entry.name.starts_with("__") && !(entry.is_free_sql && options_.only_exports)) {
      names.emplace_back(entry.name);
    }
  }
  return names;
}

template <class T>
Async<T> Server::RunOn(Alias& alias, Gate::Pass pass, Async<T> request,
                       engine::RequestContext context, bool may_leave) {
  if (alias.database->IsAsynchronous()) {
    auto result = co_await std::move(request);
    if (std::this_thread::get_id() != thread_) co_await SwitchTo(reactor_);
    co_return result;
  }
  struct Running {
    std::optional<Result<T>> result;
    Gate::Pass pass;  // until it has ended, whoever waits for it
  };
  const auto running = std::make_shared<Running>();
  running->pass = std::move(pass);
  const auto ended = std::make_shared<Event>();
  alias.database->template Submit<T>(std::move(request), [running, ended, this](Result<T> result) {
    auto outcome = std::make_shared<Result<T>>(std::move(result));
    reactor_.Post([running, ended, outcome] {
      running->result = std::move(*outcome);
      running->pass = Gate::Pass();
      ended->Notify();
    });
  });
  const Deadline deadline = may_leave ? context.deadline : Deadline();
  const CancelToken cancel = may_leave ? context.cancel : CancelToken();
  const Wake wake = co_await Event::Wait(ended, &reactor_, deadline, cancel);
  if (running->result) co_return std::move(*running->result);
  if (wake == Wake::kCancelled) co_return Cancelled("the request was cancelled");
  co_return TimedOut("the deadline passed while the statement ran");
}

template Async<engine::Encoded> Server::RunOn(Alias&, Gate::Pass, Async<engine::Encoded>,
                                              engine::RequestContext, bool);
template Async<std::unique_ptr<engine::EncodedStream>> Server::RunOn(
    Alias&, Gate::Pass, Async<std::unique_ptr<engine::EncodedStream>>, engine::RequestContext,
    bool);
template Async<std::string> Server::RunOn(Alias&, Gate::Pass, Async<std::string>,
                                          engine::RequestContext, bool);
template Async<types::Schema> Server::RunOn(Alias&, Gate::Pass, Async<types::Schema>,
                                            engine::RequestContext, bool);
template Async<std::vector<std::string>> Server::RunOn(Alias&, Gate::Pass,
                                                       Async<std::vector<std::string>>,
                                                       engine::RequestContext, bool);
template Async<db::ExecuteResult> Server::RunOn(Alias&, Gate::Pass, Async<db::ExecuteResult>,
                                                engine::RequestContext, bool);

}  // namespace molt::worker
