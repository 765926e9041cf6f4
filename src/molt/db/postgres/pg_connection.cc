#include "molt/db/postgres/pg_connection.h"

#include <sched.h>

#include <array>
#include <atomic>
#include <chrono>
#include <utility>

#include "molt/db/postgres/pg_errors.h"
#include "molt/db/postgres/pg_stream.h"
#include "molt/db/postgres/protocol/ready_for_query.h"

namespace molt::db::postgres {

namespace {

constexpr std::string_view kBeginName = "molt_begin";
constexpr std::string_view kRollbackName = "molt_rollback";
constexpr std::string_view kBeginSql = "BEGIN READ ONLY";
constexpr std::string_view kRollbackSql = "ROLLBACK";
constexpr Seconds kGiveUpTime{2};
// What a local server needs for a small query. Falling asleep and being woken takes 50 µs and more.
constexpr std::chrono::microseconds kQuickReply{250};

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
  co_return co_await link_->Send(context);
}

Status PgConnection::PollForReply(const Ready& ready, const ExecContext& context) {
  // One at a time: the others' cores are the server's, or somebody else's.
  static std::atomic_flag polling;
  static const bool has_other_cores = CoresOfThisProcess() > 1;
  if (!context.is_alone || ready.is_new || !has_other_cores) return {};
  TrialHistory& history = ready.description->quick_replies;
  if (!history.TakeTurn() || polling.test_and_set()) return {};
  const auto got = link_->Poll(Deadline::After(kQuickReply).Earlier(context.deadline));
  polling.clear();
  MOLT_RETURN_IF_ERROR(got);
  if (*got) {
    history.Succeeded();
  } else {
    history.Failed();
  }
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
  in_exchange_ = false;
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
  if (response->severity() == "FATAL" || response->severity() == "PANIC") {
    link_->Break();
  } else {
    // If this fails, the connection is found in the midst of an exchange, and recovered later.
    [[maybe_unused]] const Status drained = co_await DrainToReady(context);
  }
  co_return error;
}

Async<void> PgConnection::DrainToReady(const ExecContext& context) {
  while (true) {
    MOLT_CO_ASSIGN(const protocol::Message message, co_await link_->Next(context));
    if (message.type == protocol::kReadyForQuery) co_return TakeReady(message);
  }
}

Async<void> PgConnection::FinishExchange(const ExecContext& context) {
  if (!in_exchange_) co_return Status();
  if (given_up_) {
    co_return DatabaseError("a statement of the transaction was given up: roll it back", "25P02");
  }
  co_return co_await DrainToReady(context);
}

// -- Statements -----------------------------------------------------------------------------------

bool PgConnection::IsStale(const Error& error) {
  return error.sqlstate == "26000" ||
         (error.sqlstate == "0A000" &&
          error.message.find("cached plan must not change result type") != std::string::npos);
}

void PgConnection::Forget(const Statement& statement) {
  // Whatever took one statement away may have taken all.
  prepared_.Clear();
  control_prepared_ = false;
  shared_->descriptions.Forget({statement.sql, {}});
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

Status PgConnection::MakeSurplusStatementsGo() {
  while (auto surplus = prepared_.TakeSurplus()) {
    MOLT_RETURN_IF_ERROR(request_.Close(surplus->name));
  }
  return {};
}

Async<PgConnection::Ready> PgConnection::MakeReady(const Statement& statement, Wrap wrap,
                                                   std::vector<Oid> first_declared,
                                                   const ExecContext& context) {
  Ready ready;
  ready.declared = std::move(first_declared);
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
      auto described = co_await Describe(key, wrap, context);
      if (!described) {
        const std::string& state = described.error().sqlstate;
        const bool cannot_infer = state == "42P18" || state == "42725" || state == "42883" ||
                                  state == "42804" || state == "42P08";
        if (!cannot_infer || !ready.declared.empty() || attempt > 0 || transaction_ == 'E') {
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
// description was made, the tables may have changed.
Status PgConnection::ComposeStatement(const Statement& statement, Ready& ready,
                                      std::int32_t max_rows) {
  if (ready.is_new) {
    MOLT_RETURN_IF_ERROR(request_.Parse(ready.name, statement.sql, ready.declared));
  }
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
  MOLT_CO_RETURN_IF_ERROR(CheckRole());
  MOLT_CO_RETURN_IF_ERROR(CheckQuery(statement.sql));
  co_return co_await RunRead(statement, limits, context);
}

Async<std::unique_ptr<BatchStream>> PgConnection::RunRead(const Statement& statement,
                                                          const BatchLimits& limits,
                                                          const ExecContext& context) {
  current_ = statement;
  auto stream = co_await StartRead(statement, limits, context);
  if (!stream && IsStale(stream.error()) && transaction_ == 'I') {
    Forget(statement);
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
  if (keeps_statements() && !control_prepared_) {
    MOLT_CO_RETURN_IF_ERROR(co_await PrepareControl(context));
  }
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
  const std::string_view begin = keeps_statements() ? kBeginName : std::string_view();
  const std::string_view rollback = keeps_statements() ? kRollbackName : std::string_view();
  if (wrap == Wrap::kReadOnly && transaction_ == 'I') {
    if (!keeps_statements()) MOLT_CO_RETURN_IF_ERROR(request_.Parse(begin, kBeginSql, {}));
    MOLT_CO_RETURN_IF_ERROR(request_.Run(begin));
  }
  MOLT_CO_RETURN_IF_ERROR(
      ComposeStatement(statement, ready, static_cast<std::int32_t>(limits.rows_in_all)));
  const std::string before_rows = request_.TakeExpected();
  if (wrap == Wrap::kReadOnly) {
    if (!keeps_statements()) MOLT_CO_RETURN_IF_ERROR(request_.Parse(rollback, kRollbackSql, {}));
    MOLT_CO_RETURN_IF_ERROR(request_.Run(rollback));
  }
  MOLT_CO_RETURN_IF_ERROR(MakeSurplusStatementsGo());
  std::string after_rows = request_.TakeExpected();
  MOLT_CO_RETURN_IF_ERROR(co_await SendAll(context));
  MOLT_CO_RETURN_IF_ERROR(PollForReply(ready, context));

  for (const char type : before_rows) {
    auto reply = co_await Expect(type, context);
    if (!reply) {
      // The server's error ended the group before ROLLBACK.
      if (transaction_ != 'I' && !in_exchange_ && !link_->is_broken()) {
        [[maybe_unused]] const Status ended = co_await Rollback(context);
      }
      co_return Fail(std::move(reply).error());
    }
    if (type == protocol::kRowDescription && !SameColumns(reply->body, *ready.description)) {
      // The tables have changed since the description was made.
      MOLT_CO_RETURN_IF_ERROR(co_await DrainToReady(context));
      co_return Fail(
          Error{ErrorCode::kDatabase, "cached plan must not change result type", "0A000", false});
    }
  }
  if (ready.is_new && keeps_statements()) {
    prepared_.Put({statement.sql, ready.declared}, {ready.name, ready.description});
  }
  co_return std::make_unique<PgStream>(*this, std::move(ready.description), std::move(after_rows),
                                       limits);
}

// What begins and ends a read, prepared once. Closing what does not exist is no error.
Async<void> PgConnection::PrepareControl(const ExecContext& context) {
  request_.Begin(link_->out());
  for (const auto& [name, sql] :
       {std::pair(kBeginName, kBeginSql), std::pair(kRollbackName, kRollbackSql)}) {
    MOLT_CO_RETURN_IF_ERROR(request_.Close(name));
    MOLT_CO_RETURN_IF_ERROR(request_.Parse(name, sql, {}));
  }
  const std::string expected = request_.TakeExpected();
  MOLT_CO_RETURN_IF_ERROR(co_await SendAll(context));
  MOLT_CO_RETURN_IF_ERROR(co_await ExpectAll(expected, context));
  MOLT_CO_RETURN_IF_ERROR(co_await ExpectReady(context));
  control_prepared_ = true;
  co_return Status();
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
