#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "molt/db/connection.h"
#include "molt/db/sqlite/sqlite_decoder.h"
#include "molt/db/sqlite/sqlite_statement_cache.h"
#include "molt/db/sqlite/sqlite_types.h"

namespace molt::db::sqlite {

class SqliteConnection;

// Binds all of them. `formatted` holds what they need beside themselves. Fails when their number is
// not the statement's.
[[nodiscard]] Status BindAll(const PreparedStatement& statement,
                             std::span<const types::Value> params,
                             std::vector<Parameter>& formatted);

// The rows of a running SELECT. The connection must outlive it.
class SqliteStream final : public BatchStream {
 public:
  SqliteStream(SqliteConnection& connection, StatementLease lease, const Statement& statement,
               const BatchLimits& limits, std::vector<Parameter> formatted)
      : connection_(connection),
        statement_(statement),
        limits_(limits),
        rows_left_(limits.rows_in_all > 0 ? limits.rows_in_all
                                          : std::numeric_limits<std::int64_t>::max()),
        formatted_(std::move(formatted)),
        lease_(std::move(lease)) {}

  Async<types::RecordBatchPtr> Next(const ExecContext& context) override;

 private:
  Result<types::RecordBatchPtr> Read(const ExecContext& context);
  Result<types::RecordBatchPtr> ReadBatch(const ExecContext& context);
  void Plan();
  types::RecordBatchPtr MakeBatch();

  SqliteConnection& connection_;
  const Statement statement_;
  const BatchLimits limits_;
  std::int64_t rows_left_;
  std::vector<Parameter> formatted_;  // outlives the lease, which unbinds nothing
  StatementLease lease_;              // empty at the end
  std::optional<RowDecoder> decoder_;
  std::shared_ptr<const types::Schema> schema_;  // set with the first batch
  bool failed_ = false;
};

}  // namespace molt::db::sqlite
