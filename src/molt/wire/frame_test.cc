#include "molt/wire/frame.h"

#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

namespace molt::wire {
namespace {

std::string Frame(std::string_view body) {
  std::string frame(kFrameHeaderBytes, '\0');
  frame += body;
  SetFrameLength(frame, 0);
  return frame;
}

void Put(FrameReader& reader, std::string_view bytes) {
  std::memcpy(reader.Reserve(bytes.size()), bytes.data(), bytes.size());
  reader.Commit(bytes.size());
}

std::vector<std::string> TakeAll(FrameReader& reader) {
  std::vector<std::string> bodies;
  while (true) {
    const auto frame = reader.Next();
    EXPECT_TRUE(frame);
    if (!frame || !*frame) return bodies;
    bodies.emplace_back(**frame);
  }
}

TEST(FrameTest, AFrameIsItsLengthAndItsBytes) {
  EXPECT_EQ(Frame("abc"), std::string("\x03\0\0\0abc", 7));
  EXPECT_EQ(Frame(""), std::string(4, '\0'));
}

TEST(FrameTest, FramesAreFoundInAnySplitting) {
  const std::vector<std::string> bodies = {"", "a", std::string(300, 'x'), "last"};
  std::string stream;
  for (const std::string& body : bodies) stream += Frame(body);
  for (std::size_t piece = 1; piece <= stream.size(); ++piece) {
    FrameReader reader;
    std::vector<std::string> found;
    for (std::size_t at = 0; at < stream.size(); at += piece) {
      Put(reader, std::string_view(stream).substr(at, piece));
      for (std::string& body : TakeAll(reader)) found.push_back(std::move(body));
    }
    EXPECT_EQ(found, bodies) << "in pieces of " << piece;
    EXPECT_FALSE(reader.IsInFrame());
  }
}

TEST(FrameTest, ALengthBeyondTheLimitIsRefusedBeforeAnythingIsThere) {
  std::string length = Frame("");
  const std::size_t promised = kFrameBytesMax + 1;
  for (std::size_t i = 0; i < 4; ++i) length[i] = static_cast<char>(promised >> (8 * i) & 0xFF);
  FrameReader reader;
  Put(reader, length);
  const auto frame = reader.Next();
  ASSERT_FALSE(frame);
  EXPECT_EQ(frame.error().code, ErrorCode::kInvalidQuery);
}

TEST(FrameTest, TheLongestFrameIsOnlyPromised) {
  std::string length(4, '\0');
  for (std::size_t i = 0; i < 4; ++i) {
    length[i] = static_cast<char>(kFrameBytesMax >> (8 * i) & 0xFF);
  }
  FrameReader reader;
  Put(reader, length);
  const auto frame = reader.Next();
  ASSERT_TRUE(frame);
  EXPECT_FALSE(*frame);
  EXPECT_TRUE(reader.IsInFrame());
  // What is read at once does not follow the promise.
  EXPECT_LE(reader.SuggestedRead(), std::size_t{1} << 20);
}

}  // namespace
}  // namespace molt::wire
