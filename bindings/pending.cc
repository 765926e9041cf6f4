#include "pending.h"

#include <cmath>
#include <ctime>

#include <nanobind/stl/optional.h>
#include <nanobind/stl/unique_ptr.h>
#include <nanobind/typing.h>

namespace molt::bindings {

template Async<db::ExecuteResult> RunInTurn(std::shared_ptr<Turn>, Async<db::ExecuteResult>);

namespace {

// A queue and the futures that wait for its numbers. All calls hold the GIL.
class CompletionPort {
 public:
  CompletionPort() = default;
  ~CompletionPort() {
    // What still waits holds the queue itself, and connections, which go back without the GIL.
    const nb::gil_scoped_release release;
    queue_->reactor().Clear();
  }
  CompletionPort(const CompletionPort&) = delete;
  CompletionPort& operator=(const CompletionPort&) = delete;

  std::uint64_t NextNumber() { return next_number_++; }
  void Add(std::uint64_t id, nb::object future) { futures_[nb::int_(id)] = std::move(future); }
  // Another future for a number that is not done yet; false if it is.
  bool Replace(std::uint64_t id, nb::object future) {
    const nb::int_ key(id);
    if (!futures_.contains(key)) return false;
    futures_[key] = std::move(future);
    return true;
  }
  void Drain() {
    const std::vector<std::uint64_t> done = [&] {
      const nb::gil_scoped_release release;
      return queue_->Drain();
    }();
    for (const std::uint64_t id : done) {
      const nb::object future = futures_.attr("pop")(id, nb::none());
      if (future.is_none() || nb::cast<bool>(future.attr("done")())) continue;
      future.attr("set_result")(nb::none());
    }
  }
  [[nodiscard]] int Fileno() const { return queue_->reactor().fd(); }
  [[nodiscard]] const std::shared_ptr<CompletionQueue>& queue() const { return queue_; }

