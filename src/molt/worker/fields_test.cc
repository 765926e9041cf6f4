#include "molt/worker/fields.h"

#include <string>

#include <gtest/gtest.h>

namespace molt::worker {
namespace {

using types::Document;

const Document kPayload = Document::Map{{"text", "a"},
                                        {"empty", ""},
                                        {"yes", true},
                                        {"no", false},
                                        {"null", Document()},
                                        {"number", 1},
                                        {"list", Document::Array{}}};

TEST(FieldsTest, AFieldThatIsNullIsAbsent) {
  ASSERT_NE(Given(kPayload, "text"), nullptr);
  EXPECT_EQ(*Given(kPayload, "text"), Document("a"));
  EXPECT_EQ(Given(kPayload, "null"), nullptr);
  EXPECT_EQ(Given(kPayload, "missing"), nullptr);
  EXPECT_EQ(Given(Document(1), "text"), nullptr) << "what is no map has no fields";
}

TEST(FieldsTest, TextMayBeLeftOut) {
  EXPECT_EQ(Text(kPayload, "text").value(), "a");
  EXPECT_EQ(Text(kPayload, "empty").value(), "");
  EXPECT_EQ(Text(kPayload, "null").value(), std::nullopt);
  EXPECT_EQ(Text(kPayload, "missing").value(), std::nullopt);
}

TEST(FieldsTest, AFlagThatIsLeftOutIsFalse) {
  EXPECT_EQ(Flag(kPayload, "yes"), true);
  EXPECT_EQ(Flag(kPayload, "no"), false);
  EXPECT_EQ(Flag(kPayload, "null"), false);
  EXPECT_EQ(Flag(kPayload, "missing"), false);
}

TEST(FieldsTest, AnotherTypeIsRefusedByTheFieldsName) {
  for (const char* key : {"number", "list", "yes"}) {
    const auto text = Text(kPayload, key);
    ASSERT_FALSE(text) << key;
    EXPECT_EQ(text.error().code, ErrorCode::kInvalidQuery);
    EXPECT_NE(text.error().message.find("\"" + std::string(key) + "\" must be a string"),
              std::string::npos)
        << text.error().message;
  }
  for (const char* key : {"number", "list", "text"}) {
    const auto flag = Flag(kPayload, key);
    ASSERT_FALSE(flag) << key;
    EXPECT_EQ(flag.error().code, ErrorCode::kInvalidQuery);
  }
  EXPECT_EQ(Flag(kPayload, "number").error().message,
            "\"number\" must be true or false, not integer");
}

}  // namespace
}  // namespace molt::worker
