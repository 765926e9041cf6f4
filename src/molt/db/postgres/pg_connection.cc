#include "molt/db/postgres/pg_connection.h"

#include <sched.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <utility>

#include "molt/db/postgres/pg_errors.h"
#include "molt/db/postgres/pg_stream.h"
#include "molt/db/postgres/protocol/ready_for_query.h"

namespace molt::db::postgres {

namespace {

// Parsed anew each time: a function could put something else in place of a prepared one.
constexpr std::string_view kBeginSql = "BEGIN READ ONLY";
constexpr std::string_view kRollbackSql = "ROLLBACK";
constexpr Seconds kGiveUpTime{2};
// What a local server needs for a small query. Falling asleep and being woken takes 50 µs and more.
constexpr std::chrono::microseconds kQuickReply{250};

// A read that takes longer than this and a round trip would keep those behind it waiting.
constexpr std::chrono::microseconds kQuickRead{5000};

// What the server says of parameters whose types it cannot infer, or does not want.
bool IsTypeMismatch(std::string_view sqlstate) {
  constexpr std::array<std::string_view, 5> kStates = {"42P18", "42725", "42883", "42804", "42P08"};
  return std::find(kStates.begin(), kStates.end(), sqlstate) != kStates.end();
}

int CoresOfThisProcess() {
  cpu_set_t cores;
  return sched_getaffinity(0, sizeof(cores), &cores) == 0 ? CPU_COUNT(&cores) : 1;
}

}  // namespace

PgConnection::PgConnection(OpenedSession session, std::shared_ptr<SharedState> shared)
    : shared_(std::move(shared)),
      link_(std::move(session.link)),
      key_(session.key),
      server_(std::move(session.server)),
      prepared_(shared_->options.statement_cache_size) {}

// -- Sending, and the replies ---------------------------------------------------------------------

Async<void> PgConnection::SendAll(const ExecContext& context) {
  MOLT_CO_RETURN_IF_ERROR(request_.Sync());
  in_exchange_ = true;
  needs_sync_ = false;
  asked_at_ = Deadline::Clock::now();
  co_return co_await link_->Send(context);
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

Error PgConnection::Unexpected(char type) {
  link_->Break();
  return Error{ErrorCode::kDatabase,
               std::string("the server sent an unexpected message of type '") + type + "'", "08P01",
               false};
}

Async<protocol::Message> PgConnection::Expect(char type, const ExecContext& context) {
  MOLT_CO_ASSIGN(const protocol::Message message, co_await link_->Next(context));
  if (message.type == type) co_return message;
  if (message.type == protocol::kErrorResponse) {
    MOLT_CO_ASSIGN(Error error, co_await ServerError(message, context));
    co_return Fail(std::move(error));
  }
  co_return Fail(Unexpected(message.type));
}

Async<void> PgConnection::ExpectAll(std::string_view types, const ExecContext& context) {
  for (const char type : types) MOLT_CO_RETURN_IF_ERROR(co_await Expect(type, context));
  co_return Status();
}

Async<void> PgConnection::ExpectReady(const ExecContext& context) {
  MOLT_CO_ASSIGN(const protocol::Message message,
                 co_await Expect(protocol::kReadyForQuery, context));
  co_return TakeReady(message);
}

// Precondition: it is a ReadyForQuery.
Status PgConnection::TakeReady(const protocol::Message& message) {
  const auto ready = protocol::ReadyForQuery::Decode(message.body);
  if (!ready) {
    link_->Break();
    return Fail(ready.error());
  }
  transaction_ = ready->status;
  in_exchange_ = orphans_ > 0;
  if (orphans_ > 0) --orphans_;
  return {};
}

// After an error the server skips everything up to Sync, and then says that it is ready: unless it
// ends the session.
Async<Error> PgConnection::ServerError(const protocol::Message& message,
                                       const ExecContext& context) {
  auto response = protocol::ErrorResponse::Decode(message.body);
  if (!response) {
    link_->Break();
    co_return std::move(response).error();
  }
  Error error = DescribeFailure(*response, current_.sql, current_.params);
  // What was sent behind finds a failed transaction.
  DropPipeline();
  if (response->severity() == "FATAL" || response->severity() == "PANIC") {
    link_->Break();
  } else {
    // If this fails, the connection is found in the midst of an exchange, and recovered later.
    [[maybe_unused]] const Status drained = co_await DrainToReady(context);
  }
  co_return error;
}

Async<void> PgConnection::SkipToReady(const ExecContext& context) {
  while (true) {
    MOLT_CO_ASSIGN(const protocol::Message message, co_await link_->Next(context));
    if (message.type == protocol::kReadyForQuery) co_return TakeReady(message);
  }
}

Async<void> PgConnection::DrainToReady(const ExecContext& context) {
  while (in_exchange_) MOLT_CO_RETURN_IF_ERROR(co_await SkipToReady(context));
  co_return Status();
}

Async<void> PgConnection::FinishExchange(const ExecContext& context) {
  if (!in_exchange_) co_return Status();
  next_read_.reset();
  if (given_up_) {
    co_return DatabaseError("a statement of the transaction was given up: roll it back", "25P02");
  }
  co_return co_await DrainToReady(context);
}

// -- Statements -----------------------------------------------------------------------------------

bool PgConnection::IsStale(const Error& error) const {
  if (transaction_ != 'I' || link_->is_broken()) return false;
  if (error.sqlstate == "26000") return true;
  if (error.sqlstate == "0A000") {
    return error.message.find("cached plan must not change result type") != std::string::npos;
  }
  // What was learned may be of columns that have changed since: their types, or (08P01) how many
  // there are.
  return !described_now_ && (IsTypeMismatch(error.sqlstate) || error.sqlstate == "08P01");
}

void PgConnection::Forget(std::string_view sql) {
  // Whatever took one statement away may have taken all; closing what is not there is no error.
  while (auto prepared = prepared_.TakeOldest()) to_close_.push_back(std::move(prepared->name));
  shared_->descriptions.Forget(sql);
}

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

Status PgConnection::ParseIfNew(std::string_view sql, const Ready& ready) {
  if (!ready.is_new) return {};
  parsing_ = ready.name;
  return request_.Parse(ready.name, sql, ready.description->param_types);
}

void PgConnection::KeepIfNew(std::string_view sql, const Ready& ready) {
  if (!ready.is_new || !keeps_statements()) return;
  parsing_.clear();
  prepared_.Put({sql, ready.declared}, {ready.name, ready.description});
}

// These and others that are to be closed, ahead of the request.
Status PgConnection::MakeSurplusStatementsGo() {
  // A statement that failed when it ran first may have been parsed nevertheless.
  if (!parsing_.empty()) to_close_.push_back(std::exchange(parsing_, {}));
  while (prepared_.IsTooFull()) to_close_.push_back(prepared_.TakeOldest()->name);
  for (const std::string& name : to_close_) MOLT_RETURN_IF_ERROR(request_.Close(name));
  to_close_.clear();
  return {};
}

Async<PgConnection::Ready> PgConnection::MakeReady(const Statement& statement, Wrap wrap,
                                                   std::vector<Oid> first_declared,
                                                   const ExecContext& context) {
  Ready ready;
  ready.declared = std::move(first_declared);
  described_now_ = false;
  // At most: as the server infers, then with the types of the values.
  for (int attempt = 0;; ++attempt) {
    const StatementKeyView key(statement.sql, ready.declared);
    if (const Prepared* known = prepared_.Find(key)) {
      ready.name = known->name;
      ready.description = known->description;
      ready.is_new = false;
    } else {
      ready.is_new = true;
      ready.name = keeps_statements() ? "molt_" + std::to_string(next_name_++) : std::string();
      ready.description = shared_->descriptions.Find(key);
    }
    if (!ready.description) {
      described_now_ = true;
      auto described = co_await Describe(key, wrap, context);
      if (!described) {
        if (!IsTypeMismatch(described.error().sqlstate) || !ready.declared.empty() || attempt > 0 ||
            transaction_ == 'E') {
          co_return Fail(std::move(described).error());
        }
        for (const types::Value& value : statement.params) {
          ready.declared.push_back(NaturalType(value));
        }
        if (ready.declared.empty()) co_return Fail(std::move(described).error());
        continue;
      }
      ready.description = std::move(*described);
    }
    std::vector<Oid> declared = ready.declared;
    MOLT_CO_ASSIGN(const bool fits,
                   params_.Encode(statement.params, ready.description->param_types, declared));
    if (fits) co_return ready;
    if (attempt > 2) co_return Internal("the types of parameters never settled");
    ready.declared = std::move(declared);
  }
}

// Parse, if it is new here, then Bind and Execute. A new statement is described again: since the
// description was made, the tables may have changed. The types of its parameters are declared, for
// the values are encoded as these.
Status PgConnection::ComposeStatement(const Statement& statement, Ready& ready,
                                      std::int32_t max_rows) {
  MOLT_RETURN_IF_ERROR(ParseIfNew(statement.sql, ready));
  const protocol::Bind bind{"", ready.name, params_.formats(), params_.values(),
                            ready.description->result_formats};
  MOLT_RETURN_IF_ERROR(request_.Add(bind, {&protocol::kBindComplete, 1}));
  if (ready.is_new) {
    const char reply =
        ready.description->gives_rows ? protocol::kRowDescription : protocol::kNoData;
    MOLT_RETURN_IF_ERROR(request_.Add(protocol::Describe{protocol::kPortal, ""}, {&reply, 1}));
  }
  return request_.Add(protocol::Execute{"", max_rows}, {});
}

// -- Reads ----------------------------------------------------------------------------------------

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

// After a failure: a statement of a transaction that nobody waits for any more is stopped at once.
// (A connection that is not in one is given back, and recovered by its pool.)
asio::awaitable<void> PgConnection::GiveUp(const ExecContext& given) {
  given_up_ = in_exchange_;
  if (!in_exchange_ || !in_block_ || link_->is_broken()) co_return;
  ExecContext context;
  context.reactor = given.reactor;
  context.deadline = Deadline::After(kGiveUpTime);
  [[maybe_unused]] const Status stopped = co_await RequestCancel(link_->transport(), key_, context);
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
  MOLT_RETURN_IF_ERROR(
      ComposeStatement(statement, ready, static_cast<std::int32_t>(limits.rows_in_all)));
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
