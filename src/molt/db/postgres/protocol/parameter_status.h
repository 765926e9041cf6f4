// ParameterStatus: the value of a setting that the server reports; comes at any time.
#pragma once

#include <string>
#include <string_view>

#include "molt/base/status.h"
#include "molt/db/postgres/protocol/message.h"
#include "molt/db/postgres/protocol/wire.h"

namespace molt::db::postgres::protocol {

struct ParameterStatus {
  std::string name;
  std::string value;

  [[nodiscard]] Status Encode(std::string& out) const {
    MOLT_RETURN_IF_ERROR(CheckText("the name of the setting", name));
    MOLT_RETURN_IF_ERROR(CheckText("the setting", value));
    const std::size_t start = BeginMessage(out, kParameterStatus);
    PutCString(out, name);
    PutCString(out, value);
    EndMessage(out, start);
    return {};
  }
  [[nodiscard]] static Result<ParameterStatus> Decode(std::string_view body) {
    Reader reader(body);
    std::string_view name;
    std::string_view value;
    if (!reader.ReadCString(name) || !reader.ReadCString(value) || !reader.AtEnd()) {
      return Malformed("ParameterStatus");
    }
    return ParameterStatus{std::string(name), std::string(value)};
  }
};

}  // namespace molt::db::postgres::protocol
