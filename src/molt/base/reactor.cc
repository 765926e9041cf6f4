#include "molt/base/reactor.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <system_error>

#include <asio/async_result.hpp>
#include <asio/use_awaitable.hpp>

namespace molt {

namespace {

template <class Handler>
class HandlerResumption final : public internal::Resumption {
 public:
  explicit HandlerResumption(Handler handler) : handler_(std::move(handler)) {}
  void Resume(Wake wake) override { std::move(handler_)(wake); }

 private:
  Handler handler_;
};

// Suspends the calling coroutine; `start` gets what resumes it.
template <class Start>
asio::awaitable<Wake> Suspend(Start start) {
  co_return co_await asio::async_initiate<const asio::use_awaitable_t<>&, void(Wake)>(
      [&](auto handler) {
        using Handler = std::decay_t<decltype(handler)>;
        start(std::make_unique<HandlerResumption<Handler>>(std::move(handler)));
      },
      asio::use_awaitable);
}

constexpr Reactor::WaitId kPosted = 0;  // what epoll reports for event_ and timer_: never a wait
constexpr auto kCancelPoll = std::chrono::milliseconds(20);

int Checked(int fd, const char* what) {
  if (fd < 0) throw std::system_error(errno, std::generic_category(), what);
  return fd;
}

void Drain(int fd) {
  std::uint64_t count = 0;
  [[maybe_unused]] const ssize_t got = read(fd, &count, sizeof(count));
}

// Rounded up: waking before the deadline would only mean waiting again.
int MillisUntil(Deadline::Clock::time_point when) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(when - Deadline::Clock::now());
  return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 1'000'000));
}

}  // namespace

Reactor::Reactor()
    : epoll_(Checked(epoll_create1(EPOLL_CLOEXEC), "epoll_create1")),
      event_(Checked(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd")),
      timer_(Checked(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK), "timerfd")) {
  for (const int fd : {event_, timer_}) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = kPosted;
    Checked(epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event), "epoll_ctl");
  }
}

Reactor::~Reactor() {
  Clear();
  for (const int fd : {epoll_, event_, timer_}) close(fd);
}

// What is destroyed may post to this reactor, or end other waits of it.
void Reactor::Clear() {
  while (true) {
    std::vector<std::function<void()>> posted;
    {
      const std::lock_guard lock(mutex_);
      posted.swap(posted_);
    }
    if (posted.empty() && waiting_.empty()) break;
    if (!waiting_.empty()) const auto node = waiting_.extract(waiting_.begin());
  }
  timers_.clear();
}

void Reactor::Run() {
  while (true) {
    {
      const std::lock_guard lock(mutex_);
      if (stopped_) return;
    }
    RunReady(-1);
  }
}

void Reactor::Stop() {
  const std::lock_guard lock(mutex_);
  stopped_ = true;
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = write(event_, &one, sizeof(one));
}

void Reactor::Post(std::function<void()> work) {
  const std::lock_guard lock(mutex_);
  posted_.push_back(std::move(work));
  if (posted_.size() > 1 || polling_ == std::this_thread::get_id()) return;
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = write(event_, &one, sizeof(one));
}

void Reactor::RunReady(int timeout_ms) {
  std::array<epoll_event, 64> events;
  const int count = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), timeout_ms);
  {
    const std::lock_guard lock(mutex_);
    polling_ = std::this_thread::get_id();
  }
  for (int i = 0; i < count; ++i) {
    const WaitId id = events[static_cast<std::size_t>(i)].data.u64;
    if (id != kPosted) {
      Complete(id, Wake::kReady);
      continue;
    }
    Drain(event_);
    Drain(timer_);
    ExpireTimers();
  }
  RunPosted();
}

