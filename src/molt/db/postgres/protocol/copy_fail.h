// CopyFail: the client gives up a COPY FROM STDIN, and the server undoes it.
#pragma once

#include <string>
#include <string_view>

#include "molt/base/status.h"
#include "molt/db/postgres/protocol/message.h"
#include "molt/db/postgres/protocol/wire.h"

namespace molt::db::postgres::protocol {

struct CopyFail {
  std::string_view reason;  // becomes part of the server's ErrorResponse and of its log

  // InvalidQuery, with nothing appended, for a NUL inside the reason or more than 10,000 bytes.
  [[nodiscard]] Status Encode(std::string& out) const {
    MOLT_RETURN_IF_ERROR(CheckText("the reason", reason));
    MOLT_RETURN_IF_ERROR(
        CheckLength("the reason", kLengthBytes + reason.size() + 1, kClientShortLengthMax));
    const std::size_t start = BeginMessage(out, kCopyFail);
    PutCString(out, reason);
    EndMessage(out, start);
    return {};
  }
  // The reason of the result points into `body`.
  [[nodiscard]] static Result<CopyFail> Decode(std::string_view body) {
    Reader reader(body);
    CopyFail fail;
    if (!reader.ReadCString(fail.reason) || !reader.AtEnd()) return Malformed("CopyFail", "client");
    return fail;
  }
};

}  // namespace molt::db::postgres::protocol
