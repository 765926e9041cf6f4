#include "molt/worker/entry.h"
#include "molt/worker/run_query.h"

namespace molt::worker {

Async<Answer> RunDbQuery(CallPtr call) {
  MOLT_CO_ASSIGN(const types::Document payload, ReadPayload(*call));
  MOLT_CO_ASSIGN(QueryInput input, ReadQueryInput(payload, *call->offer));
  if (input.allows_write) {
    co_return InvalidQuery("db_query only reads; what writes is sent to db_exec");
  }
  co_return co_await AnswerQuery(call, std::move(input));
}

}  // namespace molt::worker
