#include <variant>

#include "molt/db/postgres/types/epoch.h"
#include "molt/db/postgres/types/type_codec.h"
#include "molt/db/postgres/types/wire_bytes.h"

namespace molt::db::postgres {

namespace {

using types::Value;

// From the server's days to those since 1970; false if there are no such days.
bool ToDays(std::int32_t number, std::int32_t& days) {
  return !__builtin_add_overflow(number, kEpochDays, &days);
}

bool Append(const Decoder& self, std::string_view cell, types::ColumnBuilder& out) {
  if (cell.size() != sizeof(std::int32_t)) return false;
  const std::int32_t number = LoadInt32(cell.data());
  std::int32_t days = 0;
  if (out.IsMixed() || !ToDays(number, days) || IsInfinite(number)) [[unlikely]] {
    return AppendRead(self, cell, out);
  }
  out.AppendInt32(days);
  return true;
}

bool Read(const Decoder& /*self*/, std::string_view cell, Value& out) {
  if (cell.size() != sizeof(std::int32_t)) return false;
  const std::int32_t number = LoadInt32(cell.data());
  if (IsInfinite(number)) {
    out = std::string(InfinityText(number));
    return true;
  }
  types::Date date;
  if (!ToDays(number, date.days)) return false;
  out = date;
  return true;
}

EncodeOutcome Encode(const TypeEntry& /*target*/, const Value& value, std::string& out) {
  const auto* date = std::get_if<types::Date>(&value);
  std::int32_t number = 0;
  if (date == nullptr || __builtin_sub_overflow(date->days, kEpochDays, &number) ||
      IsInfinite(number)) {
    return EncodeOutcome::kMismatch;
  }
  protocol::PutInt32(out, number);
  return EncodeOutcome::kBinary;
}

}  // namespace

constinit const TypeCodec kDateCodec = {
    types::TypeId::kDate, Format::kBinary, TextParam::kText, Append, Read, Encode};

}  // namespace molt::db::postgres
