// CancelRequest: sent alone, on a connection of its own, which the server then closes. It has no
// type byte.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "molt/base/status.h"
#include "molt/db/postgres/protocol/wire.h"

namespace molt::db::postgres::protocol {

struct CancelRequest {
  std::int32_t pid = 0;  // both as BackendKeyData gave them
  std::int32_t key = 0;

  static constexpr std::int32_t kLength = 16;
  static constexpr std::int32_t kCode = 80'877'102;

  [[nodiscard]] Status Encode(std::string& out) const {
    PutInt32(out, kLength);
    PutInt32(out, kCode);
    PutInt32(out, pid);
    PutInt32(out, key);
    return {};
  }
  // `packet` includes the length.
  [[nodiscard]] static Result<CancelRequest> Decode(std::string_view packet) {
    Reader reader(packet);
    std::int32_t length = 0;
    std::int32_t code = 0;
    CancelRequest request;
    if (!reader.ReadInt32(length) || length != kLength || !reader.ReadInt32(code) ||
        code != kCode || !reader.ReadInt32(request.pid) || !reader.ReadInt32(request.key) ||
        !reader.AtEnd()) {
      return Malformed("CancelRequest", "client");
    }
    return request;
  }
};

}  // namespace molt::db::postgres::protocol
