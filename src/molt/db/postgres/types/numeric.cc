#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <string>
#include <variant>

#include "molt/db/postgres/types/numeric_wire.h"
#include "molt/db/postgres/types/type_codec.h"
#include "molt/db/postgres/types/wire_bytes.h"

namespace molt::db::postgres {

namespace {

using types::Decimal;
using types::TypeId;
using types::Value;

constexpr std::int32_t kTypmodOffset = 4;  // what every typmod of variable length has added

// Nearly all numbers: at most 16 digits, with places in the last group. One pass, within 64 bits;
// false for all others, also for what is no numeric.
bool LoadSmall(std::string_view cell, const types::LogicalType& type, std::int64_t& value) {
  constexpr int kGroupsMax = 4;
  if (cell.size() < kNumericHeaderBytes + 2) return false;
  const char* at = cell.data();
  const int count = protocol::LoadUInt16(at);
  const int sign = protocol::LoadUInt16(at + 4);
  const int places = -type.scale - kNumericGroupDigits * (LoadInt16(at + 2) - count + 1);
  if (cell.size() != kNumericHeaderBytes + 2 * static_cast<std::size_t>(count) ||
      count > kGroupsMax || (sign & ~Numeric::kNegative) != 0 ||
      protocol::LoadUInt16(at + 6) > kNumericDscaleMax || places < 0 ||
      places >= kNumericGroupDigits) {
    return false;
  }
  at += kNumericHeaderBytes;
  std::int64_t magnitude = 0;
  unsigned largest = 0;
  for (int i = 1; i < count; ++i, at += 2) {
    const unsigned group = protocol::LoadUInt16(at);
    largest = std::max(largest, group);
    magnitude = magnitude * kNumericBase + group;
  }
  const unsigned last = protocol::LoadUInt16(at);
  const NumericCut cut = CutNumericGroup(last, places);
  magnitude = magnitude * cut.base + cut.group;
  // Any 16 digits are below the power of a precision beyond.
  static constexpr auto kPowers = [] {
    std::array<std::int64_t, 17> powers{1};
    for (std::size_t i = 1; i < powers.size(); ++i) powers[i] = powers[i - 1] * 10;
    return powers;
  }();
  if (std::max(largest, last) >= kNumericBase || !cut.is_exact ||
      magnitude >= kPowers[std::min<std::size_t>(type.precision, kPowers.size() - 1)]) {
    return false;
  }
  value = sign == 0 ? magnitude : -magnitude;
  return true;
}

bool Append(const Decoder& self, std::string_view cell, types::ColumnBuilder& out) {
  if (std::int64_t small = 0; self.type.id == TypeId::kDecimal128 && !out.IsMixed() &&
                              LoadSmall(cell, self.type, small)) [[likely]] {
    const types::Int128 value = small;
    out.AppendFixed(&value, sizeof(value));
    return true;
  }
  Numeric number;
  if (!LoadNumeric(cell, number)) return false;
  if (self.type.id == TypeId::kDecimal) {
    out.AppendBytes(NumericText(number));
    return true;
  }
  types::Int128 value = 0;
  if (out.IsMixed() || !NumericToInt128(number, self.type.precision, self.type.scale, value))
      [[unlikely]] {
    out.AppendValue(Decimal{NumericText(number)});
    return true;
  }
  out.AppendFixed(&value, sizeof(value));
  return true;
}

bool Read(const Decoder& /*self*/, std::string_view cell, Value& out) {
  Numeric number;
  if (!LoadNumeric(cell, number)) return false;
  out = Decimal{NumericText(number)};
  return true;
}

template <class Number>
EncodeOutcome PutText(Number number, std::string& out) {
  char text[32];
  const char* end = std::to_chars(text, text + sizeof(text), number).ptr;
  return PutNumeric({text, static_cast<std::size_t>(end - text)}, out);
}

EncodeOutcome Encode(const TypeEntry& /*target*/, const Value& value, std::string& out) {
  if (const auto* decimal = std::get_if<Decimal>(&value)) return PutNumeric(decimal->text, out);
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return PutText(*integer, out);
  const auto* real = std::get_if<double>(&value);
  if (real == nullptr) return EncodeOutcome::kMismatch;
  if (std::isnan(*real)) return PutNumeric("NaN", out);
  if (std::isinf(*real)) return PutNumeric(*real > 0 ? "Infinity" : "-Infinity", out);
  return PutText(*real, out);
}

}  // namespace

types::LogicalType NumericType(std::int32_t typmod) {
  if (typmod < kTypmodOffset) return TypeId::kDecimal;
  const std::int32_t packed = typmod - kTypmodOffset;
  const std::int32_t precision = packed >> 16 & 0xFFFF;
  const std::int32_t scale = ((packed & 0x7FF) ^ 0x400) - 0x400;  // of eleven bits, with a sign
  if (precision < 1 || precision > types::kDecimal128DigitsMax || scale < 0 || scale > precision) {
    return TypeId::kDecimal;
  }
  return types::LogicalType::Decimal128(precision, scale);
}

constinit const TypeCodec kNumericCodec = {
    TypeId::kDecimal, Format::kBinary, TextParam::kNever, Append, Read, Encode};

}  // namespace molt::db::postgres
