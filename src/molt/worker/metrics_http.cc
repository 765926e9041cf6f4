// The little of HTTP/1.1 that a scrape needs: one request a connection.
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <string>
#include <string_view>

#include "molt/worker/metrics.h"
#include "molt/worker/server.h"

namespace molt::worker {

namespace {

constexpr std::size_t kHeadBytesMax = std::size_t{8} << 10;
constexpr std::chrono::seconds kTimeLimit{5};

struct Descriptor {
  explicit Descriptor(int of) : fd(of) {}
  ~Descriptor() { close(fd); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  const int fd;
};

std::string Reply(std::string_view status, std::string_view more_headers, std::string_view type,
                  const std::string& body, bool with_body) {
  std::string text = "HTTP/1.1 " + std::string(status) + "\r\n" + std::string(more_headers) +
                     "Content-Type: " + std::string(type) +
                     "\r\nContent-Length: " + std::to_string(body.size()) +
                     "\r\nConnection: close\r\n\r\n";
  if (with_body) text += body;
  return text;
}

// `head` begins with the request's first line.
std::string Answer(Server& server, std::string_view head) {
  constexpr std::string_view kPlain = "text/plain; charset=utf-8";
  const std::string_view line = head.substr(0, head.find("\r\n"));
  const std::size_t first = line.find(' ');
  const std::size_t second = first == std::string_view::npos ? first : line.find(' ', first + 1);
  if (second == std::string_view::npos || !line.substr(second + 1).starts_with("HTTP/1.")) {
    return Reply("400 Bad Request", {}, kPlain, "This is no request of HTTP/1.1.\n", true);
  }
  const std::string_view method = line.substr(0, first);
  std::string_view path = line.substr(first + 1, second - first - 1);
  path = path.substr(0, path.find('?'));
  if (method != "GET" && method != "HEAD") {
    return Reply("405 Method Not Allowed", "Allow: GET, HEAD\r\n", kPlain, "There is GET.\n", true);
  }
  if (path != "/metrics") {
    return Reply("404 Not Found", {}, kPlain, "There is /metrics.\n", method == "GET");
  }
  return Reply("200 OK", {}, "text/plain; version=0.0.4; charset=utf-8", MetricsText(server),
               method == "GET");
}

}  // namespace

asio::awaitable<void> AnswerScrape(Server& server, int client) {
  const Descriptor owned(client);
  const Deadline deadline = Deadline::After(kTimeLimit);
  const CancelToken no_cancel;
  std::string text;
  while (text.find("\r\n\r\n") == std::string::npos) {
    if (text.size() >= kHeadBytesMax) co_return;
    if (co_await WaitForFd(&server.reactor(), client, Interest::kRead, deadline, no_cancel) !=
        Wake::kReady) {
      co_return;
    }
    const std::size_t before = text.size();
    text.resize(kHeadBytesMax);
    const ssize_t got = read(client, text.data() + before, kHeadBytesMax - before);
    text.resize(before + static_cast<std::size_t>(got > 0 ? got : 0));
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) co_return;
  }
  text = Answer(server, text);
  std::size_t begin = 0;
  while (begin < text.size()) {
    const ssize_t done = write(client, text.data() + begin, text.size() - begin);
    if (done > 0) {
      begin += static_cast<std::size_t>(done);
      continue;
    }
    if (errno != EAGAIN && errno != EINTR) co_return;
    if (co_await WaitForFd(&server.reactor(), client, Interest::kWrite, deadline, no_cancel) !=
        Wake::kReady) {
      co_return;
    }
  }
}

}  // namespace molt::worker
