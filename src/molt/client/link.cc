#include "molt/client/link.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <mutex>
#include <set>
#include <string_view>
#include <thread>

extern char** environ;

namespace molt::client {

namespace {

// A worker is given so long to answer what it has read and to end, then it is killed.
constexpr std::chrono::milliseconds kEndTime{3000};
constexpr std::chrono::milliseconds kEndPoll{2};

// The descriptors of all links, which a forked child closes: kept open there, they would keep a
// worker alive after its client is gone.
class OpenLinks {
 public:
  static OpenLinks& Get() {
    static OpenLinks links;
    return links;
  }
  std::uint64_t Add(std::initializer_list<int> fds) {
    const std::lock_guard lock(mutex_);
    fds_.insert(fds);
    return generation_;
  }
  // False if they were closed by a fork.
  bool Remove(std::initializer_list<int> fds, std::uint64_t generation) {
    const std::lock_guard lock(mutex_);
    if (generation != generation_) return false;
    for (const int fd : fds) fds_.erase(fd);
    return true;
  }

 private:
  OpenLinks() {
    pthread_atfork([] { Get().mutex_.lock(); }, [] { Get().mutex_.unlock(); },
                   [] {
                     OpenLinks& links = Get();
                     for (const int fd : links.fds_) close(fd);
                     links.fds_.clear();
                     ++links.generation_;
                     links.mutex_.unlock();
                   });
  }

  std::mutex mutex_;
  std::set<int> fds_;
  std::uint64_t generation_ = 0;
};

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  [[nodiscard]] int get() const { return fd_; }
  int Release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

std::string Reason() { return std::strerror(errno); }

Result<int> ConnectTo(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) {
    return InvalidQuery("the worker's socket has a path of " + std::to_string(path.size()) +
                        " bytes; at most " + std::to_string(sizeof(address.sun_path) - 1) +
                        " are possible");
  }
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  Descriptor fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (fd.get() < 0) return Unavailable("no socket can be made: " + Reason());
  if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    return Unavailable("no worker answers at " + path + ": " + Reason() +
                       (errno == ENOENT || errno == ECONNREFUSED
                            ? "; start one with molt-worker --socket " + path
                            : ""));
  }
  return fd.Release();
}

// This process's environment with the additions in the place of what has the same name.
std::vector<std::string> EnvironmentOf(const Endpoint& endpoint) {
  std::vector<std::string> all;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    bool is_replaced = false;
    for (const auto& [name, value] : endpoint.environment) {
      is_replaced = is_replaced || (text.starts_with(name) && text.substr(name.size(), 1) == "=");
    }
    if (!is_replaced) all.emplace_back(text);
  }
  for (const auto& [name, value] : endpoint.environment) all.push_back(name + "=" + value);
  return all;
}

std::vector<char*> PointersTo(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

// The child gets `end` as its stdin and stdout, a free signal mask and default handlers.
Result<pid_t> Spawn(const Endpoint& endpoint, int end) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, end, STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, end, STDOUT_FILENO);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none;
  sigemptyset(&none);
  sigset_t defaults;
  sigemptyset(&defaults);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGPIPE}) sigaddset(&defaults, signal);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &defaults);
  // A group of its own: Ctrl-C at a terminal is for us, who end the worker by closing its stdin.
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(&attributes,
                           POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  std::vector<std::string> command = endpoint.command;
  std::vector<std::string> environment = EnvironmentOf(endpoint);
  pid_t process = -1;
  const int code = posix_spawnp(&process, command.front().c_str(), &actions, &attributes,
                                PointersTo(command).data(), PointersTo(environment).data());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  if (code != 0) {
    return Unavailable("the worker cannot be started: " + endpoint.command.front() + ": " +
                       std::strerror(code));
  }
  return process;
}

std::string Describe(int status) {
  if (WIFSIGNALED(status)) return "it was ended by signal " + std::to_string(WTERMSIG(status));
  return "it ended with exit code " + std::to_string(WEXITSTATUS(status));
}

// Waits up to `time`; nothing if it still runs.
std::optional<int> Reap(pid_t process, std::chrono::milliseconds time) {
  const auto until = std::chrono::steady_clock::now() + time;
  while (true) {
    int status = 0;
    const pid_t ended = waitpid(process, &status, WNOHANG);
    if (ended == process) return status;
    if (ended < 0 && errno != EINTR) return 0;  // somebody else has reaped it
    if (std::chrono::steady_clock::now() >= until) return std::nullopt;
    std::this_thread::sleep_for(kEndPoll);
  }
}

}  // namespace

Link::Link(int fd, pid_t process)
    : fd_(fd),
      fd_for_writing_(fcntl(fd, F_DUPFD_CLOEXEC, 0)),
      process_(process),
      generation_(OpenLinks::Get().Add({fd_, fd_for_writing_})) {}

Link::~Link() {
  if (!OpenLinks::Get().Remove({fd_, fd_for_writing_}, generation_)) return;
  close(fd_);
  if (fd_for_writing_ >= 0) close(fd_for_writing_);
  if (process_ < 0 || Reap(process_, kEndTime)) return;
  kill(process_, SIGKILL);
  Reap(process_, kEndTime);
}

Result<std::unique_ptr<Link>> Link::Open(const Endpoint& endpoint) {
  if (endpoint.command.empty()) {
    MOLT_ASSIGN(const int fd, ConnectTo(endpoint.socket_path));
    return std::unique_ptr<Link>(new Link(fd, -1));
  }
  std::array<int, 2> ends{};
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return Unavailable("no socket can be made: " + Reason());
  }
  Descriptor ours(ends[0]);
  const Descriptor theirs(ends[1]);
  fcntl(ours.get(), F_SETFL, O_NONBLOCK);
  MOLT_ASSIGN(const pid_t process, Spawn(endpoint, theirs.get()));
  return std::unique_ptr<Link>(new Link(ours.Release(), process));
}

std::string Link::EndOfProcess() {
  if (process_ < 0) return "it closed the connection";
  // Its socket goes a moment before it does.
  const auto status = Reap(process_, std::chrono::milliseconds(100));
  if (!status) return "it closed the connection";
  process_ = -1;
  return Describe(*status);
}

}  // namespace molt::client
