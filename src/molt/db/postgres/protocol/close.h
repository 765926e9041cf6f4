// Close: forgets a prepared statement or a portal. To close one that does not exist is no error.
#pragma once

#include <string>
#include <string_view>

#include "molt/base/status.h"
#include "molt/db/postgres/protocol/message.h"
#include "molt/db/postgres/protocol/named_object.h"
#include "molt/db/postgres/protocol/wire.h"

namespace molt::db::postgres::protocol {

struct Close {
  char kind = kStatement;  // or kPortal
  std::string_view name;

  // InvalidQuery, with nothing appended, for a NUL inside the name or more than 10,000 bytes.
  [[nodiscard]] Status Encode(std::string& out) const {
    return EncodeNamedObject(out, kClose, kind, name);
  }
  // The name of the result points into `body`.
  [[nodiscard]] static Result<Close> Decode(std::string_view body) {
    Close message;
    if (!DecodeNamedObject(body, message.kind, message.name)) return Malformed("Close", "client");
    return message;
  }
};

}  // namespace molt::db::postgres::protocol
