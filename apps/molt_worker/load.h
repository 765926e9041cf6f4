// From flags, file and environment to what the worker offers: at the start, and again whenever it
// is told to.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "apps/molt_worker/config.h"
#include "molt/worker/server.h"

namespace molt::app {

struct Flags {
  bool stdio = false;
  std::string socket;
  std::string exports;
  std::string compiled_exports;  // accepted, and not used
  std::string config;
  std::string runtime = "auto";  // accepted, and not used
  std::string metrics_socket;
  std::string metrics_file;
  std::string log_format;
  bool only_exports = false;
  std::optional<std::size_t> queue_max;
  std::optional<std::size_t> threads;
  std::optional<std::size_t> in_flight_max;
};

// A pool, and what it was opened with.
struct OpenDatabase {
  std::string name;
  std::string url;
  drivers::PoolOptions options;
  std::shared_ptr<db::Pool> pool;
};

struct Loaded {
  Config config;
  worker::OfferOptions options;
  std::vector<worker::AliasOptions> aliases;
  std::vector<OpenDatabase> databases;
};

// Opens the databases, but for those that are open already with the same settings. Blocks.
[[nodiscard]] Result<Loaded> Load(const Flags& flags, const std::vector<OpenDatabase>& open);

// Loads again on a thread of its own, so that requests are answered meanwhile.
class Reloader {
 public:
  Reloader(Flags flags, std::vector<OpenDatabase> open);
  // What is under way is given up. False if its thread still runs: then the process may only exit.
  [[nodiscard]] bool Stop();

  // On the server's thread. Once more afterwards if it is under way.
  void Reload(worker::Server& server);

 private:
  struct Job;
  void Apply(worker::Server& server, Result<Loaded> loaded);

  const Flags flags_;
  std::vector<OpenDatabase> open_;
  std::shared_ptr<Job> job_;  // under way
  std::thread thread_;
  bool again_ = false;
};

}  // namespace molt::app
