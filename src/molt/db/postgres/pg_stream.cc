#include "molt/db/postgres/pg_stream.h"

#include <cstdint>
#include <limits>
#include <utility>

namespace molt::db::postgres {

Result<bool> PgStream::TakeRows(protocol::Message& last) {
  Link& link = *connection_.link_;
  const std::size_t bytes_max = limits_.BytesMax(first_);
  // Where the server itself stops within the batch, the exchange can be brought to its end with it.
  const bool stops = limits_.rows_in_all > 0 && limits_.rows_in_all <= limits_.RowsMax() &&
                     limits_.rows_in_all < std::numeric_limits<std::int32_t>::max();
  const std::int64_t rows_max = stops ? limits_.rows_in_all + 1 : limits_.RowsMax();
  while (true) {
    MOLT_ASSIGN(const bool there, link.TryNext(last));
    if (!there) return false;
    if (last.type != protocol::kDataRow) return true;
    if (Status appended = decoder_.AppendRow(last.body); !appended) {
      link.Break();
      return Fail(std::move(appended).error());
    }
    if (decoder_.rows() >= rows_max || decoder_.bytes() >= bytes_max) return true;
  }
}

Async<types::RecordBatchPtr> PgStream::Next(const ExecContext& context) {
  auto batch = co_await ReadBatch(context);
  if (!batch) co_await connection_.GiveUp(context);
  co_return batch;
}

Async<types::RecordBatchPtr> PgStream::ReadBatch(const ExecContext& context) {
  if (failed_) co_return Closed("the query has already failed");
  if (done_) co_return types::RecordBatchPtr();
  failed_ = true;  // unless this comes to its end
  MOLT_CO_RETURN_IF_ERROR(CheckContext(context));
  protocol::Message last;
  while (true) {
    MOLT_CO_ASSIGN(const bool batch_ends, TakeRows(last));
    if (batch_ends) break;
    MOLT_CO_RETURN_IF_ERROR(co_await connection_.link_->Receive(context));
  }
  if (last.type != protocol::kDataRow) {
    MOLT_CO_RETURN_IF_ERROR(co_await Finish(last, context));
    done_ = true;
    decoder_.description().whole_time.Add(Deadline::Clock::now() - connection_.asked_at_);
  }
  // Its rows are at their end, or too many for others to wait.
  connection_.accepts_early_ = false;
  failed_ = false;
  const bool needed = std::exchange(first_, false) || decoder_.rows() > 0;
  co_return needed ? decoder_.Finish() : types::RecordBatchPtr();
}

Async<void> PgStream::Finish(const protocol::Message& last, const ExecContext& context) {
  switch (last.type) {
    case protocol::kCommandComplete:
    case protocol::kPortalSuspended:
    case protocol::kEmptyQueryResponse:
      break;
    case protocol::kErrorResponse: {
      MOLT_CO_ASSIGN(Error error, co_await connection_.ServerError(last, context));
      [[maybe_unused]] const Status ended = co_await connection_.Rollback(context);
      co_return Fail(std::move(error));
    }
    default:
      co_return Fail(connection_.Unexpected(last.type));
  }
  MOLT_CO_RETURN_IF_ERROR(co_await connection_.ExpectAll(replies_after_, context));
  co_return co_await connection_.ExpectReady(context);
}

}  // namespace molt::db::postgres
