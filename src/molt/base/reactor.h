// Where coroutines wait for sockets, for time and for other threads. A reactor belongs to one
// thread; it is either that thread's own loop (Run), or nested in another event loop, which watches
// fd() and calls Poll() (docs/adr/0011).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include <asio/awaitable.hpp>

#include "molt/base/cancel.h"
#include "molt/base/deadline.h"

namespace molt {

enum class Interest : std::uint8_t { kRead = 1, kWrite = 2, kReadOrWrite = 3 };

// Why a wait ended.
enum class Wake : std::uint8_t { kReady, kTimeout, kCancelled };

namespace internal {
// What resumes a coroutine, once.
class Resumption {
 public:
  virtual ~Resumption() = default;
  virtual void Resume(Wake wake) = 0;
};
}  // namespace internal

class Reactor {
 public:
  Reactor();
  // Coroutines that still wait are destroyed.
  ~Reactor();
  Reactor(const Reactor&) = delete;
  Reactor& operator=(const Reactor&) = delete;

  // Readable when Poll() has something to do.
  [[nodiscard]] int fd() const { return epoll_; }
  // Runs what is ready, and never blocks. Only on the reactor's thread.
  void Poll() { RunReady(0); }
  // Runs until Stop(). Only on the reactor's thread.
  void Run();
  // From any thread.
  void Stop();
  // Destroys the coroutines that wait. Only on the reactor's thread, or when that has ended.
  void Clear();
  // Calls `work` on the reactor's thread, soon. From any thread.
  void Post(std::function<void()> work);

  // Whether nothing waits here. Only on the reactor's thread.
  [[nodiscard]] bool IsIdle() const { return waiting_.empty(); }

  // The rest is for Wait… below, on the reactor's thread only.

  using WaitId = std::uint64_t;
  // `fd` may be -1: then only time, cancellation or Complete() end the wait.
  WaitId Add(int fd, Interest interest, Deadline deadline, const CancelToken& cancel,
             std::unique_ptr<internal::Resumption> resumption);
  // Ends a wait; nothing happens if it has ended already.
  void Complete(WaitId id, Wake wake);

 private:
  struct Waiting {
    int fd = -1;
    Deadline deadline;
    std::unique_ptr<internal::Resumption> resumption;
    CancelRegistration on_cancel;
  };

  void RunReady(int timeout_ms);
  void RunPosted();
  void Watch(int fd, Interest interest, WaitId id);
  void ArmTimer(Deadline::Clock::time_point when);
  void ExpireTimers();

  const int epoll_;
  const int event_;  // eventfd: something was posted
  const int timer_;  // timerfd: the earliest deadline
  WaitId next_id_ = 1;
  std::unordered_map<WaitId, Waiting> waiting_;
  std::set<std::pair<Deadline::Clock::time_point, WaitId>> timers_;
  Deadline armed_;
  std::mutex mutex_;  // guards the next three
  std::vector<std::function<void()>> posted_;
  std::thread::id polling_;  // the thread inside RunReady, which needs no waking
  bool stopped_ = false;
};

namespace internal {
// Blocks the calling thread in poll(2).
Wake BlockOnFd(int fd, Interest interest, const Deadline& deadline, const CancelToken& cancel);

}  // namespace internal

// Until `fd` is ready (or has failed: then too). Without a reactor the calling thread blocks. With
// one, `fd` may be -1: then only time and cancellation end the wait.
asio::awaitable<Wake> WaitForFd(Reactor* reactor, int fd, Interest interest, Deadline deadline,
                                const CancelToken& cancel);

// The coroutine goes on on the thread of `reactor`.
asio::awaitable<void> SwitchTo(Reactor& reactor);

// Something that happens once, and the one coroutine or thread that waits for it.
class Event {
 public:
  // From any thread; once.
  void Notify();
  // Once. `self` keeps the event alive for whoever will notify.
  static asio::awaitable<Wake> Wait(std::shared_ptr<Event> self, Reactor* reactor,
                                    Deadline deadline, CancelToken cancel);

 private:
  struct Blocking;
  Wake Block(const Deadline& deadline, const CancelToken& cancel);

  std::mutex mutex_;
  bool happened_ = false;
  Reactor* reactor_ = nullptr;  // of who waits
  Reactor::WaitId wait_id_ = 0;
  std::shared_ptr<Blocking> blocking_;
};

// A reactor on a thread of its own; the thread begins when it is first asked for.
class ReactorThread {
 public:
  ~ReactorThread() { Stop(); }
  Reactor& Get();
  // Waits for the thread to end, unless it is this one.
  void Stop();

 private:
  std::mutex mutex_;
  std::shared_ptr<Reactor> reactor_;  // shared with the thread
  std::thread thread_;
};

}  // namespace molt
