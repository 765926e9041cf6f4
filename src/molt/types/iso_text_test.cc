#include "molt/types/iso_text.h"

#include <limits>

#include <gtest/gtest.h>

#include "molt/types/utf8.h"

namespace molt::types {
namespace {

constexpr std::int64_t kSecond = 1'000'000;
constexpr std::int64_t kHour = 3600 * kSecond;
constexpr std::int64_t kDay = 24 * kHour;

TEST(IsoText, EveryDayOfTheYears1To9999GoesRoundTrip) {
  // Against a calendar that counts day by day.
  CivilDate civil{1, 1, 1};
  static constexpr unsigned kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  for (std::int32_t days = -719'162; days <= 2'932'896; ++days) {
    const CivilDate got = ToCivil(Date{days});
    ASSERT_TRUE(got.year == civil.year && got.month == civil.month && got.day == civil.day) << days;
    ASSERT_EQ(FromCivil(civil).days, days);
    const bool leap = civil.year % 4 == 0 && (civil.year % 100 != 0 || civil.year % 400 == 0);
    const unsigned length = civil.month == 2 && leap ? 29 : kDays[civil.month - 1];
    if (++civil.day > length) {
      civil.day = 1;
      if (++civil.month > 12) {
        civil.month = 1;
        ++civil.year;
      }
    }
  }
  EXPECT_EQ(civil.year, 10'000);
}

TEST(IsoText, TextOfDatesGoesRoundTrip) {
  for (std::int32_t days = -719'162; days <= 2'932'896; days += 97) {
    ASSERT_EQ(ParseDate(FormatDate(Date{days})), Date{days});
  }
  EXPECT_EQ(FormatDate(Date{0}), "1970-01-01");
  EXPECT_EQ(FormatDate(Date{-719'162}), "0001-01-01");
  EXPECT_EQ(FormatDate(Date{2'932'896}), "9999-12-31");
  EXPECT_EQ(ParseDate("2024-02-29"), Date{19'782});
}

TEST(IsoText, FormatsDatesThatNoTextHas) {
  EXPECT_EQ(FormatDate(Date{2'932'897}), "10000-01-01");
  EXPECT_EQ(FormatDate(Date{-719'163}), "0000-12-31");
  EXPECT_EQ(FormatDate(Date{std::numeric_limits<std::int32_t>::min()}), "-5877641-06-23");
  EXPECT_EQ(FormatDate(Date{std::numeric_limits<std::int32_t>::max()}), "5881580-07-11");
  for (const std::int32_t days : {std::numeric_limits<std::int32_t>::min(), -719'529, -719'163,
                                  2'932'897, std::numeric_limits<std::int32_t>::max()}) {
    EXPECT_EQ(FromCivil(ToCivil(Date{days})), Date{days});
  }
}

TEST(IsoText, RefusesWhatIsNoDate) {
  for (const char* text :
       {"",           "2024",       "2024-02",     "2024-2-29",   "2023-02-29", "1900-02-29",
        "2024-02-30", "2024-04-31", "2024-00-10",  "2024-13-01",  "2024-01-00", "2024-01-32",
        "0000-01-01", "2024/01/01", " 2024-01-01", "2024-01-01 ", "2024-01-0a", "2o24-01-01",
        "+024-01-01", "-024-01-01", "20240101",    "10000-01-01", "2024-01-01T"}) {
    EXPECT_EQ(ParseDate(text), std::nullopt) << text;
  }
  EXPECT_EQ(ParseDate(std::string_view("2024-01-01\0", 11)), std::nullopt);
  EXPECT_EQ(ParseDate("2024\xFF"
                      "01-01"),
            std::nullopt);
  EXPECT_NE(ParseDate("2000-02-29"), std::nullopt);
}

TEST(IsoText, ReadsTimes) {
  EXPECT_EQ(ParseTime("00:00"), Time{0});
  EXPECT_EQ(ParseTime("10:34"), Time{10 * kHour + 34 * 60 * kSecond});
  EXPECT_EQ(ParseTime("23:59:59"), Time{kDay - kSecond});
  EXPECT_EQ(ParseTime("23:59:59.999999"), Time{kDay - 1});
  EXPECT_EQ(ParseTime("00:00:00.5"), Time{500'000});
  EXPECT_EQ(ParseTime("00:00:00.000001"), Time{1});
  for (const char* text :
       {"", "1", "10", "10:", "1:00", "10:60", "24:00", "10:00:60", "10:00:", "10:00:0",
        "10:00:00.", "10:00:00.1234567", "10:00:00,5", "10:00Z", "10.00", "-1:00", "10:00:00 "}) {
    EXPECT_EQ(ParseTime(text), std::nullopt) << text;
  }
}

TEST(IsoText, WritesTheFractionOnlyWhenThereIsOne) {
  EXPECT_EQ(FormatTime(Time{0}), "00:00:00");
  EXPECT_EQ(FormatTime(Time{1}), "00:00:00.000001");
  EXPECT_EQ(FormatTime(Time{kDay - 1}), "23:59:59.999999");
  EXPECT_EQ(FormatTime(Time{kHour + 500'000}), "01:00:00.500000");
}

TEST(IsoText, ReadsTimestamps) {
  EXPECT_EQ(ParseTimestamp("1970-01-02"), (Timestamp{kDay, false}));
  EXPECT_EQ(ParseTimestamp("1970-01-02 01:00"), (Timestamp{kDay + kHour, false}));
  EXPECT_EQ(ParseTimestamp("1970-01-01T00:00:01.5"), (Timestamp{1'500'000, false}));
  EXPECT_EQ(ParseTimestamp("1969-12-31 23:59:59.999999"), (Timestamp{-1, false}));
  for (const char* text :
       {"1970-01-01T02:00:00Z", "1970-01-01 02:00Z", "1970-01-01 04:00+02",
        "1970-01-01 07:30+05:30", "1969-12-31T23:30:00-02:30", "1970-01-01 02:00:00.000-00:00"}) {
    EXPECT_EQ(ParseTimestamp(text), (Timestamp{2 * kHour, true})) << text;
  }
}

TEST(IsoText, RefusesWhatIsNoTimestamp) {
  for (const char* text : {"",
                           "1970",
                           "1970-01-01 ",
                           "1970-01-01T",
                           "1970-01-01t00:00",
                           "1970-01-01_00:00",
                           "1970-01-01 00",
                           "1970-01-01 25:00",
                           "1970-01-01 00:00z",
                           "1970-01-01 00:00 Z",
                           "1970-01-01 00:00ZZ",
                           "1970-01-01Z",
                           "1970-01-01 00:00+",
                           "1970-01-01 00:00+1",
                           "1970-01-01 00:00+0100",
                           "1970-01-01 00:00+01:0",
                           "1970-01-01 00:00+01:60",
                           "1970-01-01 00:00+24:00",
                           "1970-01-01 00:00+01:00:00",
                           "1970-01-01 00:00:00.1234567",
                           "1970-01-01  00:00",
                           "1970-02-30 00:00"}) {
    EXPECT_EQ(ParseTimestamp(text), std::nullopt) << text;
  }
}

TEST(IsoText, RefusesATimestampThatLeavesTheYearsInUtc) {
  EXPECT_EQ(ParseTimestamp("0001-01-01 00:00+00:01"), std::nullopt);
  EXPECT_EQ(ParseTimestamp("9999-12-31 23:59-00:01"), std::nullopt);
  EXPECT_NE(ParseTimestamp("0001-01-01 00:01+00:01"), std::nullopt);
  EXPECT_NE(ParseTimestamp("9999-12-31 23:59:59.999999Z"), std::nullopt);
}

TEST(IsoText, TextOfTimestampsGoesRoundTrip) {
  for (const bool utc : {false, true}) {
    for (std::int64_t micros = -719'162 * kDay; micros < 2'932'897 * kDay;
         micros += 9'876'543'210'123) {
      const Timestamp timestamp{micros, utc};
      ASSERT_EQ(ParseTimestamp(FormatTimestamp(timestamp)), timestamp);
      ASSERT_EQ(ParseTimestamp(FormatTimestamp(timestamp, 'T')), timestamp);
    }
  }
  EXPECT_EQ(FormatTimestamp({-1, false}), "1969-12-31 23:59:59.999999");
  EXPECT_EQ(FormatTimestamp({0, true}, 'T'), "1970-01-01T00:00:00+00:00");
  EXPECT_EQ(FormatTimestamp({std::numeric_limits<std::int64_t>::min(), false}),
            "-290308-12-21 19:59:05.224192");
  EXPECT_EQ(FormatTimestamp({std::numeric_limits<std::int64_t>::max(), false}),
            "294247-01-10 04:00:54.775807");
}

TEST(IsoText, ReadsUuidsWithAndWithoutHyphens) {
  const char* text = "00112233-4455-6677-8899-aabbccddeeff";
  const auto uuid = ParseUuid(text);
  ASSERT_TRUE(uuid);
  EXPECT_EQ(uuid->bytes[15], 0xFF);
  EXPECT_EQ(FormatUuid(*uuid), text);
  EXPECT_EQ(ParseUuid("00112233445566778899AABBCCDDEEFF"), uuid);
  for (const char* bad :
       {"", "00112233-4455-6677-8899-aabbccddeef", "00112233-4455-6677-8899-aabbccddeefff",
        "00112233x4455-6677-8899-aabbccddeeff", "0011223-34455-6677-8899-aabbccddeeff",
        "g0112233-4455-6677-8899-aabbccddeeff", "{0112233-4455-6677-8899-aabbccddeef}",
        "0011223344556677-8899aabbccddeeff"}) {
    EXPECT_EQ(ParseUuid(bad), std::nullopt) << bad;
  }
}

TEST(IsoText, Base64GoesRoundTrip) {
  std::string bytes;
  for (int length = 0; length < 300; ++length) {
    ASSERT_EQ(DecodeBase64(EncodeBase64(bytes)), bytes);
    bytes += static_cast<char>(length * 7);
  }
  EXPECT_EQ(EncodeBase64("f"), "Zg==");
  EXPECT_EQ(EncodeBase64("fo"), "Zm8=");
  EXPECT_EQ(EncodeBase64("foobar"), "Zm9vYmFy");
  EXPECT_EQ(EncodeBase64("\xFB\xFF"), "+/8=");
}

TEST(IsoText, RefusesWhatIsNotStandardBase64) {
  for (const char* text : {"Z", "Zg", "Zg=", "Zh==", "Zm9=", "=",
                           "====", "Z===", "Zg==Zg==", "Zm9v\n", "Zm-_", "Z g=", "Zm=v"}) {
    EXPECT_EQ(DecodeBase64(text), std::nullopt) << text;
  }
}

TEST(Utf8, FindsTheFirstInvalidByte) {
  for (const char* text :
       {"", "ascii only, longer than a word", "\xC2\x80", "\xDF\xBF", "\xE0\xA0\x80",
        "\xED\x9F\xBF", "\xEE\x80\x80", "\xEF\xBF\xBF", "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF"}) {
    EXPECT_TRUE(IsValidUtf8(text)) << text;
  }
  EXPECT_TRUE(IsValidUtf8(std::string_view("\0", 1)));
  for (const char* text :
       {"\x80", "\xBF", "\xC0\x80", "\xC1\xBF", "\xC2", "\xC2\x41", "\xE0\x9F\xBF", "\xED\xA0\x80",
        "\xE2\x82", "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF", "\xFE",
        "\xF0\x90\x80"}) {
    EXPECT_EQ(ValidUtf8Prefix(text), 0U);
    const std::string later = "sixteen letters." + std::string(text);
    EXPECT_EQ(ValidUtf8Prefix(later), 16U);
  }
}

// It reads blocks of ASCII, so what counts is where in a block something else is.
TEST(Utf8, FindsAnInvalidByteAnywhere) {
  for (std::size_t size = 0; size < 80; ++size) {
    const std::string ascii(size, 'a');
    EXPECT_TRUE(IsValidUtf8(ascii));
    for (std::size_t at = 0; at < size; ++at) {
      std::string text = ascii;
      text[at] = '\xFF';
      EXPECT_EQ(ValidUtf8Prefix(text), at) << size;
      text.replace(at, 1, "\xC3\xBC");
      EXPECT_TRUE(IsValidUtf8(text)) << size << " " << at;
    }
  }
}

}  // namespace
}  // namespace molt::types
