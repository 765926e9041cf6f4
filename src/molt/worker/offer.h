// What a worker serves: its databases, what can be called, and the limits. It does not change; a
// reload puts another in its place, and a request keeps the one that it began with.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "molt/engine/database.h"
#include "molt/worker/gate.h"
#include "molt/worker/manifest.h"

namespace molt::worker {

struct Entry;
struct EntryCounters;
class Counters;

// A database as it is opened.
struct AliasOptions {
  std::string name;
  std::shared_ptr<db::Pool> pool;
  bool allows_writes = true;
  std::size_t running_max = 2;  // requests that run on it at a time; always the same for one pool
  std::optional<std::int64_t> rows_max;
  std::optional<std::chrono::duration<double>> timeout;  // of requests that have none
};

struct OfferOptions {
  std::size_t queue_max = 64;
  std::size_t threads = 2;
  std::int64_t rows_max = 1000;
  // Of one client: requests not yet answered, and what their replies may take of memory together
  // as they are made and until they are read.
  std::size_t in_flight_max = 1024;
  std::size_t reply_bytes_max = std::size_t{128} << 20;
  // How long a stream may wait for its client while others wait for the database. Long enough for
  // a client that works on each part, and short beside what who waits would call a failure.
  std::chrono::milliseconds stream_wait_max{5000};
  Manifest manifest;
  bool only_exports = false;  // no free SQL
  std::string cursor_key;
  std::string version;
};

// A database that is connected. Offers that differ in other things share it.
struct Backend {
  Backend(std::shared_ptr<db::Pool> of, std::size_t threads, std::size_t running_max,
          Reactor& reactor, WaitingRoom& room);
  const std::shared_ptr<db::Pool> pool;
  const std::shared_ptr<engine::Database> database;
  Gate gate;
};

struct Alias {
  Alias(AliasOptions of, std::shared_ptr<Backend> on)
      : options(std::move(of)),
        backend(std::move(on)),
        database(backend->database),
        gate(backend->gate) {}
  const AliasOptions options;
  const std::shared_ptr<Backend> backend;
  const std::shared_ptr<engine::Database> database;
  Gate& gate;
};

// Something that can be called.
struct Callable {
  const Entry* entry = nullptr;
  const Export* exported = nullptr;  // nullptr without a manifest
  EntryCounters* counters = nullptr;
};

class Offer {
 public:
  using Aliases = std::map<std::string, std::unique_ptr<Alias>>;

  Offer(OfferOptions options, Aliases aliases, Counters& counters);

  [[nodiscard]] const OfferOptions& options() const { return options_; }
  [[nodiscard]] const Aliases& aliases() const { return aliases_; }
  // InvalidQuery naming those there are.
  [[nodiscard]] Result<Alias*> FindAlias(const std::string& name) const;
  [[nodiscard]] Result<const Callable*> Find(const std::string& entry) const;
  // Of what can be called.
  [[nodiscard]] std::vector<std::string> EntryNames() const;

 private:
  [[nodiscard]] Error WhyNot(const std::string& entry) const;

  const OfferOptions options_;
  const Aliases aliases_;
  std::unordered_map<std::string, Callable> callables_;
};

using OfferPtr = std::shared_ptr<const Offer>;

}  // namespace molt::worker
