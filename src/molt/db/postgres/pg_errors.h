// The server's ErrorResponse -> molt::Error.
#pragma once

#include <span>
#include <string_view>

#include "molt/base/status.h"
#include "molt/db/postgres/protocol/error_response.h"
#include "molt/types/value.h"

namespace molt::db::postgres {

// The code for an SQLSTATE (PostgreSQL 15, appendix A).
[[nodiscard]] ErrorCode CodeForSqlState(std::string_view sqlstate);

// The message says what, and where in `sql`; values of `params`, and the DETAIL and CONTEXT fields,
// which quote rows, are left out.
[[nodiscard]] Error DescribeFailure(const protocol::ErrorResponse& response, std::string_view sql,
                                    std::span<const types::Value> params);

}  // namespace molt::db::postgres
