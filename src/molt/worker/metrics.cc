#include "molt/worker/metrics.h"

#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cinttypes>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string_view>
#include <system_error>

#include "molt/worker/server.h"

namespace molt::worker {

namespace {

constexpr double kMicros = 1e-6;

std::string Escaped(std::string_view value) {
  std::string text;
  for (const char c : value) {
    if (c == '\\' || c == '"') text += '\\';
    if (c == '\n') {
      text += "\\n";
    } else {
      text += c;
    }
  }
  return text;
}

std::string Number(double value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.15g", value);
  return text.data();
}

class Page {
 public:
  // What follows are the values of this one.
  void Begin(std::string_view name, std::string_view type, std::string_view help) {
    name_ = name;
    text_.append("# HELP ").append(name).append(" ").append(help).append("\n");
    text_.append("# TYPE ").append(name).append(" ").append(type).append("\n");
  }
  void Add(double value, std::string_view labels = {}, std::string_view suffix = {}) {
    text_.append(name_).append(suffix);
    if (!labels.empty()) text_.append("{").append(labels).append("}");
    text_.append(" ").append(Number(value)).append("\n");
  }
  void One(std::string_view name, std::string_view type, std::string_view help, double value) {
    Begin(name, type, help);
    Add(value);
  }
  [[nodiscard]] std::string Take() { return std::move(text_); }

 private:
  std::string_view name_;
  std::string text_;
};

void AddReplies(const Counters& counters, Page& page) {
  page.Begin("molt_requests_total", "counter", "Requests that were answered.");
  counters.ForEachEntry([&](const std::string& name, const EntryCounters& entry) {
    for (std::size_t i = 0; i < entry.replies.size(); ++i) {
      if (entry.replies[i] == 0) continue;
      const auto status = wire::ResponseStatusName(static_cast<wire::ResponseStatus>(i));
      page.Add(static_cast<double>(entry.replies[i]),
               "entry=\"" + Escaped(name) + "\",status=\"" + std::string(status) + "\"");
    }
  });
}

void AddTimes(const Counters& counters, Page& page) {
  page.Begin("molt_request_seconds", "histogram",
             "From reading a request to its reply, of requests that were begun.");
  counters.ForEachEntry([&](const std::string& name, const EntryCounters& entry) {
    const std::string label = "entry=\"" + Escaped(name) + "\"";
    std::uint64_t all = 0;
    for (const std::uint64_t times : entry.times) all += times;
    if (all == 0) return;
    std::uint64_t below = 0;
    for (std::size_t i = 0; i < kTimesUs.size(); ++i) {
      below += entry.times[i];
      page.Add(static_cast<double>(below),
               label + ",le=\"" + Number(static_cast<double>(kTimesUs[i]) * kMicros) + "\"",
               "_bucket");
    }
    page.Add(static_cast<double>(all), label + ",le=\"+Inf\"", "_bucket");
    page.Add(static_cast<double>(entry.time_us) * kMicros, label, "_sum");
    page.Add(static_cast<double>(all), label, "_count");
  });
}

void AddPools(const Offer& offer, Page& page) {
  page.Begin("molt_pool_connections", "gauge", "Connections to databases.");
  for (const auto& [name, alias] : offer.aliases()) {
    const db::PoolUse use = alias->options.pool->Use();
    const std::string label = "alias=\"" + Escaped(name) + "\",state=";
    page.Add(use.in_use, label + "\"in_use\"");
    page.Add(use.idle, label + "\"idle\"");
  }
}

double ResidentBytes() {
  std::ifstream in("/proc/self/statm");
  double size = 0;
  double resident = 0;
  in >> size >> resident;
  return resident * static_cast<double>(sysconf(_SC_PAGESIZE));
}

double OpenFiles() {
  std::error_code failure;
  double count = -1;  // the descriptor that reads the folder
  for (auto entry = std::filesystem::directory_iterator("/proc/self/fd", failure);
       !failure && entry != std::filesystem::directory_iterator(); entry.increment(failure)) {
    ++count;
  }
  return count;
}

double CpuSeconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  double seconds = 0;
  for (const timeval& time : {usage.ru_utime, usage.ru_stime}) {
    seconds += static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * kMicros;
  }
  return seconds;
}

void AddProcess(const Server& server, Page& page) {
  page.One("process_resident_memory_bytes", "gauge", "Resident memory.", ResidentBytes());
  page.One("process_cpu_seconds_total", "counter", "User and system time.", CpuSeconds());
  page.One("process_open_fds", "gauge", "Open file descriptors.", OpenFiles());
  page.One("process_start_time_seconds", "gauge", "When it began, since 1970 in UTC.",
           std::chrono::duration<double>(server.started().time_since_epoch()).count());
}

}  // namespace

std::string MetricsText(Server& server) {
  const Offer& offer = *server.offer();
  const Counters& counters = server.counters();
  Page page;
  page.Begin("molt_build_info", "gauge", "1, with the version of the worker.");
  page.Add(1, "version=\"" + Escaped(offer.options().version) + "\"");
  AddReplies(counters, page);
  page.One("molt_requests_in_flight", "gauge", "Requests that are not yet answered.",
           static_cast<double>(counters.in_flight));
  page.One("molt_queue_depth", "gauge", "Requests that wait for their turn.",
           static_cast<double>(server.room().taken));
  page.One("molt_queue_max", "gauge", "Requests that may wait.",
           static_cast<double>(server.room().places));
  AddTimes(counters, page);
  page.One("molt_clients", "gauge", "Clients that are connected.",
           static_cast<double>(server.clients()));
  page.One("molt_bytes_in_total", "counter", "Bytes read from clients.",
           static_cast<double>(counters.bytes_in));
  page.One("molt_bytes_out_total", "counter", "Bytes written to clients.",
           static_cast<double>(counters.bytes_out));
  AddPools(offer, page);
  AddProcess(server, page);
  return page.Take();
}

}  // namespace molt::worker
