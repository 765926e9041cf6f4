// What Describe and Close have in common: they name a prepared statement or a portal.
#pragma once

#include <string>
#include <string_view>

#include "molt/base/status.h"
#include "molt/db/postgres/protocol/message.h"
#include "molt/db/postgres/protocol/wire.h"

namespace molt::db::postgres::protocol {

inline constexpr char kStatement = 'S';
inline constexpr char kPortal = 'P';

[[nodiscard]] inline Status EncodeNamedObject(std::string& out, char type, char kind,
                                              std::string_view name) {
  MOLT_RETURN_IF_ERROR(CheckText("the name of the statement or portal", name));
  MOLT_RETURN_IF_ERROR(CheckLength("the name of the statement or portal",
                                   kLengthBytes + 1 + name.size() + 1, kClientShortLengthMax));
  const std::size_t start = BeginMessage(out, type);
  out.push_back(kind);
  PutCString(out, name);
  EndMessage(out, start);
  return {};
}

[[nodiscard]] inline bool DecodeNamedObject(std::string_view body, char& kind,
                                            std::string_view& name) {
  Reader reader(body);
  return reader.ReadByte(kind) && (kind == kStatement || kind == kPortal) &&
         reader.ReadCString(name) && reader.AtEnd();
}

}  // namespace molt::db::postgres::protocol