 private:
  std::shared_ptr<CompletionQueue> queue_ = std::make_shared<CompletionQueue>();
  nb::dict futures_;
  std::uint64_t next_number_ = 1;
};

// Ctrl-C while a query runs on the main thread: lets Python's own handler run every 20 ms at most,
// and stops the query when it raised. Asked all the time, so it reads the clock that costs least.
bool SignalRaised() {
  constexpr std::int64_t kLookEveryNanos = 20'000'000;
  static std::int64_t next_look = 0;
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC_COARSE, &time);
  const std::int64_t now = time.tv_sec * std::int64_t{1'000'000'000} + time.tv_nsec;
  if (now < next_look) return false;
  next_look = now + kLookEveryNanos;
  const nb::gil_scoped_acquire gil;
  return PyErr_CheckSignals() != 0;
}

bool IsMainThread() {
  static const unsigned long main_thread = nb::cast<unsigned long>(
      nb::module_::import_("threading").attr("main_thread")().attr("ident"));
  return PyThread_get_thread_ident() == main_thread;
}

// One source serves all blocking calls of the main thread until it has been used.
CancelSource& SignalSource() {
  static auto* source = new CancelSource(SignalRaised);
  if (source->IsCancelled()) *source = CancelSource(SignalRaised);
  return *source;
}

Deadline DeadlineAfter(std::optional<double> seconds) {
  if (!seconds) return {};
  if (std::isnan(*seconds)) RaiseInvalid("timeout is not a number");
  return Deadline::After(std::chrono::duration<double>(std::max(*seconds, 0.0)));
}

}  // namespace

void CompletionQueue::Push(std::uint64_t id) {
  {
    const std::lock_guard lock(mutex_);
    done_.push_back(id);
    if (done_.size() > 1) return;  // the loop has been woken already
  }
  reactor_.Post([] {});
}

std::vector<std::uint64_t> CompletionQueue::Drain() {
  reactor_.Poll();
  const std::lock_guard lock(mutex_);
  return std::exchange(done_, {});
}

Pending::Pending(std::string name, nb::object target, std::optional<double> timeout)
    : name_(std::move(name)), target_(std::move(target)), timeout_(timeout) {}

Pending::~Pending() {
  // Whatever waits or runs has nobody to wait for it.
  if (turn_ && turn_->GiveUp()) {
    done_();
  } else if (cancel_) {
    const nb::gil_scoped_release release;  // as in Cancel()
    cancel_->Cancel();
  }
  if (used_) return;
  const nb::error_scope keep;
  const std::string text =
      name_ + "() was never run: await it, or call .result() on what it returned";
  if (PyErr_WarnEx(PyExc_RuntimeWarning, text.c_str(), 1) != 0) PyErr_WriteUnraisable(nullptr);
}

void Pending::MarkUsed() {
  if (used_) {
    RaiseInvalid("this " + name_ + "() was awaited or run before; call " + name_ +
                 "() again for another run");
  }
  used_ = true;
}

engine::RequestContext Pending::Context(const Target& target, std::optional<double> timeout) const {
  db::ExecContext context;
  context.deadline = DeadlineAfter(timeout_).Earlier(DeadlineAfter(timeout));
  engine::RequestContext request = target.database.WithDefaults(std::move(context));
  request.transaction = target.transaction;
  return request;
}

nb::object Pending::Result(std::optional<double> timeout) {
  MarkUsed();
  const Target target = TargetOf(target_);
  engine::Database& db = target.database;
  engine::RequestContext context = Context(target, timeout);
  if (IsMainThread()) context.cancel = SignalSource().Token();
  context.is_alone = true;
  {
    const nb::gil_scoped_release release;
    RunBlocking(db, context);
  }
  if (PyErr_Occurred() != nullptr) throw nb::python_error();  // KeyboardInterrupt
  return Take();
}

void Pending::Cancel() {
  if (!cancel_ || GiveUp({ErrorCode::kCancelled, "the request was cancelled", {}, false})) return;
  const nb::gil_scoped_release release;
  cancel_->Cancel();
}

void Pending::Expire() {
  GiveUp({ErrorCode::kTimeout, "the timeout passed while waiting for a free thread", {}, false});
}

bool Pending::GiveUp(Error error) {
  if (!turn_ || !turn_->GiveUp()) return false;
  SetError(std::move(error));
  done_();
  return true;
}

std::optional<double> Pending::Start(std::shared_ptr<CompletionQueue> queue, std::uint64_t id) {
  MarkUsed();
  const Target target = TargetOf(target_);
  engine::Database& db = target.database;
  engine::RequestContext context = Context(target, std::nullopt);
  const auto starting = std::make_shared<Starting>();
  {
    const nb::gil_scoped_release release;
    if (!db.IsAsynchronous() && RunTrial(db, context)) {
      is_done_ = true;
      return std::nullopt;
    }
    context.cancel = cancel_.emplace().Token();
    turn_ = std::make_shared<Turn>();
    if (db.IsAsynchronous() && !holds_connection_ && !needs_thread_) {
      context.reactor = &queue->reactor();
      context.is_alone = queue->TakeAlone();
    }
    done_ = [queue = std::move(queue), id, starting] {
      if (starting->Done()) queue->Push(id);
    };
    Submit(db, context, turn_, done_);
  }
  is_done_ = starting->Returned();
  if (is_done_ || !context.deadline.IsSet() || context.reactor != nullptr) return std::nullopt;
  const std::chrono::duration<double> left = context.deadline.When() - Deadline::Clock::now();
  return std::max(left.count(), 0.0);
}

void BindPending(nb::module_& m) {
  nb::class_<CompletionPort>(m, "_CompletionPort")
      .def(nb::init<>())
      .def("next_number", &CompletionPort::NextNumber)
      .def("add", &CompletionPort::Add, nb::arg("number"), nb::arg("future"),
           nb::sig("def add(self, number: int, future: typing.Any) -> None"))
      .def("replace", &CompletionPort::Replace, nb::arg("id"), nb::arg("future"),
           nb::sig("def replace(self, id: int, future: typing.Any) -> bool"))
      .def("drain", &CompletionPort::Drain, nb::sig("def drain(self) -> None"))
      .def("begin_look", [](const CompletionPort& port,
                            std::uint64_t number) { return port.queue()->BeginLook(number); })
      .def("end_look", [](const CompletionPort& port,
                          bool others_asked) { port.queue()->EndLook(others_asked); })
      .def("fileno", &CompletionPort::Fileno, nb::sig("def fileno(self) -> int"));

  m.attr("R") = nb::type_var("R");
  nb::class_<Pending>(m, "Pending", nb::is_generic(), nb::sig("class Pending(typing.Generic[R])"),
                      "Work that has not started: `await` it, or call `.result()`; once.")
      .def("result", &Pending::Result, nb::arg("timeout") = nb::none(),
           nb::sig("def result(self, timeout: float | None = None) -> R"),
           "Runs it on this thread and gives its result. `timeout` is in seconds.")
      .def(
          "__await__",
          [](nb::handle self) {
            return nb::module_::import_("molt_sql._aio").attr("wait")(self).attr("__await__")();
          },
          nb::sig("def __await__(self) -> collections.abc.Generator[typing.Any, None, R]"))
      .def_prop_ro("_is_done", &Pending::IsDone)
      .def(
          "_start",
          [](Pending& self, const CompletionPort& port, std::uint64_t id) {
            return self.Start(port.queue(), id);
          },
          nb::arg("port"), nb::arg("id"),
          nb::sig("def _start(self, port: _CompletionPort, id: int) -> float | None"))
      .def("_cancel", &Pending::Cancel, nb::sig("def _cancel(self) -> None"))
      .def("_expire", &Pending::Expire, nb::sig("def _expire(self) -> None"))
      .def("_take", &Pending::Take, nb::sig("def _take(self) -> R"));
}

}  // namespace molt::bindings
