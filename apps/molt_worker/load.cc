#include "apps/molt_worker/load.h"

#include <algorithm>
#include <fstream>
#include <mutex>
#include <sstream>
#include <utility>

#include <spdlog/spdlog.h>

#include "apps/molt_worker/service.h"
#include "molt/drivers/open_pool.h"

namespace molt::app {

namespace {

// Queries that may be on the way on one connection at a time (docs/adr/0014).
constexpr std::size_t kPipelineDepth = 4;

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

Result<OpenDatabase> Open(const DatabaseConfig& config, std::size_t threads,
                          const std::vector<OpenDatabase>& open) {
  OpenDatabase database{config.name, config.url, config.pool, nullptr};
  database.options.max_readers = static_cast<int>(threads) + 1;  // one for what is done at once
  for (const OpenDatabase& known : open) {
    if (known.name == database.name && known.url == database.url &&
        known.options == database.options) {
      return known;
    }
  }
  auto opened = drivers::OpenPool(database.url, database.options);
  if (!opened) {
    return InvalidQuery("the database \"" + config.name + "\" (" + config.origin +
                        ") cannot be opened: " + opened.error().message);
  }
  database.pool = std::move(opened->pool);
  return database;
}

worker::AliasOptions AliasOf(const DatabaseConfig& config, const OpenDatabase& database,
                             std::size_t threads) {
  worker::AliasOptions alias;
  alias.name = config.name;
  alias.pool = database.pool;
  alias.allows_writes = config.allows_writes;
  alias.running_max =
      alias.pool->IsBlocking()
          ? threads
          : static_cast<std::size_t>(database.options.max_connections) * kPipelineDepth;
  alias.rows_max = config.rows_max;
  if (config.timeout) alias.timeout = std::chrono::duration<double>(*config.timeout);
  return alias;
}

}  // namespace

Result<Loaded> Load(const Flags& flags, const std::vector<OpenDatabase>& open) {
  Loaded loaded;
  MOLT_ASSIGN(loaded.config, LoadConfig(flags.config));
  const Config& config = loaded.config;
  for (const std::string& warning : config.warnings) spdlog::warn("{}", warning);
  worker::OfferOptions& options = loaded.options;
  MOLT_ASSIGN(options.manifest, LoadManifest(flags.exports));
  options.queue_max = flags.queue_max.value_or(config.queue_max.value_or(options.queue_max));
  options.threads = flags.threads.value_or(
      config.threads.value_or(std::max(std::thread::hardware_concurrency(), 1U)));
  options.in_flight_max =
      flags.in_flight_max.value_or(config.in_flight_max.value_or(options.in_flight_max));
  options.reply_bytes_max = config.client_bytes_max.value_or(options.reply_bytes_max);
  options.stream_wait_max = config.stream_wait_max.value_or(options.stream_wait_max);
  options.rows_max = config.rows_max;
  options.only_exports = flags.only_exports;
  options.cursor_key = config.cursor_key;
  options.version = MOLT_VERSION;
  for (const DatabaseConfig& database : config.databases) {
    MOLT_ASSIGN(OpenDatabase opened, Open(database, options.threads, open));
    loaded.aliases.push_back(AliasOf(database, opened, options.threads));
    loaded.databases.push_back(std::move(opened));
  }
  return loaded;
}

// Between the thread that loads and the server's.
struct Reloader::Job {
  std::mutex mutex;
  worker::Server* server = nullptr;  // nullptr when nobody waits any more
};

Reloader::Reloader(Flags flags, std::vector<OpenDatabase> open)
    : flags_(std::move(flags)), open_(std::move(open)) {}

bool Reloader::Stop() {
  if (!job_) return true;
  {
    const std::lock_guard lock(job_->mutex);
    job_->server = nullptr;
  }
  thread_.detach();
  return false;
}

void Reloader::Reload(worker::Server& server) {
  if (job_) {
    again_ = true;
    return;
  }
  NotifyReloading();
  job_ = std::make_shared<Job>();
  job_->server = &server;
  thread_ = std::thread([this, job = job_, flags = flags_, open = open_] {
    auto loaded = std::make_shared<Result<Loaded>>(Load(flags, open));
    const std::lock_guard lock(job->mutex);
    if (job->server == nullptr) return;
    job->server->reactor().Post(
        [this, loaded, target = job->server] { Apply(*target, std::move(*loaded)); });
  });
}

void Reloader::Apply(worker::Server& server, Result<Loaded> loaded) {
  thread_.join();
  job_.reset();
  if (loaded) {
    const auto is_kept = [&](const OpenDatabase& database) {
      return std::any_of(open_.begin(), open_.end(),
                         [&](const OpenDatabase& known) { return known.pool == database.pool; });
    };
    const auto kept = std::count_if(loaded->databases.begin(), loaded->databases.end(), is_kept);
    spdlog::info("the configuration is loaded again: {} databases, {} of them as before",
                 loaded->databases.size(), kept);
    // Before the server's, so that the last to hold a pool is the one that closes it.
    open_ = std::move(loaded->databases);
    server.Replace(std::move(loaded->options), std::move(loaded->aliases));
  } else {
    spdlog::error("the configuration is not loaded again, and stays as it was: {}",
                  loaded.error().message);
  }
  Notify("READY=1");
  if (std::exchange(again_, false)) Reload(server);
}

}  // namespace molt::app
