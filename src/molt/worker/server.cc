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
#include <asio/post.hpp>

#include "molt/engine/encoded.h"
#include "molt/worker/metrics.h"
#include "molt/worker/session.h"

namespace molt::worker {

namespace {

// What is under way when the server stops has so long to end by itself, and then so long to notice
// that it was cancelled.
constexpr std::chrono::milliseconds kDrainTime{1200};
constexpr std::chrono::milliseconds kGiveUpTime{400};

asio::awaitable<void> After(Reactor& reactor, std::chrono::milliseconds time,
                            std::function<void()> run) {
  const Deadline deadline = Deadline::After(time);
  const CancelToken no_cancel;
  [[maybe_unused]] const Wake wake =
      co_await WaitForFd(&reactor, -1, Interest::kRead, deadline, no_cancel);
  run();
}

// The next client of this user or of root; -1 when there is none.
int AcceptOne(int listener) {
  while (true) {
    const int client = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (client < 0) {
      // Without descriptors the client waits in the queue of the socket; to look again at once
      // would only burn the processor.
      if (errno == EMFILE || errno == ENFILE) {
        spdlog::error("a client cannot be accepted: too many open files");
        usleep(10'000);
      }
      return -1;
    }
    ucred peer{};
    socklen_t size = sizeof(peer);
    if (getsockopt(client, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
        (peer.uid == geteuid() || peer.uid == 0)) {
      return client;
    }
    spdlog::warn("a client of another user (uid {}) is turned away", peer.uid);
    close(client);
  }
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

Server::Server(OfferOptions options, std::vector<AliasOptions> aliases) {
  Replace(std::move(options), std::move(aliases));
}

Server::~Server() {
  is_ending_ = true;
  for (const int listener : listeners_) close(listener);
  quick_runs_.Stop();
  for (const auto& each : backends_) {
    if (const auto backend = each.lock()) backend->database->Shutdown();
  }
  retiring_.Join();
  reactor_.Clear();
  // What they hold may post.
  sessions_.clear();
  offer_.reset();
  reactor_.Clear();
}

void Server::Replace(OfferOptions options, std::vector<AliasOptions> aliases) {
  Offer::Aliases served;
  for (AliasOptions& alias : aliases) {
    std::shared_ptr<Backend> backend = Connect(alias, options.threads);
    std::string name = alias.name;
    served.emplace(std::move(name), std::make_unique<Alias>(std::move(alias), std::move(backend)));
  }
  room_.places = options.queue_max;
  offer_ = std::make_shared<const Offer>(std::move(options), std::move(served), counters_);
}

std::shared_ptr<Backend> Server::Connect(const AliasOptions& alias, std::size_t threads) {
  std::erase_if(backends_, [](const auto& each) { return each.expired(); });
  for (const auto& each : backends_) {
    if (auto backend = each.lock(); backend && backend->pool == alias.pool) return backend;
  }
  auto made = std::make_unique<Backend>(alias.pool, threads, alias.running_max, reactor_, room_);
  std::shared_ptr<Backend> backend(
      made.release(), [this](Backend* gone) { Retire(std::unique_ptr<Backend>(gone)); });
  backends_.push_back(backend);
  return backend;
}

// Its end may have to wait for the database, which nobody else shall.
void Server::Retire(std::unique_ptr<Backend> backend) {
  if (is_ending_) return backend->database->Shutdown();
  asio::post(retiring_.Get(1), [backend = std::move(backend)] { backend->database->Shutdown(); });
}

void Server::Serve(int in, int out, bool owns, bool is_only) {
  const auto session = std::make_shared<Session>(*this, in, out, owns, is_only);
  sessions_.insert(session);
  Changed();
  session->Start();
}

void Server::Listen(int listener) {
  AcceptAt(listener, [this](int client) {
    // A descriptor of its own for each direction: a reactor waits once for each.
    const int out = fcntl(client, F_DUPFD_CLOEXEC, 0);
    if (out < 0) {
      close(client);
      return;
    }
    Serve(client, out, true, false);
  });
}

void Server::ListenForMetrics(int listener) {
  AcceptAt(listener, [this](int client) {
    asio::co_spawn(InlineExecutor(inline_context_), AnswerScrape(*this, client), asio::detached);
  });
}

void Server::WriteMetricsTo(std::string file) {
  metrics_file_ = std::make_unique<MetricsFile>(*this, std::move(file));
}

void Server::FileChanged() { metrics_file_->Changed(); }

void Server::AcceptAt(int listener, std::function<void(int)> run) {
  listeners_.push_back(listener);
  asio::co_spawn(InlineExecutor(inline_context_),
                 AcceptWhenReady(reactor_, listener,
                                 [this, listener, run = std::move(run)] {
                                   if (is_stopping_) return false;
                                   for (int client = AcceptOne(listener); client >= 0;
                                        client = AcceptOne(listener)) {
                                     run(client);
                                   }
                                   return true;
                                 }),
                 asio::detached);
}

void Server::Forget(const std::shared_ptr<Session>& session) {
  sessions_.erase(session);
  Changed();
  if (session->is_only()) Stop();
  StopIfDone();
}

void Server::StopIfDone() {
  if (is_stopping_ && sessions_.empty()) reactor_.Stop();
}

void Server::Run() {
  thread_ = std::this_thread::get_id();
  reactor_.Run();
  if (metrics_file_ != nullptr) metrics_file_->Write();
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
    std::shared_ptr<Backend> backend;  // what it runs on, whoever waits for it
    Gate::Pass pass;                   // until it has ended
  };
  const auto running = std::make_shared<Running>();
  running->backend = alias.backend;
  running->pass = std::move(pass);
  const auto ended = std::make_shared<Event>();
  alias.database->template Submit<T>(std::move(request), [running, ended, this](Result<T> result) {
    auto outcome = std::make_shared<Result<T>>(std::move(result));
    reactor_.Post([running, ended, outcome] {
      running->result = std::move(*outcome);
      running->pass = Gate::Pass();
      running->backend.reset();
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
