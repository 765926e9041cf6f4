// How the entries run a query.
#pragma once

#include "molt/worker/call.h"
#include "molt/worker/query_input.h"

namespace molt::worker {

// Runs a read and answers with its result, in parts if the client asked for that.
Async<Answer> AnswerQuery(CallPtr call, QueryInput input);

// A read within the worker: at once on this thread if that is quick, else admitted, and run where
// the database runs things.
Async<engine::Encoded> FetchEncodedFor(CallPtr call, Alias& alias, engine::Source source,
                                       engine::EncodeSpec spec);

// The context of what runs on the alias: it waits in this thread's reactor if it can.
engine::RequestContext ContextOn(const Call& call, const Alias& alias);

// What the reply will say of the pool, and of the query.
void CountPool(Call& call, const Alias& alias);
wire::DatabaseMetrics& MetricsOf(Call& call, const QueryInput& input);

}  // namespace molt::worker
