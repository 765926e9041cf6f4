// For tests that need a server: MOLT_TEST_POSTGRES says how to connect (tests/servers).
#pragma once

#include <poll.h>

#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <asio/co_spawn.hpp>
#include <asio/execution_context.hpp>

#include "molt/base/inline_executor.h"
#include "molt/db/postgres/pg_pool.h"

namespace molt::db::postgres {

inline std::string ServerFor(const char* variable = "MOLT_TEST_POSTGRES") {
  const char* conninfo = std::getenv(variable);
  if (conninfo == nullptr) {
    ADD_FAILURE() << variable << " is not set: run `make test`, or put "
                  << "`python tests/servers/postgres.py run --` before the command";
    return "host=/nowhere";
  }
  return conninfo;
}

// Runs a request on this thread, which blocks in it, or polls `reactor` until it is done.
template <class T>
Result<T> Await(Async<T> request, Reactor* reactor = nullptr) {
  static asio::execution_context context;
  auto outcome = std::make_shared<std::optional<Result<T>>>();
  asio::co_spawn(InlineExecutor(context), std::move(request),
                 [outcome](const std::exception_ptr& failure, Result<T> result) {
                   if (failure) std::rethrow_exception(failure);
                   *outcome = std::move(result);
                 });
  while (reactor != nullptr && !outcome->has_value()) {
    pollfd entry{reactor->fd(), POLLIN, 0};
    poll(&entry, 1, 1000);
    reactor->Poll();
  }
  return std::move(**outcome);
}

using Rows = std::vector<std::vector<types::Value>>;

// All rows of a query, by value.
inline Async<Rows> ReadAll(std::shared_ptr<Pool> pool, std::string sql,
                           std::vector<types::Value> params, ExecContext context,
                           BatchLimits limits = {}) {
  MOLT_CO_ASSIGN(const Lease lease, co_await pool->Acquire(Access::kRead, context));
  const Statement statement{sql, params, {}};
  MOLT_CO_ASSIGN(const auto stream, co_await lease->Query(statement, limits, context));
  Rows rows;
  while (true) {
    MOLT_CO_ASSIGN(const types::RecordBatchPtr batch, co_await stream->Next(context));
    if (!batch) co_return rows;
    for (std::int64_t i = 0; i < batch->num_rows; ++i) {
      auto& row = rows.emplace_back();
      for (const types::Column& column : batch->columns) row.push_back(column.ValueAt(i));
    }
  }
}

inline Async<ExecuteResult> Write(std::shared_ptr<Pool> pool, std::string sql,
                                  std::vector<types::Value> params = {}, ExecContext context = {}) {
  MOLT_CO_ASSIGN(const Lease lease, co_await pool->Acquire(Access::kWrite, context));
  const Statement statement{sql, params, {}};
  co_return co_await lease->Execute(statement, context);
}

}  // namespace molt::db::postgres
