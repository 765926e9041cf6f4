#include "molt/db/postgres/conninfo.h"

#include <gtest/gtest.h>

namespace molt::db::postgres {
namespace {

TEST(NormalizeConninfo, EscapesAPasswordThatWasPastedAsItIs) {
  EXPECT_EQ(NormalizeConninfo("postgresql://u:p#a%s s@/w:rd@h:5432/d?sslmode=require"),
            "postgresql://u:p%23a%25s%20s%40%2Fw%3Ard@h:5432/d?sslmode=require");
}

TEST(NormalizeConninfo, KeepsWhatIsEscapedAlready) {
  EXPECT_EQ(NormalizeConninfo("postgresql://u:p%23a%25@h/d"), "postgresql://u:p%23a%25@h/d");
}

TEST(NormalizeConninfo, LeavesEverythingElse) {
  for (const char* text :
       {"postgresql://h1:1,h2:2/d?target_session_attrs=read-write", "host=h password='a@b'",
        "postgresql:///d?user=a@b", "postgresql://u@/d?host=/run/pg", ""}) {
    EXPECT_EQ(NormalizeConninfo(text), text);
  }
}

}  // namespace
}  // namespace molt::db::postgres
