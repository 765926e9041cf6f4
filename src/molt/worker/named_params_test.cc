#include "molt/worker/named_params.h"

#include <cstdint>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace molt::worker {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using types::Value;

const NamedValues kTwo = {{"a", std::int64_t{1}}, {"b", std::string("x")}};

std::string SqlOf(std::string_view sql, char mark, NamedValues values = kTwo) {
  const auto made = ToPositional(sql, std::move(values), mark);
  return made ? made->sql : "error: " + made.error().message;
}

TEST(NamedParamsTest, NamesBecomeNumbersInTheOrderOfTheirFirstUse) {
  const auto made = ToPositional("select :b, :a, :b", kTwo, '?');
  ASSERT_TRUE(made);
  EXPECT_EQ(made->sql, "select ?1, ?2, ?1");
  EXPECT_THAT(made->params, ElementsAre(Value(std::string("x")), Value(std::int64_t{1})));
  EXPECT_EQ(SqlOf("select :b, :a, :b", '$'), "select $1, $2, $1");
}

TEST(NamedParamsTest, WhatIsNoSqlIsCopied) {
  for (const char* text :
       {"':c'", "'it''s :c'", "\":c\"", "\"a\"\":c\"", "-- :c\n", "/* :c */", "'unended :c"}) {
    for (const char mark : {'?', '$'}) {
      const std::string sql = std::string("select :a, :b ") + text;
      const std::string expected = std::string("select ") + mark + "1, " + mark + "2 " + text;
      EXPECT_EQ(SqlOf(sql, mark), expected);
    }
  }
}

TEST(NamedParamsTest, EnginesDifferInWhatIsNoSql) {
  // Identifiers of SQLite's; in PostgreSQL a subscript and an operator.
  EXPECT_EQ(SqlOf("[:a] `:b` :a :b", '?'), "[:a] `:b` ?1 ?2");
  EXPECT_EQ(SqlOf("x[:a] :b", '$'), "x[$1] $2");
  // Strings of PostgreSQL's.
  EXPECT_EQ(SqlOf("$$ :c $$ $t$ :c $$ $t$ :a :b", '$'), "$$ :c $$ $t$ :c $$ $t$ $1 $2");
  EXPECT_EQ(SqlOf(R"(E'\' :c' :a :b)", '$'), R"(E'\' :c' $1 $2)");
  EXPECT_EQ(SqlOf(R"(name'\' :a :b)", '$'), R"(name'\' $1 $2)");
  // Comments nest there alone.
  EXPECT_EQ(SqlOf("/* /* */ :c */ :a :b", '$'), "/* /* */ :c */ $1 $2");
  EXPECT_EQ(SqlOf("/* /* */ :a :b", '?'), "/* /* */ ?1 ?2");
}

TEST(NamedParamsTest, CastsAndOtherColonsStay) {
  EXPECT_EQ(SqlOf(":a::int, :b::text, 'x'::text", '$'), "$1::int, $2::text, 'x'::text");
  EXPECT_EQ(SqlOf(":a :b x[1:2] : 3", '$'), "$1 $2 x[1:2] : 3");
}

TEST(NamedParamsTest, MistakesAreNamed) {
  EXPECT_THAT(SqlOf("select :a, :b, :abc", '?'), HasSubstr(":abc"));
  EXPECT_THAT(SqlOf("select :a", '?'), HasSubstr("\"b\" is not used"));
  EXPECT_THAT(SqlOf("select :a", '?', {{"a", std::int64_t{1}}, {"a", std::int64_t{2}}}),
              HasSubstr("given twice"));
  const auto made = ToPositional("select :user_ide", {{"user_id", std::int64_t{1}}}, '?');
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, ErrorCode::kInvalidQuery);
  EXPECT_THAT(made.error().message, HasSubstr("did you mean"));
}

}  // namespace
}  // namespace molt::worker
