// Our C++ client under small queries, for comparison with pgbench.
//
//   pg_client URL WAY CONNECTIONS SQL ID_MAX
//
// WAY is "autocommit" (each query in a read-only transaction of its own) or "in_transaction" (each
// connection has begun one read-only transaction). SQL has one parameter, an id between 1 and
// ID_MAX. Each line on standard input is a number of queries, of which one per connection is in
// flight; it prints one line of JSON: {"rows": n, "wall_s": seconds}
#include <poll.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <asio/co_spawn.hpp>
#include <asio/execution_context.hpp>

#include "molt/base/inline_executor.h"
#include "molt/db/postgres/pg_pool.h"

namespace {

using molt::Async;
using molt::Deadline;
using molt::Reactor;
using namespace molt::db;  // NOLINT(google-build-using-namespace): a program of one page

struct Bench {
  std::shared_ptr<Pool> pool;
  std::string sql;
  std::int64_t id_max = 1;
  bool in_transaction = false;
  Reactor* reactor = nullptr;  // nullptr: one connection, which blocks
  std::int64_t queries_left = 0;
  std::int64_t rows = 0;
  std::mt19937_64 random{1};
};

Async<void> RunOne(Bench& bench, Connection& connection, const ExecContext& context) {
  std::vector<molt::types::Value> params;
  params.emplace_back(static_cast<std::int64_t>(bench.random() % bench.id_max + 1));
  const Statement statement{bench.sql, params, {}};
  const BatchLimits limits;
  MOLT_CO_ASSIGN(const auto stream, co_await connection.Query(statement, limits, context));
  while (true) {
    MOLT_CO_ASSIGN(const auto batch, co_await stream->Next(context));
    if (!batch) co_return molt::Status();
    bench.rows += batch->num_rows;
    if (stream->IsAtEnd()) co_return molt::Status();
  }
}

// One of those in flight: a query after the other until none is left.
Async<void> RunSome(Bench& bench) {
  ExecContext context;
  context.reactor = bench.reactor;
  context.is_alone = bench.reactor == nullptr;
  if (bench.in_transaction) {
    MOLT_CO_ASSIGN(const Lease lease, co_await bench.pool->Acquire(Access::kRead, context));
    TransactionOptions options;
    options.read_only = true;
    MOLT_CO_RETURN_IF_ERROR(co_await lease->Begin(options, context));
    while (bench.queries_left-- > 0) {
      MOLT_CO_RETURN_IF_ERROR(co_await RunOne(bench, *lease, context));
    }
    co_return co_await lease->Control(TransactionStep::kRollback, 0, context);
  }
  while (bench.queries_left-- > 0) {
    MOLT_CO_ASSIGN(const Lease lease, co_await bench.pool->Acquire(Access::kRead, context));
    MOLT_CO_RETURN_IF_ERROR(co_await RunOne(bench, *lease, context));
  }
  co_return molt::Status();
}

void Check(const molt::Status& status) {
  if (status) return;
  std::cerr << "pg_client: " << status.error().message << '\n';
  std::exit(1);
}

double RunAll(Bench& bench, int connections, std::int64_t queries) {
  static asio::execution_context executor_context;
  bench.queries_left = queries;
  bench.rows = 0;
  int running = connections;
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < connections; ++i) {
    asio::co_spawn(molt::InlineExecutor(executor_context), RunSome(bench),
                   [&](const std::exception_ptr& failure, const molt::Status& status) {
                     if (failure) std::rethrow_exception(failure);
                     Check(status);
                     --running;
                   });
  }
  while (running > 0) {
    pollfd entry{bench.reactor->fd(), POLLIN, 0};
    poll(&entry, 1, -1);
    bench.reactor->Poll();
  }
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) {
    std::cerr << "usage: pg_client URL WAY CONNECTIONS SQL ID_MAX\n";
    return 2;
  }
  const int connections = std::atoi(argv[3]);
  postgres::PostgresOptions options;
  options.conninfo = argv[1];
  options.connections_max = connections;
  options.connections_min = connections;
  auto pool = postgres::OpenPostgres(options);
  if (!pool) Check(molt::Fail(pool.error()));
  Reactor reactor;
  Bench bench;
  bench.pool = *pool;
  bench.sql = argv[4];
  bench.id_max = std::atoll(argv[5]);
  bench.in_transaction = std::string_view(argv[2]) == "in_transaction";
  bench.reactor = connections > 1 ? &reactor : nullptr;
  for (std::string line; std::getline(std::cin, line);) {
    const double seconds = RunAll(bench, connections, std::atoll(line.c_str()));
    std::printf("{\"rows\": %lld, \"wall_s\": %.9f}\n", static_cast<long long>(bench.rows),
                seconds);
    std::fflush(stdout);
  }
  return 0;
}
