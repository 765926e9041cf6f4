// Work that has been described but not started: awaited, or run by `.result()`.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <nanobind/nanobind.h>

#include "database_handle.h"
#include "errors.h"
#include "molt/engine/database.h"

namespace molt::bindings {

// Where the requests of one event loop wait, and the numbers of those that are done. Whoever is
// done with one puts its number in and never touches Python; the loop watches the reactor's
// descriptor and resolves the futures of those numbers.
class CompletionQueue {
 public:
  // From any thread.
  void Push(std::uint64_t id);
  // On the loop's thread, without the GIL.
  std::vector<std::uint64_t> Drain();
  [[nodiscard]] Reactor& reactor() { return reactor_; }

  // Whether the next request may take the loop's thread for a moment: not if it would keep other
  // tasks waiting. All three on the loop's thread.
  [[nodiscard]] bool TakeAlone() {
    if (shared_left_ > 0) {
      is_doubtful_ = --shared_left_ == 0;
      return false;
    }
    return !is_looking_ && reactor_.IsIdle();
  }
  // Whether it is time to let others run, and to see whether they ask meanwhile.
  [[nodiscard]] bool BeginLook(std::uint64_t number) {
    is_looking_ = is_doubtful_ || number % kLookEvery == 0;
    return is_looking_;
  }
  void EndLook(bool others_asked) {
    is_looking_ = is_doubtful_ = false;
    shared_for_ = others_asked ? std::min(shared_for_ * 2, kSharedMax) : kSharedMin;
    shared_left_ = others_asked ? shared_for_ : 0;
  }

 private:
  static constexpr std::uint64_t kLookEvery = 16;
  // So many requests, until it is tried again.
  static constexpr int kSharedMin = 128;
  static constexpr int kSharedMax = 1 << 16;

  int shared_for_ = kSharedMin;
  int shared_left_ = 0;
  bool is_doubtful_ = false;  // it was shared until now
  bool is_looking_ = false;
  std::mutex mutex_;
  std::vector<std::uint64_t> done_;
  // Last, so that it goes first: requests that it destroys may still push.
  Reactor reactor_;
};

// Whether a request was done before the call that started it returned; decided once, by whichever
// of the two comes first.
class Starting {
 public:
  // Of both only the second returns true.
  bool Done() { return passed_.exchange(true); }
  bool Returned() { return passed_.exchange(true); }

 private:
  std::atomic<bool> passed_ = false;
};

// Whether a submitted request has begun. Until then it can be given up at once, without the
// database ever seeing it, however long the threads are busy with others.
class Turn {
 public:
  // Of Begin and GiveUp only the first returns true.
  bool Begin() { return Leave(State::kBegun); }
  bool GiveUp() { return Leave(State::kGivenUp); }
  [[nodiscard]] bool IsGivenUp() const { return state_ == State::kGivenUp; }

 private:
  enum class State : std::uint8_t { kWaiting, kBegun, kGivenUp };
  bool Leave(State next) {
    State expected = State::kWaiting;
    return state_.compare_exchange_strong(expected, next);
  }

  std::atomic<State> state_ = State::kWaiting;
};

template <class T>
Async<T> RunInTurn(std::shared_ptr<Turn> turn, Async<T> request) {
  if (!turn->Begin()) co_return Cancelled("the request was given up");
  co_return co_await std::move(request);
}

// Used by several files: link-time optimization must see one frame of it.
extern template Async<db::ExecuteResult> RunInTurn(std::shared_ptr<Turn>, Async<db::ExecuteResult>);

class Pending {
 public:
  Pending(std::string name, nb::object target, std::optional<double> timeout);
  virtual ~Pending();
  Pending(const Pending&) = delete;
  Pending& operator=(const Pending&) = delete;

  // Runs it here and now and gives its result.
  nb::object Result(std::optional<double> timeout);
  // Starts it. If it is done at once, IsDone() says so, else `id` goes to the queue when it is
  // done; then Take() gives the result. Returns the seconds until its deadline, if it may wait for
  // a thread: Expire() is due then.
  std::optional<double> Start(std::shared_ptr<CompletionQueue> queue, std::uint64_t id);
  // Whether it was done before Start() returned.
  [[nodiscard]] bool IsDone() const { return is_done_; }
  void Cancel();
  // The deadline has passed. What runs notices by itself, what waits for a thread cannot.
  void Expire();
  virtual nb::object Take() = 0;
  // What works on a connection that it holds already never waits behind those who wait for one.
  void SetHoldsConnection() { holds_connection_ = true; }
  // What blocks while Python makes rows for it must not run on an event loop's thread.
  void SetNeedsThread() { needs_thread_ = true; }

