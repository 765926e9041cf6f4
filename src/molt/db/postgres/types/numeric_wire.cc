#include "molt/db/postgres/types/numeric_wire.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "molt/db/postgres/types/wire_bytes.h"

namespace molt::db::postgres {

namespace {

__extension__ using UInt128 = unsigned __int128;

constexpr int kPointMax = 131'072;  // digits before the point
constexpr int kGroupsMax = 3'000;   // that numeric_recv takes

constexpr std::array<UInt128, types::kDecimal128DigitsMax + 1> kPowers = [] {
  std::array<UInt128, types::kDecimal128DigitsMax + 1> powers{};
  powers[0] = 1;
  for (std::size_t i = 1; i < powers.size(); ++i) powers[i] = powers[i - 1] * 10;
  return powers;
}();

unsigned Digit(const Numeric& number, int index) {
  return protocol::LoadUInt16(number.digits + 2 * static_cast<std::ptrdiff_t>(index));
}

void AppendGroup(std::string& text, unsigned group) {
  const char digits[] = {
      static_cast<char>('0' + group / 1000), static_cast<char>('0' + group / 100 % 10),
      static_cast<char>('0' + group / 10 % 10), static_cast<char>('0' + group % 10)};
  text.append(digits, sizeof(digits));
}

// The magnitude times 10^scale, for any number; false if that is no integer or leaves 128 bits.
bool Scale(const Numeric& number, int scale, UInt128& magnitude) {
  // All groups but the last are whole; the places of the last may end within it.
  for (int i = 0; i + 1 < number.count; ++i) {
    if (__builtin_mul_overflow(magnitude, UInt128{kNumericBase}, &magnitude) ||
        __builtin_add_overflow(magnitude, UInt128{Digit(number, i)}, &magnitude)) {
      return false;
    }
  }
  const unsigned last = Digit(number, number.count - 1);
  const int shift = kNumericGroupDigits * (number.weight - number.count + 1) + scale;
  if (shift <= -kNumericGroupDigits) return false;
  const NumericCut cut = CutNumericGroup(last, std::max(-shift, 0));
  return cut.is_exact && shift < static_cast<int>(kPowers.size()) &&
         !__builtin_mul_overflow(magnitude, UInt128{cut.base}, &magnitude) &&
         !__builtin_add_overflow(magnitude, UInt128{cut.group}, &magnitude) &&
         !__builtin_mul_overflow(magnitude, kPowers[static_cast<std::size_t>(std::max(shift, 0))],
                                 &magnitude);
}

// A decimal text taken apart: 0.digits * 10^point.
struct DecimalParts {
  bool negative = false;
  std::string digits;  // without zeros at either end; empty if the number is zero
  int point = 0;
  int places = 0;  // after the point, as written
};

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

bool ParseExponent(std::string_view text, int& exponent) {
  if (text.starts_with('+')) {
    text.remove_prefix(1);
    if (text.starts_with('-')) return false;
  }
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), exponent);
  constexpr int kFar = 1'000'000;  // beyond any numeric, but not beyond an int
  return error == std::errc() && end == text.data() + text.size() && exponent > -kFar &&
         exponent < kFar;
}

bool ParseDecimal(std::string_view text, DecimalParts& parts) {
  parts.negative = text.starts_with('-');
  if (parts.negative || text.starts_with('+')) text.remove_prefix(1);
  int exponent = 0;
  if (const std::size_t at = text.find_first_of("eE"); at != std::string_view::npos) {
    if (!ParseExponent(text.substr(at + 1), exponent)) return false;
    text = text.substr(0, at);
  }
  if (text.size() > 2 * static_cast<std::size_t>(kPointMax)) return false;
  bool after_point = false;
  for (const char c : text) {
    if (c == '.' && !after_point) {
      after_point = true;
      continue;
    }
    if (!IsDigit(c)) return false;
    parts.digits += c;
    if (after_point) ++parts.places;
  }
  if (parts.digits.empty()) return false;
  parts.point = static_cast<int>(parts.digits.size()) - parts.places + exponent;
  parts.places = std::max(parts.places - exponent, 0);
  const std::size_t first = parts.digits.find_first_not_of('0');
  if (first == std::string::npos) {
    parts.digits.clear();
    return true;
  }
  parts.digits.erase(parts.digits.find_last_not_of('0') + 1);
  parts.digits.erase(0, first);
  parts.point -= static_cast<int>(first);
  return true;
}

void PutHeader(std::string& out, int count, int weight, Numeric::Sign sign, int dscale) {
  protocol::PutInt16(out, static_cast<std::int16_t>(count));
  protocol::PutInt16(out, static_cast<std::int16_t>(weight));
  protocol::PutUInt16(out, sign);
  protocol::PutUInt16(out, static_cast<std::uint16_t>(dscale));
}

