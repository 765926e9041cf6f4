// Opening a connection: libpq does it all, from service files to SCRAM and TLS.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "molt/base/status.h"
#include "molt/db/connection.h"
#include "molt/db/postgres/link.h"
#include "molt/db/postgres/postgres_options.h"

namespace molt::db::postgres {

// What names a running session to the server, in a cancel request.
struct BackendKey {
  std::int32_t process_id = 0;
  std::int32_t secret = 0;
};

struct OpenedSession {
  std::unique_ptr<Link> link;
  BackendKey key;
  std::string server;  // host or socket, and database, for messages
};

// InvalidQuery for connection parameters that libpq refuses. Never with a password in its message.
[[nodiscard]] Status CheckConninfo(const std::string& conninfo);

// Blocks the calling thread until the session is set up, or the context or the options' timeout end
// it. Host names are looked up by the system, which cannot be interrupted.
[[nodiscard]] Result<OpenedSession> OpenSession(const PostgresOptions& options,
                                                const ExecContext& context);

}  // namespace molt::db::postgres
