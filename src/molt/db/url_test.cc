#include "molt/db/url.h"

#include <gtest/gtest.h>

namespace molt::db {
namespace {

TEST(RedactUrl, LeavesWhatHasNoPassword) {
  for (const char* text : {"sqlite:////srv/app.db", "postgresql://u@h:5432/d?sslmode=require",
                           "host=h dbname=d", "postgresql:///d?host=/run/pg"}) {
    EXPECT_EQ(RedactUrl(text), text);
  }
}

TEST(RedactUrl, MasksThePasswordOfAUrlWhateverIsInIt) {
  EXPECT_EQ(RedactUrl("postgresql://u:secret@h/d"), "postgresql://u:***@h/d");
  EXPECT_EQ(RedactUrl("postgresql://u:s@cr/et@h/d"), "postgresql://u:***@h/d");
  EXPECT_EQ(RedactUrl("postgresql://u:a#b c%25@h/d?x=1"), "postgresql://u:***@h/d?x=1");
}

TEST(RedactUrl, MasksPasswordsAmongTheOptions) {
  EXPECT_EQ(RedactUrl("postgresql://h/d?password=secret&sslpassword=two&x=1"),
            "postgresql://h/d?password=***&sslpassword=***&x=1");
}

TEST(RedactUrl, MasksPasswordsOfKeywordsAndValues) {
  EXPECT_EQ(RedactUrl("host=h password=secret dbname=d"), "host=h password=*** dbname=d");
  EXPECT_EQ(RedactUrl("password = 'se\\'cret word' user=u"), "password = *** user=u");
  EXPECT_EQ(RedactUrl("password='never closed"), "password=***");
}

}  // namespace
}  // namespace molt::db
