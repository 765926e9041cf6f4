// SSLRequest: sent before anything else; the server answers with one byte, 'S' to go on with TLS,
// 'N' to go on without. It has no type byte.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "molt/base/status.h"
#include "molt/db/postgres/protocol/wire.h"

namespace molt::db::postgres::protocol {

struct SslRequest {
  static constexpr std::int32_t kLength = 8;
  static constexpr std::int32_t kCode = 80'877'103;

  [[nodiscard]] Status Encode(std::string& out) const {
    PutInt32(out, kLength);
    PutInt32(out, kCode);
    return {};
  }
  // `packet` includes the length.
  [[nodiscard]] static Result<SslRequest> Decode(std::string_view packet) {
    Reader reader(packet);
    std::int32_t length = 0;
    std::int32_t code = 0;
    if (!reader.ReadInt32(length) || length != kLength || !reader.ReadInt32(code) ||
        code != kCode || !reader.AtEnd()) {
      return Malformed("SSLRequest", "client");
    }
    return SslRequest{};
  }
};

}  // namespace molt::db::postgres::protocol
