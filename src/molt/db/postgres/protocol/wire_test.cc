#include "molt/db/postgres/protocol/wire.h"

#include <limits>

#include <gtest/gtest.h>

#include "molt/db/postgres/protocol/message.h"

namespace molt::db::postgres::protocol {
namespace {

using std::string_literals::operator""s;

TEST(Wire, IntegersAreBigEndian) {
  std::string out;
  PutInt16(out, 0x0102);
  PutUInt16(out, 0xFFFE);
  PutInt32(out, 0x01020304);
  PutInt32(out, -2);
  PutUInt32(out, 0x80000000);
  EXPECT_EQ(out, "\x01\x02\xFF\xFE\x01\x02\x03\x04\xFF\xFF\xFF\xFE\x80\0\0\0"s);
}

TEST(Wire, ExtremesComeBack) {
  std::string out;
  for (const auto value : {std::numeric_limits<std::int32_t>::min(), -1, 0,
                           std::numeric_limits<std::int32_t>::max()}) {
    PutInt32(out, value);
    PutInt16(out, static_cast<std::int16_t>(value));
  }
  Reader reader(out);
  for (const auto value : {std::numeric_limits<std::int32_t>::min(), -1, 0,
                           std::numeric_limits<std::int32_t>::max()}) {
    std::int32_t wide = 1;
    std::int16_t narrow = 1;
    ASSERT_TRUE(reader.ReadInt32(wide));
    ASSERT_TRUE(reader.ReadInt16(narrow));
    EXPECT_EQ(wide, value);
    EXPECT_EQ(narrow, static_cast<std::int16_t>(value));
  }
  EXPECT_TRUE(reader.AtEnd());
}

TEST(Wire, AReadThatFailsMovesNothing) {
  Reader reader("\x01");
  std::int16_t narrow = 7;
  std::int32_t wide = 7;
  std::uint32_t bits = 7;
  std::string_view text = "unchanged";
  EXPECT_FALSE(reader.ReadInt16(narrow));
  EXPECT_FALSE(reader.ReadInt32(wide));
  EXPECT_FALSE(reader.ReadUInt32(bits));
  EXPECT_FALSE(reader.ReadCString(text));
  EXPECT_FALSE(reader.ReadBytes(2, text));
  EXPECT_FALSE(reader.ReadBytes(std::numeric_limits<std::size_t>::max(), text));
  EXPECT_EQ(narrow, 7);
  EXPECT_EQ(wide, 7);
  EXPECT_EQ(bits, 7U);
  EXPECT_EQ(text, "unchanged");
  EXPECT_EQ(reader.remaining(), 1U);
  char byte = 0;
  EXPECT_TRUE(reader.ReadByte(byte));
  EXPECT_EQ(byte, '\x01');
  EXPECT_FALSE(reader.ReadByte(byte));
  EXPECT_TRUE(reader.AtEnd());
}

TEST(Wire, ATextEndsAtItsFirstNul) {
  const std::string bytes = "one\0\0two\0"s;
  Reader reader(bytes);
  std::string_view text;
  ASSERT_TRUE(reader.ReadCString(text));
  EXPECT_EQ(text, "one");
  ASSERT_TRUE(reader.ReadCString(text));
  EXPECT_EQ(text, "");
  ASSERT_TRUE(reader.ReadCString(text));
  EXPECT_EQ(text, "two");
  EXPECT_TRUE(reader.AtEnd());
}

TEST(NextMessage, FindsTheMessagesOfAStream) {
  const std::string bytes = "1\0\0\0\4Z\0\0\0\5I"s;
  Message message;
  std::size_t total = 0;
  ASSERT_EQ(NextMessage(bytes, 100, message, total), ParseOutcome::kMessage);
  EXPECT_EQ(message.type, kParseComplete);
  EXPECT_EQ(message.body, "");
  ASSERT_EQ(total, 5U);
  ASSERT_EQ(NextMessage(bytes.substr(total), 100, message, total), ParseOutcome::kMessage);
  EXPECT_EQ(message.type, kReadyForQuery);
  EXPECT_EQ(total, 6U);
}

TEST(NextMessage, SaysHowManyBytesItNeeds) {
  const std::string bytes = "Z\0\0\0\5I"s;
  Message message;
  std::size_t total = 0;
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_EQ(NextMessage(bytes.substr(0, size), 100, message, total), ParseOutcome::kIncomplete);
    EXPECT_EQ(total, size < 5 ? 5U : 6U) << size;
  }
}

TEST(NextMessage, ALengthThatCannotBeIsMalformedBeforeTheBodyComes) {
  Message message;
  std::size_t total = 0;
  for (const std::string& header :
       {"Z\0\0\0\3"s, "Z\0\0\0\0"s, "Z\xFF\xFF\xFF\xFF"s, "Z\x80\0\0\0"s, "D\0\0\0\x65"s}) {
    EXPECT_EQ(NextMessage(header, 100, message, total), ParseOutcome::kMalformed) << header;
  }
  EXPECT_EQ(NextMessage("D\0\0\0\x64"s, 100, message, total), ParseOutcome::kIncomplete);
  EXPECT_EQ(NextMessage("D\x40\0\0\x02"s, kServerLengthMax, message, total),
            ParseOutcome::kIncomplete);
  EXPECT_EQ(total, kServerLengthMax + 1);
  EXPECT_EQ(NextMessage("D\x40\0\0\x03"s, kServerLengthMax, message, total),
            ParseOutcome::kMalformed);
}

TEST(NextMessage, OnlyMessagesThatCarryDataMayBeLong) {
  Message message;
  std::size_t total = 0;
  const std::string length = "\0\0\x75\x31"s;  // 30,001
  for (const char type : "1234CGHIKRSWZns"s) {
    EXPECT_EQ(NextMessage(type + length, kServerLengthMax, message, total),
              ParseOutcome::kMalformed)
        << type;
  }
  for (const char type : "DTtdENAV"s) {
    EXPECT_EQ(NextMessage(type + length, kServerLengthMax, message, total),
              ParseOutcome::kIncomplete)
        << type;
  }
}

}  // namespace
}  // namespace molt::db::postgres::protocol