 protected:
  virtual void RunBlocking(engine::Database& db, const engine::RequestContext& context) = 0;
  // See engine::Database::TryFetch. Called without the GIL.
  virtual bool RunTrial(engine::Database&, const engine::RequestContext&) { return false; }
  virtual void Submit(engine::Database& db, const engine::RequestContext& context,
                      std::shared_ptr<Turn> turn, std::function<void()> done) = 0;
  virtual void SetError(Error error) = 0;
  // On a thread of the database if there is no reactor to wait with.
  [[nodiscard]] bool holds_connection() const { return holds_connection_; }

 private:
  // True if it had not begun, and never will.
  bool GiveUp(Error error);
  void MarkUsed();
  // With the database's own timeout, and the transaction if it runs in one.
  [[nodiscard]] engine::RequestContext Context(const Target& target,
                                               std::optional<double> timeout) const;

  const std::string name_;   // of the method that made it
  const nb::object target_;  // a Database or a Transaction, kept alive while this is
  const std::optional<double> timeout_;
  std::optional<CancelSource> cancel_;  // this and the next two: once started
  std::shared_ptr<Turn> turn_;
  std::function<void()> done_;
  bool holds_connection_ = false;
  bool needs_thread_ = false;
  bool used_ = false;
  bool is_done_ = false;
};

// `make(database, context)` gives the request, `convert(value)` its Python result (with the GIL).
// `on_error` may raise what it knows better than the request's error.
template <class T, class Make, class Convert>
class PendingOf : public Pending {
 public:
  PendingOf(std::string name, nb::object database, std::optional<double> timeout, Make make,
            Convert convert, std::function<void()> on_error)
      : Pending(std::move(name), std::move(database), timeout),
        make_(std::move(make)),
        convert_(std::move(convert)),
        on_error_(std::move(on_error)) {}

  nb::object Take() override {
    molt::Result<T> outcome = std::move(**outcome_);
    if (!outcome) {
      if (on_error_) on_error_();
      Raise(outcome.error());
    }
    if constexpr (std::is_void_v<T>) {
      return convert_();
    } else {
      return convert_(std::move(*outcome));
    }
  }

 protected:
  void RunBlocking(engine::Database& db, const engine::RequestContext& context) override {
    *outcome_ = db.RunBlocking<T>(make_(db, context));
  }
  void Submit(engine::Database& db, const engine::RequestContext& context,
              std::shared_ptr<Turn> turn, std::function<void()> done) override {
    // The outcome outlives this object, which Python may drop before the request is done.
    auto finish = [outcome = outcome_, turn, done = std::move(done)](molt::Result<T> result) {
      if (turn->IsGivenUp()) return;
      *outcome = std::move(result);
      done();
    };
    Async<T> request = RunInTurn<T>(turn, make_(db, context));
    if (context.reactor != nullptr) {
      db.Spawn<T>(std::move(request), std::move(finish));
    } else {
      db.Submit<T>(std::move(request), std::move(finish), holds_connection());
    }
  }
  void SetError(Error error) override { *outcome_ = Fail(std::move(error)); }

  Make make_;
  std::shared_ptr<std::optional<molt::Result<T>>> outcome_ =
      std::make_shared<std::optional<molt::Result<T>>>();

 private:
  Convert convert_;
  std::function<void()> on_error_;
};

template <class T, class Make, class Convert>
std::unique_ptr<Pending> MakePending(std::string name, nb::object database,
                                     std::optional<double> timeout, Make make, Convert convert,
                                     std::function<void()> on_error = {}) {
  return std::make_unique<PendingOf<T, Make, Convert>>(std::move(name), std::move(database),
                                                       timeout, std::move(make), std::move(convert),
                                                       std::move(on_error));
}

// Fetches are tried first: most are done before a thread could be woken for them.
struct MakeFetch {
  query::Query query;
  bool first_row_only;
  Async<engine::Batches> operator()(engine::Database& db,
                                    const engine::RequestContext& context) const {
    return db.Fetch(query, first_row_only, context);
  }
};

template <class Convert>
class PendingFetch final : public PendingOf<engine::Batches, MakeFetch, Convert> {
 public:
  using PendingOf<engine::Batches, MakeFetch, Convert>::PendingOf;

 protected:
  bool RunTrial(engine::Database& db, const engine::RequestContext& context) override {
    auto outcome = db.TryFetch(this->make_.query, this->make_.first_row_only, context);
    if (!outcome) return false;
    *this->outcome_ = std::move(*outcome);
    return true;
  }
};

template <class Convert>
std::unique_ptr<Pending> MakePendingFetch(std::string name, nb::object database,
                                          std::optional<double> timeout, query::Query query,
                                          bool first_row_only, Convert convert) {
  return std::make_unique<PendingFetch<Convert>>(std::move(name), std::move(database), timeout,
                                                 MakeFetch{std::move(query), first_row_only},
                                                 std::move(convert), std::function<void()>());
}

void BindPending(nb::module_& m);

}  // namespace molt::bindings
