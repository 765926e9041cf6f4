// What a worker counts of its work. Used on the server's thread only, so that counting is an
// addition; the text for Prometheus is made when somebody asks.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "molt/wire/envelope.h"

namespace molt::worker {

// Upper bounds of the classes of time, in µs: 0.1 ms to 10 s.
inline constexpr std::array<std::int64_t, 16> kTimesUs = {
    100,    250,     500,     1'000,   2'500,     5'000,     10'000,    25'000,
    50'000, 100'000, 250'000, 500'000, 1'000'000, 2'500'000, 5'000'000, 10'000'000};

// Of one entry.
struct EntryCounters {
  static constexpr std::size_t kStatuses =
      static_cast<std::size_t>(wire::ResponseStatus::kInternalError) + 1;

  std::array<std::uint64_t, kStatuses> replies{};
  // Of requests that ran; the last class is of those longer than all bounds.
  std::array<std::uint64_t, kTimesUs.size() + 1> times{};
  std::int64_t time_us = 0;

  void CountReply(wire::ResponseStatus status) { ++replies[static_cast<std::size_t>(status)]; }
  void CountTime(std::int64_t us) {
    std::size_t at = 0;
    while (at < kTimesUs.size() && us > kTimesUs[at]) ++at;
    ++times[at];
    time_us += us;
  }
};

class Counters {
  // Before the references into it.
  std::map<std::string, std::unique_ptr<EntryCounters>> entries_;

 public:
  // Of an entry that is known; where it is does not change. Not for each request: it searches.
  [[nodiscard]] EntryCounters& Of(const std::string& entry) {
    std::unique_ptr<EntryCounters>& counters = entries_[entry];
    if (!counters) counters = std::make_unique<EntryCounters>();
    return *counters;
  }

  // For names that clients invent.
  EntryCounters& other = Of("other");
  EntryCounters& ping = Of("__ping__");
  EntryCounters& cancel = Of("__cancel__");
  std::uint64_t bytes_in = 0;
  std::uint64_t bytes_out = 0;
  std::size_t in_flight = 0;

  template <class Run>
  void ForEachEntry(const Run& run) const {
    for (const auto& [name, counters] : entries_) run(name, *counters);
  }
};

}  // namespace molt::worker
