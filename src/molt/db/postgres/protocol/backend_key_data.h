// BackendKeyData: what a CancelRequest for this session must show. Protocol 3.0, which has keys of
// four bytes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "molt/base/status.h"
#include "molt/db/postgres/protocol/message.h"
#include "molt/db/postgres/protocol/wire.h"

namespace molt::db::postgres::protocol {

struct BackendKeyData {
  std::int32_t pid = 0;
  std::int32_t key = 0;

  [[nodiscard]] Status Encode(std::string& out) const {
    const std::size_t start = BeginMessage(out, kBackendKeyData);
    PutInt32(out, pid);
    PutInt32(out, key);
    EndMessage(out, start);
    return {};
  }
  [[nodiscard]] static Result<BackendKeyData> Decode(std::string_view body) {
    Reader reader(body);
    BackendKeyData data;
    if (!reader.ReadInt32(data.pid) || !reader.ReadInt32(data.key) || !reader.AtEnd()) {
      return Malformed("BackendKeyData");
    }
    return data;
  }
};

}  // namespace molt::db::postgres::protocol
