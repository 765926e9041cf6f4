// An executor that runs everything at once on the thread that asks: coroutines of a blocking driver
// spawned on it are done when the spawning call returns.
#pragma once

#include <utility>

#include <asio/execution.hpp>
#include <asio/execution_context.hpp>

namespace molt {

class InlineExecutor {
 public:
  explicit InlineExecutor(asio::execution_context& context) : context_(&context) {}

  template <class Function>
  void execute(Function&& function) const {
    std::forward<Function>(function)();
  }

  // What Asio asks of an executor.
  asio::execution_context& query(asio::execution::context_t) const noexcept { return *context_; }
  static constexpr asio::execution::blocking_t query(asio::execution::blocking_t) noexcept {
    return asio::execution::blocking.always;
  }
  InlineExecutor require(asio::execution::blocking_t::always_t) const { return *this; }
  InlineExecutor require(asio::execution::blocking_t::never_t) const { return *this; }
  friend bool operator==(const InlineExecutor&, const InlineExecutor&) noexcept = default;

 private:
  asio::execution_context* context_;
};

}  // namespace molt
