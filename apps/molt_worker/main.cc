// molt-worker: runs databases' queries for other processes (docs/spec).
#include <fcntl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <CLI/CLI.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>

#include "apps/molt_worker/config.h"
#include "molt/base/inline_executor.h"
#include "molt/drivers/open_pool.h"
#include "molt/worker/server.h"
#include "molt/worker/unix_socket.h"

namespace molt::app {

namespace {

// Queries that may be on the way on one connection at a time (docs/adr/0014).
constexpr std::size_t kPipelineDepth = 4;

struct Flags {
  bool stdio = false;
  std::string socket;
  std::string exports;
  std::string compiled_exports;  // accepted, and not used
  std::string config;
  std::string runtime = "auto";  // accepted, and not used
  bool only_exports = false;
  std::optional<std::size_t> queue_max;
  std::optional<std::size_t> threads;
};

Result<worker::Manifest> LoadManifest(const std::string& file) {
  if (file.empty()) return worker::Manifest();
  std::ifstream in(file, std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  if (!in) return InvalidQuery("the manifest " + file + " cannot be read");
  std::vector<std::string> warnings;
  auto manifest = worker::Manifest::Parse(text.str(), warnings);
  for (const std::string& warning : warnings) spdlog::warn("{}: {}", file, warning);
  if (!manifest) return InvalidQuery("the manifest " + file + ": " + manifest.error().message);
  return manifest;
}

Result<worker::AliasOptions> OpenAlias(const DatabaseConfig& config, std::size_t threads) {
  drivers::PoolOptions options = config.pool;
  options.max_readers = static_cast<int>(threads) + 1;  // one for what is done at once
  auto opened = drivers::OpenPool(config.url, options);
  if (!opened) {
    return InvalidQuery("the database \"" + config.name + "\" (" + config.origin +
                        ") cannot be opened: " + opened.error().message);
  }
  worker::AliasOptions alias;
  alias.name = config.name;
  alias.pool = std::move(opened->pool);
  alias.allows_writes = config.allows_writes;
  alias.running_max = alias.pool->IsBlocking()
                          ? threads
                          : static_cast<std::size_t>(options.max_connections) * kPipelineDepth;
  alias.rows_max = config.rows_max;
  if (config.timeout) alias.timeout = std::chrono::duration<double>(*config.timeout);
  return alias;
}

// Frames alone go to the standard output: whatever else would write there writes to stderr.
int TakeStdout() {
  const int out = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
  dup2(STDERR_FILENO, STDOUT_FILENO);
  return out;
}

void MakeNonBlocking(int fd) { fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK); }

// Of signals that end the worker. Blocked everywhere, so that no thread dies of one.
int BlockSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  sigprocmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  return signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
}

asio::awaitable<void> StopOnSignal(worker::Server& server, int signals) {
  const Deadline none;
  const CancelToken no_cancel;
  while (true) {
    [[maybe_unused]] const Wake wake =
        co_await WaitForFd(&server.reactor(), signals, Interest::kRead, none, no_cancel);
    signalfd_siginfo info{};
    if (read(signals, &info, sizeof(info)) == sizeof(info)) server.Stop();
  }
}

int Fail(const std::string& message) {
  std::cerr << "molt-worker: " << message << "\n";
  return 1;
}

int Run(const Flags& flags) {
  const int signals = BlockSignals();
  auto config = LoadConfig(flags.config);
  if (!config) return Fail(config.error().message);
  for (const std::string& warning : config->warnings) spdlog::warn("{}", warning);
  auto manifest = LoadManifest(flags.exports);
  if (!manifest) return Fail(manifest.error().message);

  worker::ServerOptions options;
  options.queue_max = flags.queue_max.value_or(config->queue_max.value_or(options.queue_max));
  options.threads = flags.threads.value_or(
      config->threads.value_or(std::max(std::thread::hardware_concurrency(), 1U)));
  options.rows_max = config->rows_max;
  options.manifest = std::move(*manifest);
  options.only_exports = flags.only_exports;
  options.cursor_key = config->cursor_key;
  options.version = MOLT_VERSION;
  std::vector<worker::AliasOptions> aliases;
  for (const DatabaseConfig& database : config->databases) {
    auto alias = OpenAlias(database, options.threads);
    if (!alias) return Fail(alias.error().message);
    aliases.push_back(std::move(*alias));
  }

  int listener = -1;
  if (!flags.socket.empty()) {
    auto bound = worker::BindUnixSocket(flags.socket);
    if (!bound) return Fail(bound.error().message);
    listener = *bound;
  }
  {
    asio::execution_context context;  // outlives what the server's reactor destroys in the end
    worker::Server server(std::move(options), std::move(aliases));
    asio::co_spawn(InlineExecutor(context), StopOnSignal(server, signals), asio::detached);
    if (listener >= 0) server.Listen(listener);
    if (flags.stdio) {
      const int out = TakeStdout();
      MakeNonBlocking(STDIN_FILENO);
      MakeNonBlocking(out);
      server.Serve(STDIN_FILENO, out, false, listener < 0);
    }
    if (listener >= 0) spdlog::info("serving at {}", flags.socket);
    server.Run();
    if (listener >= 0) worker::RemoveUnixSocket(flags.socket, listener);
  }
  return 0;
}

}  // namespace

int Main(int argc, char** argv) {
  spdlog::set_default_logger(spdlog::stderr_logger_st("molt-worker"));
  CLI::App app("Runs databases' queries for other processes, over stdio or a Unix socket.");
  app.set_version_flag("--version", "molt-worker " MOLT_VERSION);
  Flags flags;
  auto* stdio =
      app.add_flag("--stdio", flags.stdio, "Serve whoever started it, on stdin and stdout.");
  auto* socket = app.add_option("--socket", flags.socket, "Serve at this Unix socket.");
  app.add_option("--config", flags.config, "A TOML file: databases and settings.");
  app.add_option("--exports", flags.exports, "A manifest of what may be called.");
  app.add_option("--compiled-exports", flags.compiled_exports, "Accepted for compatibility.");
  app.add_flag("--only-exports", flags.only_exports, "Refuse SQL that is not exported.");
  app.add_option("--max-queue", flags.queue_max, "Requests that may wait (64).")
      ->check(CLI::Range(0, 1'000'000));
  app.add_option("--threads", flags.threads, "Threads for databases that block (one per core).")
      ->check(CLI::Range(1, 1024));
  app.add_option("--runtime", flags.runtime, "Accepted for compatibility.")
      ->check(CLI::IsMember({"sync", "async", "auto"}));
  try {
    app.parse(argc, argv);
    if (stdio->count() == 0 && socket->count() == 0) {
      throw CLI::RequiredError("one of --stdio and --socket");
    }
    if (flags.only_exports && flags.exports.empty()) {
      throw CLI::RequiredError("--exports, with --only-exports,");
    }
  } catch (const CLI::ParseError& error) {
    return app.exit(error, std::cout, std::cerr);
  }
  return Run(flags);
}

}  // namespace molt::app

int main(int argc, char** argv) { return molt::app::Main(argc, argv); }
