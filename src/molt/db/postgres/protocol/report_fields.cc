#include "molt/db/postgres/protocol/report_fields.h"

#include <charconv>
#include <system_error>
#include <utility>

#include "molt/db/postgres/protocol/wire.h"

namespace molt::db::postgres::protocol {

namespace {

std::int32_t PositionIn(std::string_view digits) {
  const char* const end = digits.data() + digits.size();
  std::int32_t position = 0;
  const auto [stop, error] = std::from_chars(digits.data(), end, position);
  return error == std::errc() && stop == end && position > 0 ? position : 0;
}

}  // namespace

std::string_view ReportFields::Get(char code) const {
  for (const Field& field : fields) {
    if (field.code == code) return field.value;
  }
  return {};
}

std::string_view ReportFields::severity() const {
  const std::string_view untranslated = Get('V');
  return untranslated.empty() ? Get('S') : untranslated;
}

std::int32_t ReportFields::position() const { return PositionIn(Get('P')); }

std::int32_t ReportFields::internal_position() const { return PositionIn(Get('p')); }

Status ReportFields::EncodeFields(std::string& out, char type) const {
  for (const Field& field : fields) {
    MOLT_RETURN_IF_ERROR(CheckText("the code of a field", std::string_view(&field.code, 1)));
    MOLT_RETURN_IF_ERROR(CheckText("a field", field.value));
  }
  const std::size_t start = BeginMessage(out, type);
  for (const Field& field : fields) {
    out.push_back(field.code);
    PutCString(out, field.value);
  }
  out.push_back('\0');
  EndMessage(out, start);
  return {};
}

bool ReportFields::DecodeFields(std::string_view body) {
  Reader reader(body);
  while (true) {
    Field field;
    std::string_view value;
    if (!reader.ReadByte(field.code)) return false;
    if (field.code == '\0') return reader.AtEnd();
    if (!reader.ReadCString(value)) return false;
    field.value = value;
    fields.push_back(std::move(field));
  }
}

}  // namespace molt::db::postgres::protocol
