// A result that Python reads part by part.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>

#include <nanobind/nanobind.h>

#include "database_handle.h"
#include "errors.h"

namespace molt::bindings {

// What the parts come from, and the database that it runs on. Used by one caller at a time, but
// closed by any: a `Source` that has Stop() then ends who reads it at the moment.
template <class Source>
class PartReader {
 public:
  PartReader(std::shared_ptr<Source> source, nb::object database)
      : source_(std::move(source)), database_(std::move(database)) {}
  PartReader(PartReader&&) = default;
  ~PartReader() { Close(); }

  void Close() {
    if (!source_) return;
    auto ended = std::make_unique<std::shared_ptr<Source>>(std::move(source_));
    if (IsParents()) {
      // Its handle, locks and memory are the parent's: nothing of them can be touched here.
      static_cast<void>(ended.release());
      return;
    }
    // Ending a query may wait for the pool, and whoever holds that for the interpreter.
    const nb::gil_scoped_release release;
    if constexpr (requires(Source& source) { source.Stop(); }) {
      if (*busy_) (*ended)->Stop();
    }
    ended.reset();
  }

  // The source, for one request; the next one may begin when this is gone, run or not.
  struct Turn {
    std::shared_ptr<Source> source;
    std::shared_ptr<void> end;
  };
  // Raises if the stream is closed, a parent's, or read already.
  [[nodiscard]] Turn TakeTurn() {
    if (!source_) RaiseInvalid("the stream is closed");
    if (IsParents()) {
      Raise({ErrorCode::kClosed,
             "the stream belongs to the parent process; a forked child begins its own",
             {},
             false});
    }
    if (busy_->exchange(true)) {
      RaiseInvalid("the stream is read by two callers at once; give each its own stream");
    }
    return {source_, std::shared_ptr<void>(nullptr, [busy = busy_](void*) { busy->store(false); })};
  }
  [[nodiscard]] const nb::object& database() const { return database_; }

 private:
  [[nodiscard]] bool IsParents() const { return generation_ != ForkGeneration(); }

  std::shared_ptr<Source> source_;
  nb::object database_;
  std::shared_ptr<std::atomic<bool>> busy_ = std::make_shared<std::atomic<bool>>(false);
  std::uint64_t generation_ = ForkGeneration();
};

}  // namespace molt::bindings