// Until nothing is left: what is posted from here on this thread wakes nobody.
void Reactor::RunPosted() {
  while (true) {
    std::vector<std::function<void()>> work;
    {
      const std::lock_guard lock(mutex_);
      if (posted_.empty()) {
        polling_ = {};
        return;
      }
      work.swap(posted_);
    }
    for (std::function<void()>& run : work) run();
  }
}

Reactor::WaitId Reactor::Add(int fd, Interest interest, Deadline deadline,
                             const CancelToken& cancel,
                             std::unique_ptr<internal::Resumption> resumption) {
  const WaitId id = next_id_++;
  Waiting& waiting = waiting_[id];
  waiting.fd = fd;
  waiting.deadline = deadline;
  waiting.resumption = std::move(resumption);
  if (deadline.IsSet()) {
    timers_.emplace(deadline.When(), id);
    ArmTimer(deadline.When());
  }
  if (fd >= 0) Watch(fd, interest, id);
  if (cancel.CanBeCancelled()) {
    // The callback may run here and now, and must not resume anything itself.
    CancelRegistration registration =
        cancel.OnCancel([this, id] { Post([this, id] { Complete(id, Wake::kCancelled); }); });
    waiting.on_cancel = std::move(registration);
  }
  return id;
}

// One shot: a descriptor stays known, and silent, until the next wait for it.
void Reactor::Watch(int fd, Interest interest, WaitId id) {
  epoll_event event{};
  event.events = EPOLLONESHOT;
  if (interest != Interest::kWrite) event.events |= EPOLLIN | EPOLLRDHUP;
  if (interest != Interest::kRead) event.events |= EPOLLOUT;
  event.data.u64 = id;
  if (epoll_ctl(epoll_, EPOLL_CTL_MOD, fd, &event) == 0) return;
  if (errno == ENOENT && epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) == 0) return;
  // What cannot be watched is told by the read or write that follows.
  Post([this, id] { Complete(id, Wake::kReady); });
}

void Reactor::Complete(WaitId id, Wake wake) {
  auto node = waiting_.extract(id);
  if (node.empty()) return;
  Waiting& waiting = node.mapped();
  if (waiting.deadline.IsSet()) timers_.erase({waiting.deadline.When(), id});
  waiting.on_cancel = {};
  const std::unique_ptr<internal::Resumption> resumption = std::move(waiting.resumption);
  resumption->Resume(wake);
}

void Reactor::ArmTimer(Deadline::Clock::time_point when) {
  if (armed_.IsSet() && armed_.When() <= when) return;
  armed_ = Deadline::At(when);
  const auto since = when.time_since_epoch();
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(since);
  itimerspec spec{};
  spec.it_value.tv_sec = seconds.count();
  spec.it_value.tv_nsec = std::chrono::nanoseconds(since - seconds).count();
  if (spec.it_value.tv_sec <= 0 && spec.it_value.tv_nsec <= 0) spec.it_value.tv_nsec = 1;
  timerfd_settime(timer_, TFD_TIMER_ABSTIME, &spec, nullptr);
}

void Reactor::ExpireTimers() {
  if (!armed_.HasPassed()) return;
  armed_ = {};
  const auto now = Deadline::Clock::now();
  while (!timers_.empty() && timers_.begin()->first <= now) {
    Complete(timers_.begin()->second, Wake::kTimeout);
  }
  if (!timers_.empty()) ArmTimer(timers_.begin()->first);
}

namespace internal {

Wake BlockOnFd(int fd, Interest interest, const Deadline& deadline, const CancelToken& cancel) {
  pollfd entry{};
  entry.fd = fd;
  if (interest != Interest::kWrite) entry.events |= POLLIN | POLLRDHUP;
  if (interest != Interest::kRead) entry.events |= POLLOUT;
  while (true) {
    if (cancel.IsCancelled()) return Wake::kCancelled;
    if (deadline.HasPassed()) return Wake::kTimeout;
    int wait_ms = deadline.IsSet() ? MillisUntil(deadline.When()) : -1;
    // What the token polls, such as a signal, wakes nobody.
    if (cancel.CanBeCancelled()) {
      const auto slice = static_cast<int>(kCancelPoll.count());
      wait_ms = wait_ms < 0 ? slice : std::min(wait_ms, slice);
    }
    const int count = poll(&entry, 1, wait_ms);
    if (count > 0 || (count < 0 && errno != EINTR)) return Wake::kReady;
  }
}

}  // namespace internal

