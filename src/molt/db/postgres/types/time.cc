// time, and timetz, which has its offset with it.
#include <variant>

#include "molt/db/postgres/types/epoch.h"
#include "molt/db/postgres/types/type_codec.h"
#include "molt/db/postgres/types/wire_bytes.h"
#include "molt/types/value_text.h"

namespace molt::db::postgres {

namespace {

using types::TypeId;
using types::Value;

constexpr std::string_view kEndOfDay = "24:00:00";  // which PostgreSQL takes for a time
constexpr std::size_t kTimetzBytes = 12;
constexpr std::int32_t kOffsetEnd = 16 * 3600;  // seconds; all offsets are below

bool IsInDay(std::int64_t micros) { return micros >= 0 && micros <= kMicrosPerDay; }

bool AppendTime(const Decoder& self, std::string_view cell, types::ColumnBuilder& out) {
  if (cell.size() != sizeof(std::int64_t)) return false;
  const std::int64_t micros = LoadInt64(cell.data());
  if (out.IsMixed() || !IsInDay(micros) || micros == kMicrosPerDay) [[unlikely]] {
    return AppendRead(self, cell, out);
  }
  out.AppendInt64(micros);
  return true;
}

bool ReadTime(const Decoder& /*self*/, std::string_view cell, Value& out) {
  if (cell.size() != sizeof(std::int64_t)) return false;
  const std::int64_t micros = LoadInt64(cell.data());
  if (!IsInDay(micros)) return false;
  if (micros == kMicrosPerDay) {
    out = std::string(kEndOfDay);
  } else {
    out = types::Time{micros};
  }
  return true;
}

EncodeOutcome EncodeTime(const TypeEntry& /*target*/, const Value& value, std::string& out) {
  const auto* time = std::get_if<types::Time>(&value);
  if (time == nullptr || !IsInDay(time->micros)) return EncodeOutcome::kMismatch;
  PutInt64(out, time->micros);
  return EncodeOutcome::kBinary;
}

// The server counts the offset westwards.
bool LoadTimetz(std::string_view cell, types::TimeTz& time) {
  if (cell.size() != kTimetzBytes) return false;
  time.micros = LoadInt64(cell.data());
  const std::int32_t west = LoadInt32(cell.data() + 8);
  if (!IsInDay(time.micros) || west <= -kOffsetEnd || west >= kOffsetEnd) return false;
  time.offset_seconds = -west;
  return true;
}

bool AppendTimetz(const Decoder& /*self*/, std::string_view cell, types::ColumnBuilder& out) {
  types::TimeTz time;
  if (!LoadTimetz(cell, time)) return false;
  out.AppendBytes(types::FormatTimeTz(time));
  return true;
}

bool ReadTimetz(const Decoder& /*self*/, std::string_view cell, Value& out) {
  types::TimeTz time;
  if (!LoadTimetz(cell, time)) return false;
  out = time;
  return true;
}

EncodeOutcome EncodeTimetz(const TypeEntry& /*target*/, const Value& value, std::string& out) {
  const auto* time = std::get_if<types::TimeTz>(&value);
  if (time == nullptr || !IsInDay(time->micros) || time->offset_seconds <= -kOffsetEnd ||
      time->offset_seconds >= kOffsetEnd) {
    return EncodeOutcome::kMismatch;
  }
  PutInt64(out, time->micros);
  protocol::PutInt32(out, -time->offset_seconds);
  return EncodeOutcome::kBinary;
}

}  // namespace

constinit const TypeCodec kTimeCodec = {TypeId::kTime, Format::kBinary, TextParam::kText,
                                        AppendTime,    ReadTime,        EncodeTime};
constinit const TypeCodec kTimetzCodec = {TypeId::kTimeTz, Format::kBinary, TextParam::kText,
                                          AppendTimetz,    ReadTimetz,      EncodeTimetz};

}  // namespace molt::db::postgres
