// What a worker counts, for Prometheus: as text, over HTTP at a Unix socket, and in a file.
#pragma once

#include <string>

#include <asio/awaitable.hpp>

namespace molt::worker {

class Server;

// In the text format of version 0.0.4.
[[nodiscard]] std::string MetricsText(Server& server);

// One request of HTTP/1.1 at `client`, which is closed in the end.
asio::awaitable<void> AnswerScrape(Server& server, int client);

// Written at the start, at the end, and some seconds after something has changed: an idle worker
// is not woken for it.
class MetricsFile {
 public:
  MetricsFile(Server& server, std::string path);
  void Changed();
  void Write();

 private:
  Server& server_;
  const std::string path_;
  bool is_due_ = false;
  bool has_failed_ = false;
};

}  // namespace molt::worker
