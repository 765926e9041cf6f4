// One statement for many sets of values, pipelined: the server works on one while the next arrives.
#include <utility>

#include "molt/db/postgres/pg_connection.h"
#include "molt/db/postgres/protocol/command_complete.h"

namespace molt::db::postgres {

namespace {

constexpr std::size_t kChunkBytes = std::size_t{128} << 10;

Error AtSet(Error error, std::size_t set) {
  error.message += " (row " + std::to_string(set + 1) + ")";
  return error;
}

}  // namespace

// With parameter types that the values of all sets fit.
Async<PgConnection::Ready> PgConnection::MakeReadyForAll(std::string_view sql,
                                                         const ParamSets& sets,
                                                         const ExecContext& context) {
  std::vector<Oid> declared;
  std::size_t widened_by = 0;
  while (true) {
    const Statement first{sql, sets.front(), {}};
    auto made = co_await MakeReady(first, Wrap::kNone, declared, context);
    if (!made) {
      if (declared.empty()) co_return Fail(std::move(made).error());
      co_return Fail(AtSet(std::move(made).error(), widened_by));
    }
    Ready ready = std::move(*made);
    bool all_fit = true;
    std::vector<Oid> wider = ready.declared;
    for (std::size_t i = 0; all_fit && i < sets.size(); ++i) {
      auto fits = params_.Encode(sets[i], ready.description->param_types, wider);
      if (!fits) co_return Fail(AtSet(std::move(fits).error(), i));
      all_fit = *fits;
      if (!all_fit) widened_by = i;
    }
    if (all_fit) co_return ready;
    if (wider == declared) {
      co_return InvalidQuery("the values of one parameter have types that no one type fits");
    }
    declared = std::move(wider);
  }
}

Async<ExecuteResult> PgConnection::ExecuteMany(std::string_view sql, const ParamSets& sets,
                                               const ExecContext& context) {
  MOLT_CO_RETURN_IF_ERROR(CheckContext(context));
  MOLT_CO_RETURN_IF_ERROR(shared_->gate.CheckWrite(sql));
  if (sets.empty()) co_return ExecuteResult{};
  const Statement statement{sql, sets.front(), {}};
  current_ = statement;
  needs_reset_ = true;
  auto result = co_await RunExecuteMany(sql, sets, context);
  if (!result && IsStale(result.error())) {
    Forget(sql);
    result = co_await RunExecuteMany(sql, sets, context);
  }
  current_ = {};
  if (!result) co_await GiveUp(context);
  co_return result;
}

// All before one Sync, which makes them one transaction.
Async<ExecuteResult> PgConnection::RunExecuteMany(std::string_view sql, const ParamSets& sets,
                                                  const ExecContext& context) {
  MOLT_CO_RETURN_IF_ERROR(co_await FinishExchange(context));
  MOLT_CO_ASSIGN(const Ready ready, co_await MakeReadyForAll(sql, sets, context));
  request_.Begin(link_->out());
  MOLT_CO_RETURN_IF_ERROR(MakeSurplusStatementsGo());
  MOLT_CO_RETURN_IF_ERROR(ParseIfNew(sql, ready));
  std::vector<Oid> declared;
  in_exchange_ = true;
  needs_sync_ = true;
  for (const std::vector<types::Value>& set : sets) {
    MOLT_CO_ASSIGN([[maybe_unused]] const bool fits,
                   params_.Encode(set, ready.description->param_types, declared));
    const protocol::Bind bind{"", ready.name, params_.formats(), params_.values(), {}};
    MOLT_CO_RETURN_IF_ERROR(request_.Add(bind, {}));
    MOLT_CO_RETURN_IF_ERROR(request_.Add(protocol::Execute{}, {}));
    if (link_->out().size() < kChunkBytes) continue;
    // Left in the midst of the exchange if this fails: nothing was committed yet.
    MOLT_CO_RETURN_IF_ERROR(CheckContext(context));
    MOLT_CO_RETURN_IF_ERROR(co_await link_->Send(context));
  }
  Status replied = co_await SendAll(context);
  ExecuteResult result;
  std::size_t done = 0;
  while (replied && in_exchange_) {
    auto message = co_await link_->Next(context);
    if (!message) {
      replied = Fail(std::move(message).error());
      break;
    }
    switch (message->type) {
      case protocol::kCommandComplete: {
        MOLT_CO_ASSIGN(const auto complete, protocol::CommandComplete::Decode(message->body));
        result.rows_affected += complete.Rows();
        ++done;
        break;
      }
      case protocol::kErrorResponse: {
        MOLT_CO_ASSIGN(Error error, co_await ServerError(*message, context));
        co_return Fail(AtSet(std::move(error), done));
      }
      case protocol::kReadyForQuery:
        MOLT_CO_RETURN_IF_ERROR(TakeReady(*message));
        break;
      default:
        break;  // ParseComplete, BindComplete, CloseComplete, and rows, which are dropped
    }
  }
  if (!replied) co_return co_await Settle(std::move(replied).error(), context);
  KeepIfNew(sql, ready);
  co_return result;
}

}  // namespace molt::db::postgres
