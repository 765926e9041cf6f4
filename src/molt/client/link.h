// The way to a worker: a Unix socket, or a worker of our own at the other end of a socket pair.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "molt/base/status.h"

namespace molt::client {

// Where the worker is: one of the two.
struct Endpoint {
  std::string socket_path;
  // A program and its arguments, which speaks the contract on its stdin and stdout.
  std::vector<std::string> command;
  // Added to this process's environment, for `command`.
  std::vector<std::pair<std::string, std::string>> environment;
};

// An open, non-blocking socket, and the process at its other end if we started that. Both end with
// it: a worker ends when its stdin does. In a forked child the socket is closed already, so that
// the parent's worker does not outlive the parent.
class Link {
 public:
  // Unavailable, with what stands in the way.
  [[nodiscard]] static Result<std::unique_ptr<Link>> Open(const Endpoint& endpoint);
  ~Link();
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  [[nodiscard]] int fd() const { return fd_; }
  // A second descriptor of the socket, so that somebody else can wait for it.
  [[nodiscard]] int fd_for_writing() const { return fd_for_writing_; }
  // Why the other side is gone, as a part of a sentence: "it was ended by signal 9".
  [[nodiscard]] std::string EndOfProcess();
  // -1 if it is not ours.
  [[nodiscard]] pid_t process() const { return process_; }

 private:
  Link(int fd, pid_t process);

  const int fd_;
  const int fd_for_writing_;
  pid_t process_;
  const std::uint64_t generation_;
};

}  // namespace molt::client
