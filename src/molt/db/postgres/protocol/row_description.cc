#include "molt/db/postgres/protocol/row_description.h"

#include <limits>

#include "molt/db/postgres/protocol/message.h"
#include "molt/db/postgres/protocol/wire.h"

namespace molt::db::postgres::protocol {

namespace {

constexpr std::size_t kFieldBytesMin = 19;  // of one with an empty name

bool ReadField(Reader& reader, FieldDescription& field) {
  std::string_view name;
  if (!reader.ReadCString(name) || !reader.ReadUInt32(field.table) ||
      !reader.ReadInt16(field.column) || !reader.ReadUInt32(field.type) ||
      !reader.ReadInt16(field.type_size) || !reader.ReadInt32(field.typmod) ||
      !reader.ReadInt16(field.format)) {
    return false;
  }
  field.name = name;
  return field.format == 0 || field.format == 1;
}

}  // namespace

Status RowDescription::Encode(std::string& out) const {
  if (fields.size() > std::numeric_limits<std::int16_t>::max()) {
    return InvalidQuery("more than 32767 columns");
  }
  for (const FieldDescription& field : fields) {
    MOLT_RETURN_IF_ERROR(CheckText("the name of a column", field.name));
  }
  const std::size_t start = BeginMessage(out, kRowDescription);
  PutInt16(out, static_cast<std::int16_t>(fields.size()));
  for (const FieldDescription& field : fields) {
    PutCString(out, field.name);
    PutUInt32(out, field.table);
    PutInt16(out, field.column);
    PutUInt32(out, field.type);
    PutInt16(out, field.type_size);
    PutInt32(out, field.typmod);
    PutInt16(out, field.format);
  }
  EndMessage(out, start);
  return {};
}

Result<RowDescription> RowDescription::Decode(std::string_view body) {
  Reader reader(body);
  std::int16_t count = 0;
  // The count is bounded before anything is allocated for it.
  if (!reader.ReadInt16(count) || count < 0 ||
      reader.remaining() < static_cast<std::size_t>(count) * kFieldBytesMin) {
    return Malformed("RowDescription");
  }
  RowDescription description;
  description.fields.resize(static_cast<std::size_t>(count));
  for (FieldDescription& field : description.fields) {
    if (!ReadField(reader, field)) return Malformed("RowDescription");
  }
  if (!reader.AtEnd()) return Malformed("RowDescription");
  return description;
}

}  // namespace molt::db::postgres::protocol
