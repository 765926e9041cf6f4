#include "apps/molt_worker/program.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <utility>

#include <spdlog/spdlog.h>
#include <CLI/CLI.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>

#include "apps/molt_worker/load.h"
#include "apps/molt_worker/log.h"
#include "apps/molt_worker/service.h"
#include "apps/molt_worker/signals.h"
#include "molt/base/inline_executor.h"
#include "molt/worker/server.h"
#include "molt/worker/unix_socket.h"

namespace molt::app {

namespace {

// Frames alone go to the standard output: whatever else would write there writes to stderr.
int TakeStdout() {
  const int out = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
  dup2(STDERR_FILENO, STDOUT_FILENO);
  return out;
}

void MakeNonBlocking(int fd) { fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK); }

asio::awaitable<void> HearSignals(worker::Server& server, Reloader& reloader, int signals) {
  const Deadline none;
  const CancelToken no_cancel;
  while (true) {
    [[maybe_unused]] const Wake wake =
        co_await WaitForFd(&server.reactor(), signals, Interest::kRead, none, no_cancel);
    switch (NextSignal(signals)) {
      case Told::kNothing:
        break;
      case Told::kReload:
        if (!server.IsStopping()) reloader.Reload(server);
        break;
      case Told::kStop:
        Notify("STOPPING=1");
        server.Stop();
    }
  }
}

int Fail(const std::string& message, bool is_json) {
  if (is_json) {
    spdlog::critical("{}", message);
  } else {
    std::cerr << "molt-worker: " << message << "\n";
  }
  return 1;
}

// A socket that this process makes, and removes in the end.
struct OwnSocket {
  std::string path;
  int fd = -1;
};

Result<std::vector<OwnSocket>> Bind(const std::vector<std::string>& paths) {
  std::vector<OwnSocket> sockets;
  for (const std::string& path : paths) {
    auto bound = path.empty() ? Result<int>(-1) : worker::BindUnixSocket(path);
    if (!bound) {
      for (const OwnSocket& made : sockets) worker::RemoveUnixSocket(made.path, made.fd);
      return molt::Fail(std::move(bound).error());
    }
    sockets.push_back({path, *bound});
  }
  return sockets;
}

void ServeStdio(worker::Server& server, bool is_only) {
  const int out = TakeStdout();
  MakeNonBlocking(STDIN_FILENO);
  MakeNonBlocking(out);
  server.Serve(STDIN_FILENO, out, false, is_only);
}

// Said before anything else is, as far as that can be known.
std::string LogFormat(const Flags& flags) {
  if (!flags.log_format.empty()) return flags.log_format;
  const auto config = LoadConfig(flags.config);
  return config ? config->log_format : "text";
}

int Run(const Flags& flags, const std::vector<PassedSocket>& passed) {
  const int signals = TakeSignals();
  const std::string format = LogFormat(flags);
  SetUpLog(format);
  auto loaded = Load(flags, {});
  if (!loaded) return Fail(loaded.error().message, format == "json");
  const Config& config = loaded->config;
  const auto first = [](const std::string& flag, const std::string& other) {
    return flag.empty() ? other : flag;
  };
  const std::string metrics_file = first(flags.metrics_file, config.metrics_file);
  auto own = Bind({flags.socket, first(flags.metrics_socket, config.metrics_socket)});
  if (!own) return Fail(own.error().message, format == "json");
  const OwnSocket& main = (*own)[0];
  const OwnSocket& metrics = (*own)[1];

  Reloader reloader(flags, std::move(loaded->databases));
  bool is_quiet = true;
  {
    asio::execution_context context;  // outlives what the server's reactor destroys in the end
    worker::Server server(std::move(loaded->options), std::move(loaded->aliases));
    asio::co_spawn(InlineExecutor(context), HearSignals(server, reloader, signals), asio::detached);
    bool listens = main.fd >= 0;
    if (main.fd >= 0) server.Listen(main.fd);
    if (metrics.fd >= 0) server.ListenForMetrics(metrics.fd);
    for (const PassedSocket& each : passed) {
      const bool is_metrics = each.name == "metrics";
      is_metrics ? server.ListenForMetrics(each.fd) : server.Listen(each.fd);
      listens = listens || !is_metrics;
    }
    if (!metrics_file.empty()) server.WriteMetricsTo(metrics_file);
    if (flags.stdio) ServeStdio(server, !listens);
    if (main.fd >= 0) spdlog::info("serving at {}", main.path);
    if (!passed.empty()) spdlog::info("serving at {} sockets that were passed", passed.size());
    Notify("READY=1");
    server.Run();
    is_quiet = reloader.Stop();
    for (const OwnSocket& each : *own) {
      if (each.fd >= 0) worker::RemoveUnixSocket(each.path, each.fd);
    }
  }
  // A database that does not answer may keep its thread for long.
  if (!is_quiet) std::_Exit(0);
  return 0;
}

}  // namespace

int Main(std::vector<std::string> arguments) {
  SetUpLog("text");
  CLI::App app("Runs databases' queries for other processes, over stdio or a Unix socket.",
               "molt-worker");
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
  app.add_option("--max-in-flight", flags.in_flight_max,
                 "Requests that one client may have unanswered (1024).")
      ->check(CLI::Range(1, 1'000'000));
  app.add_option("--metrics-socket", flags.metrics_socket,
                 "Answer GET /metrics (Prometheus) at this Unix socket.");
  app.add_option("--metrics-file", flags.metrics_file,
                 "Write the same to this file, while something changes.");
  app.add_option("--log-format", flags.log_format, "Of messages on stderr: text or json.")
      ->check(CLI::IsMember({"text", "json"}));
  app.add_option("--runtime", flags.runtime, "Accepted for compatibility.")
      ->check(CLI::IsMember({"sync", "async", "auto"}));
  std::vector<PassedSocket> passed;
  try {
    std::reverse(arguments.begin(), arguments.end());  // as CLI11 takes them
    app.parse(std::move(arguments));
    if (!flags.log_format.empty()) SetUpLog(flags.log_format);
    auto sockets = TakePassedSockets();
    if (!sockets) return Fail(sockets.error().message, flags.log_format == "json");
    passed = std::move(*sockets);
    const bool is_passed = std::any_of(passed.begin(), passed.end(),
                                       [](const auto& each) { return each.name != "metrics"; });
    if (stdio->count() == 0 && socket->count() == 0 && !is_passed) {
      throw CLI::RequiredError("one of --stdio and --socket");
    }
    if (flags.only_exports && flags.exports.empty()) {
      throw CLI::RequiredError("--exports, with --only-exports,");
    }
  } catch (const CLI::ParseError& error) {
    return app.exit(error, std::cout, std::cerr);
  }
  return Run(flags, passed);
}

}  // namespace molt::app
