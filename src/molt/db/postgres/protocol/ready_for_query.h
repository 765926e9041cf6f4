// ReadyForQuery: the group of messages that Sync ended is done with.
#pragma once

#include <string>
#include <string_view>

#include "molt/base/status.h"
#include "molt/db/postgres/protocol/message.h"
#include "molt/db/postgres/protocol/wire.h"

namespace molt::db::postgres::protocol {

inline constexpr char kIdle = 'I';               // in no transaction
inline constexpr char kInTransaction = 'T';      // in one
inline constexpr char kFailedTransaction = 'E';  // in one that can only be rolled back

struct ReadyForQuery {
  char status = kIdle;

  [[nodiscard]] Status Encode(std::string& out) const {
    const std::size_t start = BeginMessage(out, kReadyForQuery);
    out.push_back(status);
    EndMessage(out, start);
    return {};
  }
  [[nodiscard]] static Result<ReadyForQuery> Decode(std::string_view body) {
    Reader reader(body);
    ReadyForQuery ready;
    if (!reader.ReadByte(ready.status) || !reader.AtEnd() ||
        (ready.status != kIdle && ready.status != kInTransaction &&
         ready.status != kFailedTransaction)) {
      return Malformed("ReadyForQuery");
    }
    return ready;
  }
};

}  // namespace molt::db::postgres::protocol
