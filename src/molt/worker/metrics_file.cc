#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <utility>

#include <spdlog/spdlog.h>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>

#include "molt/base/inline_executor.h"
#include "molt/worker/metrics.h"
#include "molt/worker/server.h"

namespace molt::worker {

namespace {

// Not more often, however much changes.
constexpr std::chrono::seconds kWriteEvery{5};

asio::awaitable<void> WriteLater(Server& server, MetricsFile& file) {
  const Deadline then = Deadline::After(kWriteEvery);
  const CancelToken no_cancel;
  [[maybe_unused]] const Wake wake =
      co_await WaitForFd(&server.reactor(), -1, Interest::kRead, then, no_cancel);
  file.Write();
}

}  // namespace

MetricsFile::MetricsFile(Server& server, std::string path)
    : server_(server), path_(std::move(path)) {
  Write();
}

void MetricsFile::Changed() {
  if (is_due_) return;
  is_due_ = true;
  asio::co_spawn(InlineExecutor(server_.executor_context()), WriteLater(server_, *this),
                 asio::detached);
}

// Whoever reads it finds the old one or the new one, whole.
void MetricsFile::Write() {
  is_due_ = false;
  const std::string draft = path_ + ".new";
  std::ofstream out(draft, std::ios::binary | std::ios::trunc);
  out << MetricsText(server_);
  out.close();
  const bool is_written = out && std::rename(draft.c_str(), path_.c_str()) == 0;
  if (!is_written && !has_failed_) {
    spdlog::error("the metrics cannot be written to {}: {}", path_, std::strerror(errno));
  }
  has_failed_ = !is_written;
}

}  // namespace molt::worker
