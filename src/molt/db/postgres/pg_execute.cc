// Statements that write.
#include <utility>

#include "molt/db/postgres/pg_connection.h"
#include "molt/db/postgres/protocol/command_complete.h"

namespace molt::db::postgres {

namespace {

// How long a write that must stop may take to say whether it did.
constexpr Seconds kSettleTime{2};

}  // namespace

Async<ExecuteResult> PgConnection::Execute(const Statement& statement, const ExecContext& context) {
  MOLT_CO_RETURN_IF_ERROR(CheckContext(context));
  MOLT_CO_RETURN_IF_ERROR(shared_->gate.CheckWrite(statement.sql));
  current_ = statement;
  needs_reset_ = true;
  auto result = co_await RunExecute(statement, context);
  if (!result && IsStale(result.error())) {
    Forget(statement.sql);
    result = co_await RunExecute(statement, context);
  }
  current_ = {};
  if (!result) co_await GiveUp(context);
  co_return result;
}

Async<ExecuteResult> PgConnection::RunExecute(const Statement& statement,
                                              const ExecContext& context) {
  MOLT_CO_RETURN_IF_ERROR(co_await FinishExchange(context));
  MOLT_CO_ASSIGN(Ready ready, co_await MakeReady(statement, Wrap::kNone, {}, context));
  request_.Begin(link_->out());
  MOLT_CO_RETURN_IF_ERROR(MakeSurplusStatementsGo());
  MOLT_CO_RETURN_IF_ERROR(ComposeStatement(statement, ready, 0));
  const std::string before_rows = request_.TakeExpected();
  MOLT_CO_RETURN_IF_ERROR(co_await SendAll(context));
  // From here on the server may have done it, whatever becomes of us.
  Status replied = co_await ExpectAll(before_rows, context);
  ExecuteResult result;
  while (replied) {
    auto message = co_await link_->Next(context);
    if (!message) {
      replied = Fail(std::move(message).error());
    } else if (message->type == protocol::kCommandComplete) {
      MOLT_CO_ASSIGN(const auto complete, protocol::CommandComplete::Decode(message->body));
      result.rows_affected = complete.Rows();
      break;
    } else if (message->type == protocol::kErrorResponse) {
      MOLT_CO_ASSIGN(Error error, co_await ServerError(*message, context));
      co_return Fail(std::move(error));
    } else if (message->type == protocol::kEmptyQueryResponse) {
      break;
    } else if (message->type != protocol::kDataRow) {  // rows of RETURNING are dropped
      co_return Fail(Unexpected(message->type));
    }
  }
  if (replied) replied = co_await ExpectReady(context);
  if (!replied) {
    if (!in_exchange_) co_return Fail(std::move(replied).error());
    co_return co_await Settle(std::move(replied).error(), context);
  }
  KeepIfNew(statement.sql, ready);
  co_return result;
}

// A write whose caller has given up, or whose connection is lost: did it happen?
Async<ExecuteResult> PgConnection::Settle(Error cause, const ExecContext& given) {
  const bool given_up = cause.code == ErrorCode::kTimeout || cause.code == ErrorCode::kCancelled;
  if (given_up && !link_->is_broken()) {
    ExecContext context;
    context.reactor = given.reactor;
    context.deadline = Deadline::After(kSettleTime);
    [[maybe_unused]] const Status stopped =
        co_await RequestCancel(link_->transport(), key_, context);
    ExecuteResult result;
    bool done = false;
    while (in_exchange_) {
      auto message = co_await NextOrCancelAgain(context);
      if (!message) break;
      if (message->type == protocol::kErrorResponse) {
        [[maybe_unused]] const auto error = co_await ServerError(*message, context);
        if (!in_exchange_) co_return Fail(std::move(cause));
      } else if (message->type == protocol::kCommandComplete) {
        const auto complete = protocol::CommandComplete::Decode(message->body);
        if (!complete) break;
        result.rows_affected = complete->Rows();
        done = true;
      } else if (message->type == protocol::kReadyForQuery) {
        if (!TakeReady(*message)) break;
      }
    }
    if (!in_exchange_ && done) co_return result;  // it was done before it could be stopped
  }
  link_->Break();
  co_return DatabaseError(
      "the connection was lost while a statement that writes was running: "
      "whether it took effect is not known (" +
          cause.message + ")",
      "08007");
}

}  // namespace molt::db::postgres
