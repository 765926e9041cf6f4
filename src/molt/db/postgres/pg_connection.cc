#include "molt/db/postgres/pg_connection.h"

#include <algorithm>
#include <array>
#include <utility>

#include "molt/db/postgres/pg_errors.h"
#include "molt/db/postgres/protocol/ready_for_query.h"

namespace molt::db::postgres {

namespace {

constexpr Seconds kGiveUpTime{2};
// What the server says of parameters whose types it cannot infer, or does not want.
bool IsTypeMismatch(std::string_view sqlstate) {
  constexpr std::array<std::string_view, 5> kStates = {"42P18", "42725", "42883", "42804", "42P08"};
  return std::find(kStates.begin(), kStates.end(), sqlstate) != kStates.end();
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

}  // namespace molt::db::postgres
