#include "molt/db/postgres/protocol/parse.h"

#include <limits>

#include "molt/db/postgres/protocol/message.h"
#include "molt/db/postgres/protocol/wire.h"

namespace molt::db::postgres::protocol {

Status Parse::Encode(std::string& out) const {
  MOLT_RETURN_IF_ERROR(CheckText("the name of the statement", statement));
  MOLT_RETURN_IF_ERROR(CheckText("the statement", sql));
  if (types.size() > std::numeric_limits<std::uint16_t>::max()) {
    return InvalidQuery("the statement has " + std::to_string(types.size()) +
                        " parameters; PostgreSQL takes at most 65535");
  }
  MOLT_RETURN_IF_ERROR(CheckLength("the statement",
                                   kLengthBytes + statement.size() + 1 + sql.size() + 1 +
                                       sizeof(std::uint16_t) + types.size_bytes(),
                                   kClientLengthMax));
  const std::size_t start = BeginMessage(out, kParse);
  PutCString(out, statement);
  PutCString(out, sql);
  PutUInt16(out, static_cast<std::uint16_t>(types.size()));
  for (const std::uint32_t type : types) PutUInt32(out, type);
  EndMessage(out, start);
  return {};
}

Result<DecodedParse> Parse::Decode(std::string_view body) {
  Reader reader(body);
  DecodedParse parse;
  std::uint16_t count = 0;
  if (!reader.ReadCString(parse.statement) || !reader.ReadCString(parse.sql) ||
      !reader.ReadUInt16(count) || reader.remaining() != count * sizeof(std::uint32_t)) {
    return Malformed("Parse", "client");
  }
  parse.types.resize(count);
  for (std::uint32_t& type : parse.types) {
    if (!reader.ReadUInt32(type)) return Malformed("Parse", "client");
  }
  return parse;
}

}  // namespace molt::db::postgres::protocol
