// Making a connection fit for the next caller again.
#include <array>
#include <utility>

#include "molt/db/postgres/pg_connection.h"
#include "molt/db/postgres/protocol/copy_fail.h"

namespace molt::db::postgres {

namespace {

// What a session keeps beyond a transaction, and how to let go of it. DISCARD ALL would also drop
// the statements that are prepared. The last one runs alone, outside of a transaction block.
constexpr std::array<std::string_view, 7> kResets = {
    "CLOSE ALL",
    "SET SESSION AUTHORIZATION DEFAULT",
    "RESET ALL",
    "UNLISTEN *",
    "DISCARD SEQUENCES",
    "DISCARD TEMP",
    "SELECT pg_catalog.pg_advisory_unlock_all()",
};

// Made by PREPARE; ours are not.
constexpr std::string_view kPreparedSql =
    "SELECT name FROM pg_catalog.pg_prepared_statements WHERE from_sql";
constexpr std::array kPreparedTypes = {types::TypeId::kUtf8};

constexpr int kBarriersMax = 3;

constexpr Seconds kFirstRepeat{0.01};

}  // namespace

Async<void> PgConnection::Recover(ExecContext context) {
  if (link_->is_broken()) {
    if (IsCutShort()) {
      MOLT_CO_RETURN_IF_ERROR(co_await RequestCancel(link_->transport(), key_, context));
    }
    co_return Closed("the connection is broken");
  }
  current_ = {};
  if (!in_exchange_) link_->out().clear();  // a request that was never sent
  bool cancelled = false;
  next_read_.reset();
  while (in_exchange_) {
    cancelled = true;
    MOLT_CO_RETURN_IF_ERROR(co_await RequestCancel(link_->transport(), key_, context));
    if (needs_sync_) {
      // Until Sync the server skips what it gets; within a COPY it skips Sync, and outside of one
      // CopyFail.
      request_.Begin(link_->out());
      const protocol::CopyFail fail{"the client gave up"};
      MOLT_CO_RETURN_IF_ERROR(request_.Add(fail, {}));
      MOLT_CO_RETURN_IF_ERROR(co_await SendAll(context));
    }
    while (true) {
      MOLT_CO_ASSIGN(const protocol::Message message, co_await NextOrCancelAgain(context));
      if (message.type != protocol::kReadyForQuery) continue;
      MOLT_CO_RETURN_IF_ERROR(TakeReady(message));
      break;
    }
  }
  // The request has been delivered: its signal reaches the backend before anything that is sent
  // from here on. If it came too late for its own statement, it hits this one, or none.
  given_up_ = false;
  in_block_ = false;
  block_writes_ = false;
  for (int barrier = 0; cancelled || transaction_ != 'I'; ++barrier) {
    const Status ended = co_await RunControl("ROLLBACK", context);
    if (ended) {
      cancelled = false;
      continue;
    }
    if (in_exchange_ || link_->is_broken() || barrier >= kBarriersMax) co_return ended;
  }
  if (needs_reset_) MOLT_CO_RETURN_IF_ERROR(co_await ResetSession(context));
  co_return Status();
}

// The next message of a statement that was told to stop. Told before it had begun in the server, it
// was told in vain: so it is told again until it answers, less and less often.
Async<protocol::Message> PgConnection::NextOrCancelAgain(const ExecContext& given) {
  for (Seconds wait = kFirstRepeat;; wait *= 2) {
    ExecContext context = given;
    context.deadline = Deadline::After(wait).Earlier(given.deadline);
    auto message = co_await link_->Next(context);
    if (message || message.error().code != ErrorCode::kTimeout || given.deadline.HasPassed()) {
      co_return message;
    }
    MOLT_CO_RETURN_IF_ERROR(co_await RequestCancel(link_->transport(), key_, given));
  }
}

Async<void> PgConnection::ResetSession(const ExecContext& context) {
  request_.Begin(link_->out());
  for (const std::string_view sql : kResets) {
    MOLT_CO_RETURN_IF_ERROR(request_.Parse("", sql, {}));
    MOLT_CO_RETURN_IF_ERROR(request_.Run(""));
    // Each in a transaction of its own: DISCARD does not run in one with others.
    MOLT_CO_RETURN_IF_ERROR(request_.Sync());
  }
  request_.TakeExpected();
  in_exchange_ = true;
  MOLT_CO_RETURN_IF_ERROR(co_await link_->Send(context));
  for (std::size_t i = 0; i < kResets.size(); ++i) {
    in_exchange_ = true;
    MOLT_CO_RETURN_IF_ERROR(co_await DrainToReady(context));
  }
  // Roles and settings that were changed may have changed what the statements mean.
  needs_reset_ = false;
  MOLT_CO_ASSIGN(const auto batches,
                 co_await ReadCatalog(kPreparedSql, {}, kPreparedTypes, context));
  for (const types::RecordBatchPtr& batch : batches) {
    for (std::int64_t row = 0; row < batch->num_rows; ++row) {
      to_close_.emplace_back(batch->columns[0].BytesAt(row));
    }
  }
  co_return Status();
}

}  // namespace molt::db::postgres
