// NotificationResponse: somebody called NOTIFY; comes at any time.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "molt/base/status.h"
#include "molt/db/postgres/protocol/message.h"
#include "molt/db/postgres/protocol/wire.h"

namespace molt::db::postgres::protocol {

struct NotificationResponse {
  std::int32_t pid = 0;  // of the server process that notified
  std::string channel;
  std::string payload;

  [[nodiscard]] Status Encode(std::string& out) const {
    MOLT_RETURN_IF_ERROR(CheckText("the channel", channel));
    MOLT_RETURN_IF_ERROR(CheckText("the payload", payload));
    const std::size_t start = BeginMessage(out, kNotificationResponse);
    PutInt32(out, pid);
    PutCString(out, channel);
    PutCString(out, payload);
    EndMessage(out, start);
    return {};
  }
  [[nodiscard]] static Result<NotificationResponse> Decode(std::string_view body) {
    Reader reader(body);
    std::int32_t pid = 0;
    std::string_view channel;
    std::string_view payload;
    if (!reader.ReadInt32(pid) || !reader.ReadCString(channel) || !reader.ReadCString(payload) ||
        !reader.AtEnd()) {
      return Malformed("NotificationResponse");
    }
    return NotificationResponse{pid, std::string(channel), std::string(payload)};
  }
};

}  // namespace molt::db::postgres::protocol
