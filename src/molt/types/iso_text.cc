#include "molt/types/iso_text.h"

#include <algorithm>
#include <array>
#include <cstdint>

namespace molt::types {

namespace {

constexpr std::string_view kHex = "0123456789abcdef";

constexpr std::int64_t kMicrosPerSecond = 1'000'000;
constexpr std::int64_t kMicrosPerMinute = 60 * kMicrosPerSecond;
constexpr std::int64_t kMicrosPerHour = 60 * kMicrosPerMinute;
constexpr std::int64_t kMicrosPerDay = 24 * kMicrosPerHour;
constexpr std::int64_t kDaysOfYear1 = -719'162;      // 0001-01-01
constexpr std::int64_t kDaysOfYear9999 = 2'932'896;  // 9999-12-31
constexpr std::int64_t kDaysPer400Years = 146'097;

// Reads fixed places of digits. What is no digit is remembered and not branched on, so that a
// date is one straight run of arithmetic and a single check at the end.
struct Digits {
  unsigned bad = 0;

  unsigned One(char c) {
    const unsigned digit = static_cast<unsigned char>(c) - unsigned{'0'};
    bad |= static_cast<unsigned>(digit > 9);
    return digit;
  }
  unsigned Two(const char* p) { return One(p[0]) * 10 + One(p[1]); }
  void Is(char c, char expected) { bad |= static_cast<unsigned>(c != expected); }
};

bool IsLeapYear(int year) { return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0); }

unsigned DaysInMonth(int year, unsigned month) {
  static constexpr std::uint8_t kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  return month == 2 && IsLeapYear(year) ? 29 : kDays[month - 1];
}

// Days since 1970-01-01, of a year from 0 on. Years are counted from March, so that the leap day is
// a year's last one and the months before it have fixed lengths: (153 m + 2) / 5 days precede
// month m. Unsigned and narrow: dividing by a constant is then a multiplication.
std::int32_t DaysFromCivil(std::uint32_t year, std::uint32_t month, std::uint32_t day) {
  // One cycle of the calendar later, so that January of year 0 has a year before it.
  const std::uint32_t march_year = year + 400 - (month <= 2 ? 1 : 0);
  const std::uint32_t march_month = month <= 2 ? month + 9 : month - 3;
  const std::uint32_t days = march_year * 365 + march_year / 4 - march_year / 100 +
                             march_year / 400 + (153 * march_month + 2) / 5 + day - 1;
  return static_cast<std::int32_t>(days) - 719'468 - 146'097;  // 0000-03-01 to 1970-01-01, cycle
}

// Precondition: text has at least ten characters.
bool ReadDate(const char* text, std::int32_t& days) {
  Digits digits;
  const unsigned year = digits.Two(text) * 100 + digits.Two(text + 2);
  digits.Is(text[4], '-');
  const unsigned month = digits.Two(text + 5);
  digits.Is(text[7], '-');
  const unsigned day = digits.Two(text + 8);
  if (digits.bad != 0 || year == 0 || month - 1 > 11 || day == 0) return false;
  if (day > 28 && day > DaysInMonth(static_cast<int>(year), month)) return false;
  days = DaysFromCivil(year, month, day);
  return true;
}

// Reads a time from the front of `text` and leaves what follows it.
bool ReadTime(std::string_view& text, std::int64_t& micros) {
  if (text.size() < 5) return false;
  Digits digits;
  const unsigned hour = digits.Two(text.data());
  digits.Is(text[2], ':');
  const unsigned minute = digits.Two(text.data() + 3);
  unsigned second = 0;
  unsigned fraction = 0;
  std::size_t used = 5;
  if (text.size() > 5 && text[5] == ':') {
    if (text.size() < 8) return false;
    second = digits.Two(text.data() + 6);
    used = 8;
    if (text.size() > 8 && text[8] == '.') {
      std::size_t places = 0;
      for (used = 9; used < text.size() && text[used] >= '0' && text[used] <= '9'; ++used) {
        if (++places > 6) return false;
        fraction = fraction * 10 + static_cast<unsigned>(text[used] - '0');
      }
      if (places == 0) return false;
      for (; places < 6; ++places) fraction *= 10;
    }
  }
  if (digits.bad != 0 || hour > 23 || minute > 59 || second > 59) return false;
  text.remove_prefix(used);
  micros = hour * kMicrosPerHour + minute * kMicrosPerMinute + second * kMicrosPerSecond + fraction;
  return true;
}

// Reads "Z" or ±hh[:mm], all of it, into what is to be subtracted to get UTC.
bool ReadZone(std::string_view text, std::int64_t& offset_micros) {
  offset_micros = 0;
  if (text == "Z") return true;
  if (text.size() != 3 && text.size() != 6) return false;
  if (text[0] != '+' && text[0] != '-') return false;
  Digits digits;
  const unsigned hour = digits.Two(text.data() + 1);
  unsigned minute = 0;
  if (text.size() == 6) {
    digits.Is(text[3], ':');
    minute = digits.Two(text.data() + 4);
  }
  if (digits.bad != 0 || hour > 23 || minute > 59) return false;
  offset_micros = hour * kMicrosPerHour + minute * kMicrosPerMinute;
  if (text[0] == '-') offset_micros = -offset_micros;
  return true;
}

std::int64_t FloorDivide(std::int64_t value, std::int64_t divisor) {
  return value / divisor - static_cast<std::int64_t>(value % divisor < 0);
}
std::int64_t FloorRemainder(std::int64_t value, std::int64_t divisor) {
  const std::int64_t remainder = value % divisor;
  return remainder < 0 ? remainder + divisor : remainder;
}

// Text under way, without allocation: a result in JSON is mostly this.
class Line {
 public:
  // `chars` has room for kTimestampTextMax.
  explicit Line(char* chars) : chars_(chars) {}
  void Put(char c) { chars_[size_++] = c; }
  void PutTwo(std::uint32_t value) {  // below 100
    Put(static_cast<char>('0' + value / 10));
    Put(static_cast<char>('0' + value % 10));
  }
  void PutYear(int year) {
    if (year < 0) Put('-');
    auto value = static_cast<std::uint32_t>(year < 0 ? -year : year);
    if (value > 9999) {  // only what no text can be parsed to
      char digits[10];
      int count = 0;
      for (; value > 9999; value /= 10) digits[count++] = static_cast<char>('0' + value % 10);
      PutTwo(value / 100);
      PutTwo(value % 100);
      while (count > 0) Put(digits[--count]);
      return;
    }
    PutTwo(value / 100);
    PutTwo(value % 100);
  }
  void PutDate(Date date) {
    const CivilDate civil = ToCivil(date);
    PutYear(civil.year);
    Put('-');
    PutTwo(civil.month);
    Put('-');
    PutTwo(civil.day);
  }
  // Of a day: what is outside wraps around.
  void PutTime(std::int64_t micros) {
    const std::int64_t in_day = FloorRemainder(micros, kMicrosPerDay);
    const auto seconds = static_cast<std::uint32_t>(in_day / kMicrosPerSecond);
    const auto fraction = static_cast<std::uint32_t>(in_day % kMicrosPerSecond);
    PutTwo(seconds / 3600);
    Put(':');
    PutTwo(seconds / 60 % 60);
    Put(':');
    PutTwo(seconds % 60);
    if (fraction == 0) return;
    Put('.');
    PutTwo(fraction / 10'000);
    PutTwo(fraction / 100 % 100);
    PutTwo(fraction % 100);
  }
  void PutText(std::string_view text) {
    for (const char c : text) Put(c);
  }
  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  char* const chars_;
  std::size_t size_ = 0;
};

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool IsUuidHyphen(std::size_t byte) { return byte == 4 || byte == 6 || byte == 8 || byte == 10; }

constexpr std::string_view kBase64 =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

constexpr std::array<std::int8_t, 256> MakeBase64Values() {
  std::array<std::int8_t, 256> values{};
  values.fill(-1);
  for (std::size_t i = 0; i < kBase64.size(); ++i) {
    values[static_cast<unsigned char>(kBase64[i])] = static_cast<std::int8_t>(i);
  }
  return values;
}
constexpr std::array<std::int8_t, 256> kBase64Values = MakeBase64Values();

}  // namespace

std::optional<Date> ParseDate(std::string_view text) {
  std::int32_t days = 0;
  if (text.size() != 10 || !ReadDate(text.data(), days)) return std::nullopt;
  return Date{days};
}

std::optional<Time> ParseTime(std::string_view text) {
  Time time;
  if (!ReadTime(text, time.micros) || !text.empty()) return std::nullopt;
  return time;
}

std::optional<Timestamp> ParseTimestamp(std::string_view text) {
  std::int32_t days = 0;
  if (text.size() < 10 || !ReadDate(text.data(), days)) return std::nullopt;
  Timestamp timestamp{days * kMicrosPerDay, false};
  if (text.size() == 10) return timestamp;
  if (text[10] != ' ' && text[10] != 'T') return std::nullopt;
  text.remove_prefix(11);
  std::int64_t micros = 0;
  if (!ReadTime(text, micros)) return std::nullopt;
  timestamp.micros += micros;
  if (text.empty()) return timestamp;
  std::int64_t offset = 0;
  if (!ReadZone(text, offset)) return std::nullopt;
  timestamp.micros -= offset;
  timestamp.utc = true;
  // In UTC it may have left the years that a date can have.
  if (timestamp.micros < kDaysOfYear1 * kMicrosPerDay ||
      timestamp.micros >= (kDaysOfYear9999 + 1) * kMicrosPerDay) {
    return std::nullopt;
  }
  return timestamp;
}

std::optional<Uuid> ParseUuid(std::string_view text) {
  const bool hyphens = text.size() == 36;
  if (!hyphens && text.size() != 32) return std::nullopt;
  Uuid uuid;
  const char* at = text.data();
  for (std::size_t i = 0; i < uuid.bytes.size(); ++i) {
    if (hyphens && IsUuidHyphen(i) && *at++ != '-') return std::nullopt;
    const int high = HexDigit(at[0]);
    const int low = HexDigit(at[1]);
    if (high < 0 || low < 0) return std::nullopt;
    uuid.bytes[i] = static_cast<std::uint8_t>(high << 4 | low);
    at += 2;
  }
  return uuid;
}

std::string FormatDate(Date date) {
  char text[kTimestampTextMax];
  Line line(text);
  line.PutDate(date);
  return {text, line.size()};
}

std::string FormatTime(Time time) {
  char text[kTimestampTextMax];
  Line line(text);
  line.PutTime(time.micros);
  return {text, line.size()};
}

std::string FormatTimestamp(Timestamp timestamp, char separator) {
  char text[kTimestampTextMax];
  return {text, WriteTimestamp(timestamp, separator, text)};
}

// The longest: -290308-12-21 19:59:05.224192+00:00
std::size_t WriteTimestamp(Timestamp timestamp, char separator, char* text) {
  Line line(text);
  const std::int64_t days = FloorDivide(timestamp.micros, kMicrosPerDay);
  line.PutDate(Date{static_cast<std::int32_t>(days)});
  line.Put(separator);
  line.PutTime(timestamp.micros);
  if (timestamp.utc) line.PutText("+00:00");
  return line.size();
}

void AppendHex(std::string_view bytes, std::string& out) {
  for (const char c : bytes) {
    out += kHex[static_cast<unsigned char>(c) >> 4];
    out += kHex[static_cast<unsigned char>(c) & 15];
  }
}

std::string FormatUuid(const Uuid& uuid) {
  std::string out;
  out.reserve(36);
  for (std::size_t i = 0; i < uuid.bytes.size(); ++i) {
    if (IsUuidHyphen(i)) out += '-';
    out += kHex[uuid.bytes[i] >> 4];
    out += kHex[uuid.bytes[i] & 15];
  }
  return out;
}

std::string EncodeBase64(std::string_view bytes) {
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t count = std::min<std::size_t>(3, bytes.size() - i);
    std::uint32_t group = 0;
    for (std::size_t k = 0; k < 3; ++k) {
      group = group << 8 | (k < count ? static_cast<unsigned char>(bytes[i + k]) : 0U);
    }
    for (std::size_t k = 0; k < 4; ++k) {
      out += k <= count ? kBase64[group >> (18 - 6 * k) & 63] : '=';
    }
  }
  return out;
}

