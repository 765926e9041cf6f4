#include <utility>

#include "molt/worker/entry.h"
#include "molt/worker/fields.h"
#include "molt/worker/run_query.h"
#include "molt/worker/server.h"

namespace molt::worker {

namespace {

// The statement once, or once for each of the sets of values that the payload may have.
Result<Async<db::ExecuteResult>> MakeRequest(const Alias& alias, const types::Document& payload,
                                             QueryInput& input,
                                             const engine::RequestContext& context) {
  const types::Document* sets = Given(payload, "param_sets");
  if (sets == nullptr) return alias.database->Execute(std::move(input.source), context);
  auto* native = std::get_if<engine::NativeSql>(&input.source);
  if (native == nullptr || !native->params.empty()) {
    return InvalidQuery("\"param_sets\" are for \"sql\", and instead of \"params\"");
  }
  if (sets->AsBytes() == nullptr) return Wrong("param_sets", "bytes", *sets);
  MOLT_ASSIGN(db::ParamSets read, ReadParamSets(sets->AsBytes()->data));
  return alias.database->ExecuteSets(std::move(native->sql), std::move(read), context);
}

}  // namespace

Async<Answer> RunDbExec(CallPtr call) {
  MOLT_CO_ASSIGN(const types::Document payload, ReadPayload(*call));
  MOLT_CO_ASSIGN(QueryInput input, ReadQueryInput(payload, *call->offer));
  Alias& alias = *input.alias;
  if (!input.allows_write) {
    co_return InvalidQuery("db_exec writes, so \"allow_write\" must be true");
  }
  if (!alias.options.allows_writes) {
    co_return InvalidQuery("the database \"" + alias.options.name +
                           "\" is served for reading only");
  }
  if (input.spec.format != codec::ResultFormat::kJson &&
      input.spec.format != codec::ResultFormat::kMsgPack) {
    co_return InvalidQuery("\"result_format\" of db_exec must be json or msgpack");
  }
  wire::DatabaseMetrics& metrics = MetricsOf(*call, input);

  const engine::RequestContext context = ContextOn(*call, alias);
  MOLT_CO_ASSIGN(auto request, MakeRequest(alias, payload, input, context));
  auto pass = co_await alias.gate.Enter(context.deadline, context.cancel);
  if (!pass) co_return Fail(std::move(pass).error());
  // To its end, whatever happens: the answer says whether it was done.
  MOLT_CO_ASSIGN(const db::ExecuteResult result,
                 co_await call->server.RunOn<db::ExecuteResult>(
                     alias, std::move(*pass), std::move(request), context, false));

  types::Document::Map map = {{"rows_affected", types::Document(result.rows_affected)}};
  metrics.rows_affected = result.rows_affected;
  metrics.last_insert_id = result.last_insert_id;
  if (result.last_insert_id) {
    map.emplace_back("last_insert_id", types::Document(*result.last_insert_id));
  }
  Answer answer = Render(types::Document(std::move(map)), CodecOf(input.spec.format));
  metrics.bytes_out = static_cast<std::int64_t>(answer.payload.size());
  CountPool(*call, alias);
  co_return answer;
}

}  // namespace molt::worker
