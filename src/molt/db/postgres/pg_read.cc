// Statements that read, each in a read-only transaction of its own.
#include <sched.h>

#include <atomic>
#include <chrono>
#include <utility>

#include "molt/db/postgres/pg_connection.h"
#include "molt/db/postgres/pg_stream.h"

namespace molt::db::postgres {

namespace {

// Parsed anew each time: a function could put something else in place of a prepared one.
constexpr std::string_view kBeginSql = "BEGIN READ ONLY";
constexpr std::string_view kRollbackSql = "ROLLBACK";

// What a local server needs for a small query. Falling asleep and being woken takes 50 µs and more.
constexpr std::chrono::microseconds kQuickReply{250};

// A read that takes longer than this and a round trip would keep those behind it waiting.
constexpr std::chrono::microseconds kQuickRead{5000};

int CoresOfThisProcess() {
  cpu_set_t cores;
  return sched_getaffinity(0, sizeof(cores), &cores) == 0 ? CPU_COUNT(&cores) : 1;
}

}  // namespace

Status PgConnection::CheckRole() const {
  if (shared_->options.allow_superuser) return {};
  const auto superuser = link_->parameters.find("is_superuser");
  if (superuser == link_->parameters.end() || superuser->second != "on") return {};
  return InvalidQuery(
      "this connection is a superuser's, whose queries can write files and start programs even in "
      "a read-only transaction: connect as an ordinary role, or allow it with "
      "allow_superuser=True");
}

bool PgConnection::ReadsStandardStrings() const {
  const auto found = link_->parameters.find("standard_conforming_strings");
  return found == link_->parameters.end() || found->second == "on";
}

bool PgConnection::IsQuick(const Description& description) const {
  return description.whole_time.IsKnown() &&
         description.whole_time.IsWithin(shared_->round_trip.Get() + kQuickRead);
}

Status PgConnection::PollForReply(const Description& description, const ExecContext& context) {
  // One at a time: the others' cores are the server's, or somebody else's.
  static std::atomic_flag polling;
  static const bool has_other_cores = CoresOfThisProcess() > 1;
  if (!context.is_alone || !has_other_cores || !description.reply_time.IsWithin(kQuickReply)) {
    return {};
  }
  if (polling.test_and_set()) return {};
  const auto got = link_->Poll(Deadline::After(kQuickReply).Earlier(context.deadline));
  polling.clear();
  if (!got) return Fail(got.error());
  return {};
}

Async<std::unique_ptr<BatchStream>> PgConnection::Query(const Statement& statement,
                                                        const BatchLimits& limits,
                                                        const ExecContext& context) {
  MOLT_CO_RETURN_IF_ERROR(CheckContext(context));
  if (!next_read_) {
    MOLT_CO_RETURN_IF_ERROR(CheckRole());
    MOLT_CO_RETURN_IF_ERROR(CheckQuery(statement.sql));
  }
  co_return co_await RunRead(statement, limits, context);
}

Async<std::unique_ptr<BatchStream>> PgConnection::RunRead(const Statement& statement,
                                                          const BatchLimits& limits,
                                                          const ExecContext& context) {
  current_ = statement;
  Result<std::unique_ptr<BatchStream>> stream = nullptr;
  if (next_read_) {
    SentRead read = *std::exchange(next_read_, std::nullopt);
    described_now_ = false;
    asked_at_ = Deadline::Clock::now();
    stream = co_await TakeRead(std::move(read), limits, context);
  } else {
    stream = co_await StartRead(statement, limits, context);
  }
  if (!stream && IsStale(stream.error())) {
    Forget(statement.sql);
    stream = co_await StartRead(statement, limits, context);
  }
  if (!stream) {
    current_ = {};
    co_await GiveUp(context);
  }
  co_return stream;
}

// In a transaction that may write, a statement that writes may give rows as well.
Status PgConnection::CheckQuery(std::string_view sql) {
  Status reads = shared_->gate.CheckRead(sql);
  if (reads || !block_writes_) return reads;
  if (shared_->gate.CheckWrite(sql)) return {};
  return reads;
}

Async<std::unique_ptr<BatchStream>> PgConnection::StartRead(const Statement& statement,
                                                            const BatchLimits& limits,
                                                            const ExecContext& context) {
  MOLT_CO_RETURN_IF_ERROR(co_await FinishExchange(context));
  MOLT_CO_RETURN_IF_ERROR(co_await MakeStringsStandard(context));
  const Wrap wrap = in_block_ ? Wrap::kNone : Wrap::kReadOnly;
  auto made = co_await MakeReady(statement, wrap, {}, context);
  if (!made) {
    [[maybe_unused]] const Status ended = co_await Rollback(context);
    co_return Fail(std::move(made).error());
  }
  Ready ready = std::move(*made);
  if (!ready.description->gives_rows) {
    [[maybe_unused]] const Status ended = co_await Rollback(context);
    co_return InvalidQuery("this statement gives no rows; use execute() for statements that write");
  }
  request_.Begin(link_->out());
  MOLT_CO_RETURN_IF_ERROR(MakeSurplusStatementsGo());
  MOLT_CO_ASSIGN(SentRead read, ComposeRead(statement, ready, limits));
  MOLT_CO_RETURN_IF_ERROR(co_await SendAll(context));
  if (!ready.is_new) MOLT_CO_RETURN_IF_ERROR(PollForReply(*ready.description, context));
  auto stream = co_await TakeRead(std::move(read), limits, context);
  if (stream) KeepIfNew(statement.sql, ready);
  co_return stream;
}

// All but the Sync.
Result<SentRead> PgConnection::ComposeRead(const Statement& statement, Ready& ready,
                                           const BatchLimits& limits) {
  if (!in_block_) {
    MOLT_RETURN_IF_ERROR(request_.Parse("", kBeginSql, {}));
    MOLT_RETURN_IF_ERROR(request_.Run(""));
  }
  // More than the message has room for is as good as no limit: no result is so long.
  constexpr std::int64_t kRowsMax = std::numeric_limits<std::int32_t>::max();
  const std::int64_t rows = limits.rows_in_all <= kRowsMax ? limits.rows_in_all : 0;
  MOLT_RETURN_IF_ERROR(ComposeStatement(statement, ready, static_cast<std::int32_t>(rows)));
  SentRead read{ready.description, request_.TakeExpected(), {}};
  if (!in_block_) {
    MOLT_RETURN_IF_ERROR(request_.Parse("", kRollbackSql, {}));
    MOLT_RETURN_IF_ERROR(request_.Run(""));
  }
  read.after_rows = request_.TakeExpected();
  return read;
}

// The replies up to the rows.
Async<std::unique_ptr<BatchStream>> PgConnection::TakeRead(SentRead read, const BatchLimits& limits,
                                                           const ExecContext& context) {
  // What SendEarly() could not send.
  if (!link_->out().empty()) MOLT_CO_RETURN_IF_ERROR(co_await link_->Send(context));
  accepts_early_ =
      context.reactor != nullptr && !in_block_ && keeps_statements() && IsQuick(*read.description);
  if (accepts_early_) shared_->pool->FillPipeline(*this);
  bool is_first = true;
  for (const char type : read.before_rows) {
    auto reply = co_await Expect(type, context);
    if (!reply) {
      // The server's error ended the group before ROLLBACK.
      if (transaction_ != 'I' && !in_exchange_ && !link_->is_broken()) {
        [[maybe_unused]] const Status ended = co_await Rollback(context);
      }
      co_return Fail(std::move(reply).error());
    }
    if (std::exchange(is_first, false)) {
      const auto time = Deadline::Clock::now() - asked_at_;
      read.description->reply_time.Add(time);
      shared_->round_trip.Add(time);
    }
    if (type == protocol::kRowDescription && !SameColumns(reply->body, *read.description)) {
      // The tables have changed since the description was made.
      DropPipeline();
      MOLT_CO_RETURN_IF_ERROR(co_await DrainToReady(context));
      co_return Fail(
          Error{ErrorCode::kDatabase, "cached plan must not change result type", "0A000", false});
    }
  }
  co_return std::make_unique<PgStream>(*this, std::move(read.description),
                                       std::move(read.after_rows), limits);
}

void PgConnection::DropPipeline() {
  accepts_early_ = false;
  AddOrphans(shared_->pool->EmptyPipeline(*this));
}

// Only what needs no question to the server first, and is not known to keep others waiting.
std::optional<SentRead> PgConnection::SendEarly(const Statement& statement,
                                                const BatchLimits& limits) {
  if (!accepts_early_ || link_->is_broken() || !link_->out().empty()) return std::nullopt;
  const Prepared* known = prepared_.Find({statement.sql, {}});
  if (known == nullptr || !IsQuick(*known->description)) return std::nullopt;
  if (!CheckRole() || !ReadsStandardStrings() || !shared_->gate.CheckRead(statement.sql))
    return std::nullopt;
  Ready ready{{}, known->description, known->name, false};
  const auto fits =
      params_.Encode(statement.params, ready.description->param_types, ready.declared);
  if (!fits || !*fits) return std::nullopt;
  request_.Begin(link_->out());
  auto read = ComposeRead(statement, ready, limits);
  if (!read || !request_.Sync()) {
    link_->out().clear();
    return std::nullopt;
  }
  if (!link_->SendSome()) {
    // Whoever reads next finds out why.
    link_->out().clear();
    accepts_early_ = false;
    return std::nullopt;
  }
  return std::move(*read);
}

// The gate reads strings as the standard says; the server must do so too. A role's or a database's
// own setting may say otherwise, and a function may change it.
Async<void> PgConnection::MakeStringsStandard(const ExecContext& context) {
  if (ReadsStandardStrings()) co_return Status();
  if (in_block_) {
    co_return InvalidQuery(
        "standard_conforming_strings was turned off in this transaction: then it cannot be told "
        "what a text does");
  }
  co_return co_await RunControl("SET standard_conforming_strings = on", context);
}

Async<void> PgConnection::Rollback(const ExecContext& context) {
  if (in_block_ || transaction_ == 'I' || link_->is_broken() || in_exchange_) co_return Status();
  co_return co_await RunControl(kRollbackSql, context);
}

Async<std::string> PgConnection::Explain(const Statement& statement, bool analyze,
                                         const ExecContext& context) {
  MOLT_CO_RETURN_IF_ERROR(CheckContext(context));
  MOLT_CO_RETURN_IF_ERROR(CheckRole());
  // Without analyze nothing runs, so a statement that writes is explained as well.
  Status allowed = CheckQuery(statement.sql);
  if (!allowed && !analyze && shared_->gate.CheckWrite(statement.sql)) allowed = Status();
  MOLT_CO_RETURN_IF_ERROR(allowed);
  const std::string sql =
      (analyze ? "EXPLAIN (ANALYZE, BUFFERS) " : "EXPLAIN ") + std::string(statement.sql);
  const Statement explained{sql, statement.params, {}};
  const BatchLimits limits;
  MOLT_CO_ASSIGN(const auto stream, co_await RunRead(explained, limits, context));
  std::string text;
  while (true) {
    MOLT_CO_ASSIGN(const types::RecordBatchPtr batch, co_await stream->Next(context));
    if (!batch) break;
    for (std::int64_t row = 0; row < batch->num_rows; ++row) {
      if (!text.empty()) text += '\n';
      text += batch->columns[0].BytesAt(row);
    }
  }
  co_return text;
}

}  // namespace molt::db::postgres
