// The one asynchronous vocabulary of the project: a coroutine that yields a Result.
#pragma once

// Before Asio, always: what it allocates frames with depends on macros of the standard library,
// and must be the same everywhere.
#include <version>

#include <asio/awaitable.hpp>

#include "molt/base/status.h"

namespace molt {

// Lazy: nothing runs before it is awaited or spawned. Whoever spawns it chooses the executor: an
// event loop for sockets, a bounded thread pool for a blocking driver, or the calling thread.
template <class T>
using Async = asio::awaitable<Result<T>>;

}  // namespace molt

// MOLT_RETURN_IF_ERROR and MOLT_ASSIGN for coroutines. `expr` usually starts with co_await.
#define MOLT_CO_RETURN_IF_ERROR(expr)                         \
  do {                                                        \
    if (auto molt_status = (expr); !molt_status) [[unlikely]] \
      co_return ::molt::Fail(std::move(molt_status).error()); \
  } while (false)

#define MOLT_CO_ASSIGN(decl, expr) \
  MOLT_CO_ASSIGN_IMPL(MOLT_CONCAT(molt_result_, __LINE__), decl, expr)
#define MOLT_CO_ASSIGN_IMPL(result, decl, expr)        \
  auto result = (expr);                                \
  if (!result) [[unlikely]]                            \
    co_return ::molt::Fail(std::move(result).error()); \
  decl = std::move(*result)
