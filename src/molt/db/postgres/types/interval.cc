#include <cstring>
#include <variant>

#include "molt/db/postgres/types/type_codec.h"
#include "molt/db/postgres/types/wire_bytes.h"

namespace molt::db::postgres {

namespace {

using types::Interval;
using types::Value;

constexpr std::size_t kIntervalBytes = 16;
constexpr std::int64_t kNanosPerMicro = 1'000;

// Microseconds, days, months.
Interval Load(std::string_view cell) {
  return {LoadInt32(cell.data() + 12), LoadInt32(cell.data() + 8), LoadInt64(cell.data())};
}

bool Append(const Decoder& self, std::string_view cell, types::ColumnBuilder& out) {
  if (cell.size() != kIntervalBytes) return false;
  const Interval interval = Load(cell);
  std::int64_t nanos = 0;
  if (out.IsMixed() || __builtin_mul_overflow(interval.micros, kNanosPerMicro, &nanos))
      [[unlikely]] {
    return AppendRead(self, cell, out);
  }
  char laid_out[kIntervalBytes];  // as columns have it
  std::memcpy(laid_out, &interval.months, 4);
  std::memcpy(laid_out + 4, &interval.days, 4);
  std::memcpy(laid_out + 8, &nanos, 8);
  out.AppendFixed(laid_out, kIntervalBytes);
  return true;
}

bool Read(const Decoder& /*self*/, std::string_view cell, Value& out) {
  if (cell.size() != kIntervalBytes) return false;
  out = Load(cell);
  return true;
}

EncodeOutcome Encode(const TypeEntry& /*target*/, const Value& value, std::string& out) {
  const auto* interval = std::get_if<Interval>(&value);
  if (interval == nullptr) return EncodeOutcome::kMismatch;
  PutInt64(out, interval->micros);
  protocol::PutInt32(out, interval->days);
  protocol::PutInt32(out, interval->months);
  return EncodeOutcome::kBinary;
}

}  // namespace

constinit const TypeCodec kIntervalCodec = {
    types::TypeId::kInterval, Format::kBinary, TextParam::kText, Append, Read, Encode};

}  // namespace molt::db::postgres
