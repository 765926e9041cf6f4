// How the entries run a query.
#pragma once

#include <functional>

#include "molt/worker/call.h"
#include "molt/worker/query_input.h"

namespace molt::worker {

// Runs a read and answers with its result, in parts if the client asked for that.
Async<Answer> AnswerQuery(CallPtr call, QueryInput input);

// A read within the worker: at once on this thread if that is quick, else admitted, and run where
// the database runs things.
Async<engine::Encoded> FetchEncodedFor(CallPtr call, Alias& alias, engine::Source source,
                                       engine::EncodeSpec spec);
// What an entry makes of a read, all of it where the read is done. `make` must give its request all
// that it needs by value: it may come to its end when the call is answered already. `source` is
// what it reads.
using EncodedRequest = std::function<Async<engine::Encoded>(const engine::RequestContext&)>;
Async<engine::Encoded> RunEncoded(CallPtr call, Alias& alias, const engine::Source& source,
                                  EncodedRequest make);

// The context of what runs on the alias: it waits in this thread's reactor if it can.
engine::RequestContext ContextOn(const Call& call, const Alias& alias);

// What the reply will say of the pool, and of the query.
void CountPool(Call& call, const Alias& alias);
wire::DatabaseMetrics& MetricsOf(Call& call, const QueryInput& input);

}  // namespace molt::worker
