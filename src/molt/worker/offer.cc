#include "molt/worker/offer.h"

#include <utility>

#include "molt/base/nearest_names.h"
#include "molt/worker/counters.h"
#include "molt/worker/entry.h"

namespace molt::worker {

namespace {

// Longer than on an event loop of Python's: here nobody waits but other requests, and on a busy
// machine what usually takes 50 µs must not lose its turn to a moment's interruption.
constexpr std::chrono::microseconds kTrialTime{250};

engine::DatabaseOptions DatabaseOptionsOf(std::size_t threads) {
  engine::DatabaseOptions options;
  options.threads = threads;
  options.trial_time = kTrialTime;
  return options;
}

}  // namespace

Backend::Backend(std::shared_ptr<db::Pool> of, std::size_t threads, std::size_t running_max,
                 Reactor& reactor, WaitingRoom& room)
    : pool(std::move(of)),
      database(std::make_shared<engine::Database>(pool, DatabaseOptionsOf(threads))),
      gate(reactor, room, running_max) {}

Offer::Offer(OfferOptions options, Aliases aliases, Counters& counters)
    : options_(std::move(options)), aliases_(std::move(aliases)) {
  for (const std::string& name : options_.manifest.Names()) {
    const Export* exported = options_.manifest.Find(name);
    if (exported->named) {
      callables_[name] = {&NamedQueryEntry(), exported, &counters.Of(name)};
    }
  }
  for (const Entry& entry : BuiltInEntries()) {
    std::string name(entry.name);
    const Export* exported = options_.manifest.Find(name);
    if (exported == nullptr && options_.manifest.is_closed() && !name.starts_with("__")) continue;
    if (entry.is_free_sql && options_.only_exports) continue;
    EntryCounters& counted = counters.Of(name);
    callables_.try_emplace(std::move(name), Callable{&entry, exported, &counted});
  }
}

Result<Alias*> Offer::FindAlias(const std::string& name) const {
  const auto found = aliases_.find(name);
  if (found != aliases_.end()) return found->second.get();
  if (aliases_.empty()) return InvalidQuery("this worker has no database");
  std::vector<std::string> names;
  for (const auto& [known, alias] : aliases_) names.push_back(known);
  return InvalidQuery("there is no database \"" + name + "\"" + NearestNames(name, names));
}

Result<const Callable*> Offer::Find(const std::string& entry) const {
  const auto found = callables_.find(entry);
  if (found != callables_.end()) return &found->second;
  return Fail(WhyNot(entry));
}

Error Offer::WhyNot(const std::string& entry) const {
  const bool is_exported = options_.manifest.Find(entry) != nullptr;
  for (const Entry& known : BuiltInEntries()) {
    if (known.name == entry && (is_exported || !options_.manifest.is_closed())) {
      return InvalidQuery("\"" + entry + "\" is not served here: this worker runs the queries " +
                          "that it exports, and no others")
          .value();
    }
  }
  if (is_exported) {
    return Internal("\"" + entry + "\" is exported, and nothing here handles it").value();
  }
  return InvalidQuery("there is no entry \"" + entry + "\"" + NearestNames(entry, EntryNames()))
      .value();
}

std::vector<std::string> Offer::EntryNames() const {
  std::vector<std::string> names = options_.manifest.Names();
  if (options_.manifest.is_closed()) return names;
  for (const Entry& entry : BuiltInEntries()) {
    if (!entry.name.starts_with("__") && !(entry.is_free_sql && options_.only_exports)) {
      names.emplace_back(entry.name);
    }
  }
  return names;
}

}  // namespace molt::worker