std::optional<std::string> DecodeBase64(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  std::size_t padding = 0;
  while (padding < 2 && padding < text.size() && text[text.size() - 1 - padding] == '=') ++padding;
  std::string out;
  out.reserve(text.size() / 4 * 3);
  for (std::size_t i = 0; i < text.size(); i += 4) {
    const std::size_t count = i + 4 == text.size() ? 4 - padding : 4;
    std::uint32_t group = 0;
    for (std::size_t k = 0; k < 4; ++k) {
      const int value = k < count ? kBase64Values[static_cast<unsigned char>(text[i + k])] : 0;
      if (value < 0) return std::nullopt;
      group = group << 6 | static_cast<std::uint32_t>(value);
    }
    // Bits that no byte takes must be zero, so that every text has one encoding.
    const std::uint32_t unused = count == 4 ? 0 : group & (count == 3 ? 0xFFU : 0xFFFFU);
    if (unused != 0) return std::nullopt;
    for (std::size_t k = 0; k + 1 < count; ++k) {
      out += static_cast<char>(group >> (16 - 8 * k) & 0xFF);
    }
  }
  return out;
}

CivilDate ToCivil(Date date) {
  const std::int64_t shifted = std::int64_t{date.days} + 719'468;
  const std::int64_t era = FloorDivide(shifted, kDaysPer400Years);
  const std::int64_t day_of_era = shifted - era * kDaysPer400Years;
  // Without the leap days an era is 400 years of 365 days.
  const std::int64_t year_of_era =
      (day_of_era - day_of_era / 1460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
  const std::int64_t day_of_year =
      day_of_era - (year_of_era * 365 + year_of_era / 4 - year_of_era / 100);
  const std::int64_t month_from_march = (5 * day_of_year + 2) / 153;
  const auto day = static_cast<unsigned>(day_of_year - (153 * month_from_march + 2) / 5 + 1);
  const std::int64_t month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
  const std::int64_t year = era * 400 + year_of_era + (month <= 2 ? 1 : 0);
  return {static_cast<int>(year), static_cast<unsigned>(month), day};
}

Date FromCivil(CivilDate civil) {
  // Whole cycles of 400 years, which all have as many days, bring any year into 0 to 399.
  const std::int64_t cycles = FloorDivide(civil.year, 400);
  const auto year = static_cast<std::uint32_t>(civil.year - cycles * 400);
  const std::int64_t days = DaysFromCivil(year, civil.month, civil.day);
  return Date{static_cast<std::int32_t>(days + cycles * kDaysPer400Years)};
}

}  // namespace molt::types
