// Execute: runs a portal.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "molt/base/status.h"
#include "molt/db/postgres/protocol/message.h"
#include "molt/db/postgres/protocol/wire.h"

namespace molt::db::postgres::protocol {

struct Execute {
  std::string_view portal;    // empty for the unnamed one
  std::int32_t max_rows = 0;  // 0 for all; any other number keeps the server from parallel plans

  // InvalidQuery, with nothing appended, for a NUL inside the name or more than 10,000 bytes.
  [[nodiscard]] Status Encode(std::string& out) const {
    MOLT_RETURN_IF_ERROR(CheckText("the name of the portal", portal));
    MOLT_RETURN_IF_ERROR(CheckLength("the name of the portal",
                                     kLengthBytes + portal.size() + 1 + sizeof(max_rows),
                                     kClientShortLengthMax));
    const std::size_t start = BeginMessage(out, kExecute);
    PutCString(out, portal);
    PutInt32(out, max_rows);
    EndMessage(out, start);
    return {};
  }
  // The name of the result points into `body`.
  [[nodiscard]] static Result<Execute> Decode(std::string_view body) {
    Reader reader(body);
    Execute execute;
    if (!reader.ReadCString(execute.portal) || !reader.ReadInt32(execute.max_rows) ||
        !reader.AtEnd()) {
      return Malformed("Execute", "client");
    }
    return execute;
  }
};

}  // namespace molt::db::postgres::protocol