bool PutSpecial(std::string_view text, std::string& out) {
  Numeric::Sign sign = Numeric::kNaN;
  if (text == "Infinity") {
    sign = Numeric::kInfinite;
  } else if (text == "-Infinity") {
    sign = Numeric::kMinusInfinite;
  } else if (text != "NaN") {
    return false;
  }
  PutHeader(out, 0, 0, sign, 0);
  return true;
}

}  // namespace

bool LoadNumeric(std::string_view cell, Numeric& number) {
  if (cell.size() < kNumericHeaderBytes) return false;
  number.count = protocol::LoadUInt16(cell.data());
  number.weight = LoadInt16(cell.data() + 2);
  number.sign = static_cast<Numeric::Sign>(protocol::LoadUInt16(cell.data() + 4));
  number.dscale = protocol::LoadUInt16(cell.data() + 6);
  number.digits = cell.data() + kNumericHeaderBytes;
  if (cell.size() != kNumericHeaderBytes + 2 * static_cast<std::size_t>(number.count)) return false;
  unsigned largest = 0;
  for (int i = 0; i < number.count; ++i) largest = std::max(largest, Digit(number, i));
  if (largest >= kNumericBase) return false;
  switch (number.sign) {
    case Numeric::kPositive:
    case Numeric::kNegative:
      return number.dscale <= kNumericDscaleMax;
    case Numeric::kNaN:
    case Numeric::kInfinite:
    case Numeric::kMinusInfinite:
      return true;
  }
  return false;
}

std::string NumericText(const Numeric& number) {
  if (number.sign == Numeric::kNaN) return "NaN";
  if (number.sign == Numeric::kInfinite) return "Infinity";
  if (number.sign == Numeric::kMinusInfinite) return "-Infinity";
  // Groups at and after `at`, with zeros where there are no digits.
  const auto group = [&](int at) { return at >= 0 && at < number.count ? Digit(number, at) : 0U; };
  std::string text(number.sign == Numeric::kNegative ? "-" : "");
  const std::size_t start = text.size();
  const auto groups = static_cast<std::size_t>(std::max(number.weight, 0) + 1);
  text.reserve(start + kNumericGroupDigits * (groups + 1) +
               static_cast<std::size_t>(number.dscale) + 1);
  for (int at = 0; at <= number.weight; ++at) AppendGroup(text, group(at));
  const std::size_t leading = std::min(text.find_first_not_of('0', start), text.size());
  text.erase(start, leading - start);
  if (text.size() == start) text += '0';
  if (number.dscale == 0) return text;
  text += '.';
  const std::size_t end = text.size() + static_cast<std::size_t>(number.dscale);
  for (int at = number.weight + 1; text.size() < end; ++at) AppendGroup(text, group(at));
  text.resize(end);
  return text;
}

bool NumericToInt128(const Numeric& number, int precision, int scale, types::Int128& value) {
  if (!number.IsFinite()) return false;
  UInt128 magnitude = 0;
  if (number.count > 0 && !Scale(number, scale, magnitude)) return false;
  if (magnitude >= kPowers[static_cast<std::size_t>(precision)]) return false;
  value = static_cast<types::Int128>(magnitude);
  if (number.sign == Numeric::kNegative) value = -value;
  return true;
}

EncodeOutcome PutNumeric(std::string_view text, std::string& out) {
  if (PutSpecial(text, out)) return EncodeOutcome::kBinary;
  DecimalParts parts;
  if (!ParseDecimal(text, parts)) return EncodeOutcome::kMismatch;
  if (parts.places > kNumericDscaleMax) return EncodeOutcome::kMismatch;  // would be rounded
  if (parts.digits.empty()) {
    PutHeader(out, 0, 0, Numeric::kPositive, parts.places);
    return EncodeOutcome::kBinary;
  }
  if (parts.point > kPointMax) return EncodeOutcome::kMismatch;
  // The first group ends where the point, moved by whole groups, would be.
  const int before = parts.point - 1;
  const int weight = before >= 0 ? before / kNumericGroupDigits
                                 : -((kNumericGroupDigits - 1 - before) / kNumericGroupDigits);
  const auto first = static_cast<std::size_t>(parts.point - weight * kNumericGroupDigits);
  parts.digits.insert(0, kNumericGroupDigits - first, '0');
  const std::size_t count = (parts.digits.size() + kNumericGroupDigits - 1) / kNumericGroupDigits;
  parts.digits.append(count * kNumericGroupDigits - parts.digits.size(), '0');
  if (count > kGroupsMax) {
    out += text;
    return EncodeOutcome::kText;
  }
  PutHeader(out, static_cast<int>(count), weight,
            parts.negative ? Numeric::kNegative : Numeric::kPositive, parts.places);
  for (std::size_t i = 0; i < count; ++i) {
    int group = 0;
    for (std::size_t k = 0; k < kNumericGroupDigits; ++k) {
      group = group * 10 + (parts.digits[i * kNumericGroupDigits + k] - '0');
    }
    protocol::PutInt16(out, static_cast<std::int16_t>(group));
  }
  return EncodeOutcome::kBinary;
}

}  // namespace molt::db::postgres