asio::awaitable<Wake> WaitForFd(Reactor* reactor, int fd, Interest interest, Deadline deadline,
                                const CancelToken& cancel) {
  if (reactor == nullptr) co_return internal::BlockOnFd(fd, interest, deadline, cancel);
  co_return co_await Suspend([&](std::unique_ptr<internal::Resumption> resumption) {
    reactor->Add(fd, interest, deadline, cancel, std::move(resumption));
  });
}

asio::awaitable<void> SwitchTo(Reactor& reactor) {
  co_await Suspend([&](std::unique_ptr<internal::Resumption> resumption) {
    reactor.Post([resumption = std::shared_ptr<internal::Resumption>(std::move(resumption))] {
      resumption->Resume(Wake::kReady);
    });
  });
}

struct Event::Blocking {
  std::condition_variable changed;
};

void Event::Notify() {
  const std::lock_guard lock(mutex_);
  happened_ = true;
  if (blocking_) blocking_->changed.notify_one();
  if (reactor_ != nullptr) {
    reactor_->Post([reactor = reactor_, id = wait_id_] { reactor->Complete(id, Wake::kReady); });
  }
}

Wake Event::Block(const Deadline& deadline, const CancelToken& cancel) {
  std::unique_lock lock(mutex_);
  blocking_ = std::make_shared<Blocking>();
  while (!happened_) {
    lock.unlock();  // what the token polls may wait for a thread that wants the mutex
    if (cancel.IsCancelled()) return Wake::kCancelled;
    lock.lock();
    if (happened_) break;
    const auto now = Deadline::Clock::now();
    if (deadline.IsSet() && now >= deadline.When()) return Wake::kTimeout;
    if (!cancel.CanBeCancelled() && !deadline.IsSet()) {
      blocking_->changed.wait(lock);
      continue;
    }
    auto until = now + (cancel.CanBeCancelled() ? kCancelPoll : std::chrono::hours(1));
    if (deadline.IsSet()) until = std::min(until, deadline.When());
    blocking_->changed.wait_until(lock, until);
  }
  return Wake::kReady;
}

asio::awaitable<Wake> Event::Wait(std::shared_ptr<Event> self, Reactor* reactor, Deadline deadline,
                                  CancelToken cancel) {
  if (reactor == nullptr) co_return self->Block(deadline, cancel);
  co_return co_await Suspend([&](std::unique_ptr<internal::Resumption> resumption) {
    const std::lock_guard lock(self->mutex_);
    // Nothing resumes before this returns: everything that could, runs on this thread, later.
    self->wait_id_ = reactor->Add(-1, Interest::kRead, deadline, cancel, std::move(resumption));
    self->reactor_ = reactor;
    if (self->happened_) {
      reactor->Post([reactor, id = self->wait_id_] { reactor->Complete(id, Wake::kReady); });
    }
  });
}

Reactor& ReactorThread::Get() {
  const std::lock_guard lock(mutex_);
  if (!reactor_) {
    reactor_ = std::make_shared<Reactor>();
    thread_ = std::thread([reactor = reactor_] { reactor->Run(); });
  }
  return *reactor_;
}

void ReactorThread::Stop() {
  std::thread ended;
  {
    const std::lock_guard lock(mutex_);
    if (reactor_) reactor_->Stop();
    ended.swap(thread_);
  }
  if (ended.get_id() == std::this_thread::get_id()) return ended.detach();
  if (ended.joinable()) ended.join();
}

}  // namespace molt
