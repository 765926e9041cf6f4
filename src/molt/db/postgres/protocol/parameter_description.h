// ParameterDescription: the types of a prepared statement's parameters.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "molt/base/status.h"
#include "molt/db/postgres/protocol/message.h"
#include "molt/db/postgres/protocol/wire.h"

namespace molt::db::postgres::protocol {

struct ParameterDescription {
  std::vector<std::uint32_t> types;  // OIDs of pg_type

  [[nodiscard]] Status Encode(std::string& out) const {
    if (types.size() > std::numeric_limits<std::uint16_t>::max()) {
      return InvalidQuery("more than 65535 parameters");
    }
    const std::size_t start = BeginMessage(out, kParameterDescription);
    PutUInt16(out, static_cast<std::uint16_t>(types.size()));
    for (const std::uint32_t type : types) PutUInt32(out, type);
    EndMessage(out, start);
    return {};
  }
  [[nodiscard]] static Result<ParameterDescription> Decode(std::string_view body) {
    Reader reader(body);
    std::uint16_t count = 0;
    if (!reader.ReadUInt16(count) || reader.remaining() != count * sizeof(std::uint32_t)) {
      return Malformed("ParameterDescription");
    }
    ParameterDescription description;
    description.types.resize(count);
    for (std::uint32_t& type : description.types) {
      if (!reader.ReadUInt32(type)) return Malformed("ParameterDescription");
    }
    return description;
  }
};

}  // namespace molt::db::postgres::protocol
