#include "molt/worker/cursor.h"

#include <cstdint>
#include <limits>
#include <string>

#include <gtest/gtest.h>

namespace molt::worker {
namespace {

TEST(CursorTest, ItIsReadWithItsKeyAlone) {
  for (const std::int64_t id :
       {std::int64_t{0}, std::int64_t{-5}, std::int64_t{123456},
        std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max()}) {
    const std::string cursor = MakeCursor(id, "secret");
    const auto read = ReadCursor(cursor, "secret");
    ASSERT_TRUE(read);
    EXPECT_EQ(*read, id);
    EXPECT_FALSE(ReadCursor(cursor, "other"));
    EXPECT_FALSE(ReadCursor(cursor, ""));
  }
}

TEST(CursorTest, WithoutAKeyChangesAreStillFoundOut) {
  const std::string cursor = MakeCursor(7, "");
  EXPECT_EQ(ReadCursor(cursor, "").value(), 7);
  for (std::size_t at = 0; at < cursor.size(); ++at) {
    std::string changed = cursor;
    changed[at] = changed[at] == 'A' ? 'B' : 'A';
    if (changed == cursor) continue;
    const auto read = ReadCursor(changed, "");
    EXPECT_FALSE(read) << at;
  }
}

TEST(CursorTest, WhatIsNoCursorIsRefused) {
  for (const char* text : {"", "?", "AAAA", "MTAw", "AAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAMToz"}) {
    const auto read = ReadCursor(text, "");
    ASSERT_FALSE(read) << text;
    EXPECT_EQ(read.error().code, ErrorCode::kInvalidQuery);
  }
}

}  // namespace
}  // namespace molt::worker
