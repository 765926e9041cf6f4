// What a connection does, as requests to a worker. There is nothing to be leased: all of them share
// the client, and the worker has the pool and the queue.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "molt/client/client.h"
#include "molt/codec/columns_decoder.h"
#include "molt/db/connection.h"

namespace molt::db::worker {

class WorkerConnection final : public Connection {
 public:
  WorkerConnection(std::shared_ptr<client::Client> client, std::string alias)
      : client_(std::move(client)), alias_(std::move(alias)) {}

  Async<std::unique_ptr<BatchStream>> Query(const Statement& statement, const BatchLimits& limits,
                                            const ExecContext& context) override;
  Async<ExecuteResult> Execute(const Statement& statement, const ExecContext& context) override;
  Async<ExecuteResult> ExecuteMany(std::string_view sql, const ParamSets& sets,
                                   const ExecContext& context) override;
  Async<types::Schema> DescribeTable(const TableName& table, const ExecContext& context) override;
  Async<std::vector<std::string>> TableNames(const ExecContext& context) override;
  Async<std::string> Explain(const Statement& statement, bool analyze,
                             const ExecContext& context) override;

  // Unsupported: they need a connection of one's own.
  Async<std::int64_t> Insert(const TableName& table, const std::vector<std::string>& columns,
                             BatchSource& source, const ExecContext& context) override;
  Async<void> Begin(const TransactionOptions& options, const ExecContext& context) override;
  Async<void> Control(TransactionStep step, int depth, const ExecContext& context) override;
  Async<ScanPlan> PlanScan(const TableName& table, int parts, const ExecContext& context) override;

 private:
  Async<ExecuteResult> Write(std::string payload, const ExecContext& context);

  const std::shared_ptr<client::Client> client_;
  const std::string alias_;
};

}  // namespace molt::db::worker
