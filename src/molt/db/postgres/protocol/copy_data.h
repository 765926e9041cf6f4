// CopyData: a piece of a COPY stream, in either direction.
#pragma once

#include <string>
#include <string_view>

#include "molt/base/status.h"
#include "molt/db/postgres/protocol/message.h"
#include "molt/db/postgres/protocol/wire.h"

namespace molt::db::postgres::protocol {

struct CopyData {
  std::string_view bytes;  // a server sends one row at a time; a client may cut anywhere

  // InvalidQuery, with nothing appended, for more than 1 GiB.
  [[nodiscard]] Status Encode(std::string& out) const {
    MOLT_RETURN_IF_ERROR(
        CheckLength("the piece of data", kLengthBytes + bytes.size(), kClientLengthMax));
    const std::size_t start = BeginMessage(out, kCopyData);
    out.append(bytes);
    EndMessage(out, start);
    return {};
  }
  // Any body will do; the result points into it.
  [[nodiscard]] static Result<CopyData> Decode(std::string_view body) { return CopyData{body}; }
};

}  // namespace molt::db::postgres::protocol
