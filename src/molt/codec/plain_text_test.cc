#include "molt/codec/plain_text.h"

#include <random>
#include <string>

#include <gtest/gtest.h>

namespace molt::codec {
namespace {

// The definition, a byte at a time.
std::size_t FirstThatIsNot(std::string_view text, std::size_t at, bool is_ascii) {
  for (; at < text.size(); ++at) {
    const auto byte = static_cast<unsigned char>(text[at]);
    if (byte < 0x20 || byte == '"' || byte == '\\' || (is_ascii && byte > 0x7E)) break;
  }
  return at;
}

TEST(PlainText, EveryByteInEveryPlaceOfAWordIsJudgedAsItIsAlone) {
  for (int byte = 0; byte < 256; ++byte) {
    for (std::size_t place = 0; place < 20; ++place) {
      std::string text(20, 'x');
      text[place] = static_cast<char>(byte);
      EXPECT_EQ(PlainEnd<false>(text, 0), FirstThatIsNot(text, 0, false)) << byte;
      EXPECT_EQ(PlainEnd<true>(text, 0), FirstThatIsNot(text, 0, true)) << byte;
    }
  }
}

TEST(PlainText, NeighboursDoNotMatter) {
  std::mt19937 random(7);  // NOLINT(cert-msc51-cpp): the same each time
  // Of bytes at the borders of what is plain.
  const std::string borders("\x00\x01\x1F\x20\x21\x22\x23\x5B\x5C\x5D\x7E\x7F\x80\xDF\xFE\xFF", 16);
  for (int round = 0; round < 20'000; ++round) {
    std::string text(random() % 30, ' ');
    for (char& c : text) c = borders[random() % (round % 2 == 0 ? 16 : 11)];
    const std::size_t at = text.empty() ? 0 : random() % text.size();
    ASSERT_EQ(PlainEnd<false>(text, at), FirstThatIsNot(text, at, false));
    ASSERT_EQ(PlainEnd<true>(text, at), FirstThatIsNot(text, at, true));
  }
}

}  // namespace
}  // namespace molt::codec
