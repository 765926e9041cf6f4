// timestamp and timestamptz, which is in UTC.
#include <optional>
#include <variant>

#include "molt/db/postgres/types/epoch.h"
#include "molt/db/postgres/types/type_codec.h"
#include "molt/db/postgres/types/wire_bytes.h"
#include "molt/types/iso_text.h"

namespace molt::db::postgres {

namespace {

using types::TypeId;
using types::Value;

bool ToMicros(std::int64_t number, std::int64_t& micros) {
  return !__builtin_add_overflow(number, kEpochMicros, &micros);
}

// The server's last years, 294247 to 294276, have no microseconds since 1970 that 64 bits hold.
// They are text, as the infinities are.
std::string FarText(std::int64_t number) {
  const auto days = static_cast<std::int32_t>(number / kMicrosPerDay + kEpochDays);
  return types::FormatDate({days}) + ' ' + types::FormatTime({number % kMicrosPerDay});
}

bool Append(const Decoder& self, std::string_view cell, types::ColumnBuilder& out) {
  if (cell.size() != sizeof(std::int64_t)) return false;
  const std::int64_t number = LoadInt64(cell.data());
  std::int64_t micros = 0;
  if (out.IsMixed() || !ToMicros(number, micros) || IsInfinite(number)) [[unlikely]] {
    return AppendRead(self, cell, out);
  }
  out.AppendInt64(micros);
  return true;
}

template <bool kUtc>
bool Read(const Decoder& /*self*/, std::string_view cell, Value& out) {
  if (cell.size() != sizeof(std::int64_t)) return false;
  const std::int64_t number = LoadInt64(cell.data());
  if (IsInfinite(number)) {
    out = std::string(InfinityText(number));
    return true;
  }
  types::Timestamp timestamp{0, kUtc};
  if (ToMicros(number, timestamp.micros)) {
    out = timestamp;
  } else {
    out = FarText(number) + (kUtc ? "+00:00" : "");
  }
  return true;
}

// A date is its midnight, but only where no zone decides when that is.
template <bool kUtc>
std::optional<std::int64_t> MicrosOf(const Value& value) {
  if (const auto* timestamp = std::get_if<types::Timestamp>(&value)) {
    if (timestamp->utc == kUtc) return timestamp->micros;
  }
  const auto* date = std::get_if<types::Date>(&value);
  std::int64_t micros = 0;
  if (kUtc || date == nullptr || __builtin_mul_overflow(date->days, kMicrosPerDay, &micros)) {
    return std::nullopt;
  }
  return micros;
}

template <bool kUtc>
EncodeOutcome Encode(const TypeEntry& /*target*/, const Value& value, std::string& out) {
  const auto micros = MicrosOf<kUtc>(value);
  std::int64_t number = 0;
  if (!micros || __builtin_sub_overflow(*micros, kEpochMicros, &number) || IsInfinite(number)) {
    return EncodeOutcome::kMismatch;
  }
  PutInt64(out, number);
  return EncodeOutcome::kBinary;
}

}  // namespace

constinit const TypeCodec kTimestampCodec = {
    TypeId::kTimestamp, Format::kBinary, TextParam::kText, Append, Read<false>, Encode<false>};
constinit const TypeCodec kTimestamptzCodec = {
    TypeId::kTimestampTz, Format::kBinary, TextParam::kText, Append, Read<true>, Encode<true>};

}  // namespace molt::db::postgres
