// Work that has been described but not started: awaited, or run by `.result()`.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <nanobind/nanobind.h>

#include "database_handle.h"
#include "errors.h"
#include "molt/engine/database.h"

namespace molt::bindings {

// Finished requests of one event loop. Worker threads put numbers in and never touch Python; the
// loop watches the descriptor and resolves the futures of those numbers.
class CompletionQueue {
 public:
  CompletionQueue();
  ~CompletionQueue();
  CompletionQueue(const CompletionQueue&) = delete;
  CompletionQueue& operator=(const CompletionQueue&) = delete;

  void Push(std::uint64_t id);
  std::vector<std::uint64_t> Drain();
  [[nodiscard]] int fd() const { return fd_; }

 private:
  const int fd_;  // eventfd
  std::mutex mutex_;
  std::vector<std::uint64_t> done_;
};

class Pending {
 public:
  Pending(std::string name, nb::object database, std::optional<double> timeout);
  virtual ~Pending();
  Pending(const Pending&) = delete;
  Pending& operator=(const Pending&) = delete;

  // Runs it here and now and gives its result.
  nb::object Result(std::optional<double> timeout);
  // Starts it on the database's threads; `id` goes to the queue when it is done, then Take() gives
  // the result.
  void Start(std::shared_ptr<CompletionQueue> queue, std::uint64_t id);
  void Cancel() {
    if (cancel_) cancel_->Cancel();
  }
  virtual nb::object Take() = 0;

 protected:
  virtual void RunBlocking(engine::Database& db, const db::ExecContext& context) = 0;
  virtual void Submit(engine::Database& db, const db::ExecContext& context,
                      std::function<void()> done) = 0;

 private:
  void MarkUsed();
  [[nodiscard]] db::ExecContext Context(std::optional<double> timeout) const;

  const std::string name_;     // of the method that made it
  const nb::object database_;  // kept alive while this is
  const std::optional<double> timeout_;
  std::optional<CancelSource> cancel_;  // once started
  bool used_ = false;
};

// `make(database, context)` gives the request, `convert(value)` its Python result (with the GIL).
// `on_error` may raise what it knows better than the request's error.
template <class T, class Make, class Convert>
class PendingOf final : public Pending {
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
    return convert_(std::move(*outcome));
  }

 protected:
  void RunBlocking(engine::Database& db, const db::ExecContext& context) override {
    *outcome_ = db.RunBlocking<T>(make_(db, context));
  }
  void Submit(engine::Database& db, const db::ExecContext& context,
              std::function<void()> done) override {
    // The outcome outlives this object, which Python may drop before the thread is done.
    db.Submit<T>(make_(db, context),
                 [outcome = outcome_, done = std::move(done)](molt::Result<T> result) {
                   *outcome = std::move(result);
                   done();
                 });
  }

 private:
  Make make_;
  Convert convert_;
  std::function<void()> on_error_;
  std::shared_ptr<std::optional<molt::Result<T>>> outcome_ =
      std::make_shared<std::optional<molt::Result<T>>>();
};

template <class T, class Make, class Convert>
std::unique_ptr<Pending> MakePending(std::string name, nb::object database,
                                     std::optional<double> timeout, Make make, Convert convert,
                                     std::function<void()> on_error = {}) {
  return std::make_unique<PendingOf<T, Make, Convert>>(std::move(name), std::move(database),
                                                       timeout, std::move(make),
                                                       std::move(convert), std::move(on_error));
}

void BindPending(nb::module_& m);

}  // namespace molt::bindings
