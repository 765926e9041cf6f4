#include "apps/molt_worker/service.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <ctime>

namespace molt::app {

namespace {

constexpr int kFirstFd = 3;
constexpr int kFdsMax = 64;

std::string Env(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

int Option(int fd, int option) {
  int value = -1;
  socklen_t size = sizeof(value);
  return getsockopt(fd, SOL_SOCKET, option, &value, &size) == 0 ? value : -1;
}

bool IsListener(int fd) {
  return Option(fd, SO_DOMAIN) == AF_UNIX && Option(fd, SO_TYPE) == SOCK_STREAM &&
         Option(fd, SO_ACCEPTCONN) == 1;
}

}  // namespace

Result<std::vector<PassedSocket>> TakePassedSockets() {
  std::vector<PassedSocket> sockets;
  const bool for_us = Env("LISTEN_PID") == std::to_string(getpid());
  const int count = for_us ? std::atoi(Env("LISTEN_FDS").c_str()) : 0;
  std::string names = Env("LISTEN_FDNAMES");
  for (const char* name : {"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"}) unsetenv(name);
  if (count < 0 || count > kFdsMax) return InvalidQuery("LISTEN_FDS is no number of sockets");
  for (int fd = kFirstFd; fd < kFirstFd + count; ++fd) {
    const std::size_t end = std::min(names.find(':'), names.size());
    const std::string name = names.substr(0, end);
    names.erase(0, end + 1);
    if (!IsListener(fd)) {
      return InvalidQuery("descriptor " + std::to_string(fd) +
                          ", which the service manager passed, is no Unix socket that listens "
                          "(ListenStream= with a path)");
    }
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    sockets.push_back({fd, name});
  }
  return sockets;
}

void Notify(std::string_view state) {
  const std::string path = Env("NOTIFY_SOCKET");
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof(address.sun_path)) return;
  std::memcpy(address.sun_path, path.data(), path.size());
  if (path[0] == '@') address.sun_path[0] = '\0';  // an abstract one
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
  const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return;
  // Nothing depends on whether it was heard.
  [[maybe_unused]] const ssize_t sent =
      sendto(fd, state.data(), state.size(), MSG_NOSIGNAL | MSG_DONTWAIT,
             reinterpret_cast<const sockaddr*>(&address), size);
  close(fd);
}

void NotifyReloading() {
  constexpr long kNanosPerMicro = 1000;
  constexpr long kMicrosPerSecond = 1'000'000;
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  const long micros = now.tv_sec * kMicrosPerSecond + now.tv_nsec / kNanosPerMicro;
  Notify("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(micros));
}

}  // namespace molt::app
