#pragma once

#include <memory>
#include <string>

#include "molt/db/connection.h"
#include "molt/db/postgres/pg_connection.h"
#include "molt/db/postgres/row_decoder.h"

namespace molt::db::postgres {

// The rows of a statement that the server has begun to answer. The connection must outlive it; if
// it is destroyed before the end, the connection is left in the midst of the exchange.
class PgStream final : public BatchStream {
 public:
  // `replies_after` is what follows the rows in the same exchange.
  PgStream(PgConnection& connection, DescriptionPtr description, std::string replies_after,
           const BatchLimits& limits)
      : connection_(connection),
        decoder_(std::move(description)),
        replies_after_(std::move(replies_after)),
        limits_(limits) {}
  ~PgStream() override { connection_.current_ = {}; }

  Async<types::RecordBatchPtr> Next(const ExecContext& context) override;
  [[nodiscard]] bool IsAtEnd() const override { return done_; }

 private:
  // Takes the rows that have come; true at the end of a batch.
  Result<bool> TakeRows(protocol::Message& last);
  Async<types::RecordBatchPtr> ReadBatch(const ExecContext& context);
  Async<void> Finish(const protocol::Message& last, const ExecContext& context);

  PgConnection& connection_;
  RowDecoder decoder_;
  const std::string replies_after_;
  const BatchLimits limits_;
  bool first_ = true;
  bool done_ = false;
  bool failed_ = false;
};

}  // namespace molt::db::postgres
