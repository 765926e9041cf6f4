#include "molt/types/byte_out.h"

#include <random>
#include <string>

#include <gtest/gtest.h>

namespace molt::types {
namespace {

TEST(ByteOut, HoldsWhatAStringWouldHold) {
  std::mt19937 random(7);  // NOLINT(cert-msc51-cpp): the same each time
  for (int round = 0; round < 200; ++round) {
    ByteOut out;
    std::string expected;
    for (int piece = 0; piece < 200; ++piece) {
      std::string text(random() % (piece % 20 == 0 ? 700 : 40), ' ');
      for (char& c : text) c = static_cast<char>(random());
      switch (random() % 3) {
        case 0:
          out += text;
          expected += text;
          break;
        case 1:
          out += 'x';
          expected += 'x';
          break;
        default:
          std::copy(text.begin(), text.end(), out.Room(text.size() + 5));
          out.Advance(text.size());
          expected += text;
      }
      ASSERT_EQ(out.size(), expected.size());
    }
    ASSERT_EQ(out.view(), expected);
    ASSERT_EQ(out.Take(), expected);
    ASSERT_TRUE(out.empty());
  }
}

TEST(ByteOut, CanBeWrittenToAfterItWasTaken) {
  ByteOut out;
  out += "one";
  EXPECT_EQ(out.Take(), "one");
  EXPECT_EQ(out.Take(), "");
  out += "two";
  EXPECT_EQ(out.Take(), "two");
}

TEST(ByteOut, KeepsWhatItHoldsWhenItIsMoved) {
  for (const std::string& text : {std::string("short"), std::string(1000, 'x')}) {
    ByteOut first;
    first += text;
    ByteOut second = std::move(first);
    first += "anew";  // NOLINT(bugprone-use-after-move): what is left is empty
    second += "!";
    EXPECT_EQ(second.view(), text + "!");
    EXPECT_EQ(first.view(), "anew");
  }
}

}  // namespace
}  // namespace molt::types
