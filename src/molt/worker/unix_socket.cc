#include "molt/worker/unix_socket.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace molt::worker {

namespace {

constexpr int kBacklog = 1024;

std::string Why() { return std::strerror(errno); }

Result<sockaddr_un> AddressOf(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof(address.sun_path)) {
    return InvalidQuery("the path of a Unix socket has 1 to " +
                        std::to_string(sizeof(address.sun_path) - 1) + " bytes, this one has " +
                        std::to_string(path.size()));
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

int NewSocket() { return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0); }

Status CheckFolder(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "."
                             : slash == 0               ? "/"
                                                        : path.substr(0, slash);
  struct stat found{};
  if (stat(folder.c_str(), &found) != 0) {
    return InvalidQuery("the socket's folder " + folder + " cannot be used: " + Why());
  }
  // With the sticky bit nobody can replace what is another's.
  if ((found.st_mode & (S_IWGRP | S_IWOTH)) != 0 && (found.st_mode & S_ISVTX) == 0) {
    return InvalidQuery("others may write to the socket's folder " + folder +
                        ", and so put another socket in its place: choose one that only this user "
                        "can write to");
  }
  return {};
}

// Makes room for a socket at `path`.
Status RemoveStale(const std::string& path, const sockaddr_un& address) {
  struct stat found{};
  if (lstat(path.c_str(), &found) != 0) {
    if (errno == ENOENT) return {};
    return InvalidQuery(path + " cannot be looked at: " + Why());
  }
  if (!S_ISSOCK(found.st_mode)) return InvalidQuery(path + " exists, and is no socket");
  const int probe = NewSocket();
  const int failed = connect(probe, reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  const int error = errno;
  close(probe);
  // EAGAIN: its queue is full, so somebody has one.
  if (failed == 0 || error == EAGAIN)
    return InvalidQuery("a worker serves at " + path + " already");
  if (error != ECONNREFUSED) {
    return InvalidQuery("whether a worker serves at " + path +
                        " cannot be told: " + std::strerror(error));
  }
  if (unlink(path.c_str()) != 0 && errno != ENOENT) {
    return InvalidQuery("the old socket " + path + " cannot be removed: " + Why());
  }
  return {};
}

}  // namespace

Result<int> BindUnixSocket(const std::string& path) {
  MOLT_ASSIGN(const sockaddr_un address, AddressOf(path));
  MOLT_RETURN_IF_ERROR(CheckFolder(path));
  MOLT_RETURN_IF_ERROR(RemoveStale(path, address));
  const int listener = NewSocket();
  const mode_t before = umask(0177);
  const bool is_bound =
      bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  const int error = errno;
  umask(before);
  if (is_bound && listen(listener, kBacklog) == 0) return listener;
  close(listener);
  return InvalidQuery("no socket can be made at " + path + ": " +
                      std::strerror(is_bound ? errno : error));
}

void RemoveUnixSocket(const std::string& path, int listener) {
  // What the descriptor says of itself is not the file, so the address is asked.
  sockaddr_un address{};
  socklen_t size = sizeof(address);
  if (getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size) != 0) return;
  if (path != address.sun_path) return;
  unlink(path.c_str());
}

}  // namespace molt::worker
