// Asking the server to stop what a session runs: on a connection of its own, as the protocol wants.
#pragma once

#include "molt/base/async.h"
#include "molt/db/postgres/opening.h"

namespace molt::db::postgres {

// Sends the request to the server at the other end of `transport`, in TLS if that is, and waits
// until the server has closed the connection: from then on the request can hit nothing any more.
// Only `context.reactor` and its deadline are used.
Async<void> RequestCancel(const Transport& transport, BackendKey key, ExecContext context);

}  // namespace molt::db::postgres
