#include "molt/worker/value_types.h"

#include <cstdint>
#include <limits>
#include <string>

#include <gtest/gtest.h>

namespace molt::worker {
namespace {

using types::Document;
using types::TypeId;
using types::Value;

Document Parsed(const char* json) { return types::ParseJson(json).value(); }

TEST(ValueTypesTest, TypesHaveOurNamesAndThoseOfEngines) {
  for (const char* name : {"int64", "int", "bigint", "smallint", "int32", "i64"}) {
    EXPECT_EQ(ValueType(name)->id, TypeId::kInt64) << name;
  }
  for (const char* name : {"float64", "float32", "real", "double"}) {
    EXPECT_EQ(ValueType(name)->id, TypeId::kFloat64) << name;
  }
  EXPECT_EQ(ValueType("text")->id, TypeId::kUtf8);
  EXPECT_EQ(ValueType("bytea")->id, TypeId::kBinary);
  for (const char* name : {"", "null", "unknown", "INT64", "what"}) {
    EXPECT_FALSE(ValueType(name)) << name;
  }
}

TEST(ValueTypesTest, PlainValuesSayWhatTheyAre) {
  EXPECT_EQ(PlainValue(Parsed("true")).value(), Value(true));
  EXPECT_EQ(PlainValue(Parsed("-9223372036854775808")).value(),
            Value(std::numeric_limits<std::int64_t>::min()));
  EXPECT_EQ(PlainValue(Parsed("1.0")).value(), Value(1.0));
  EXPECT_EQ(PlainValue(Parsed("\"a\"")).value(), Value(std::string("a")));
  for (const char* json : {"18446744073709551615", "[]", "{}", "null"}) {
    const auto value = PlainValue(Parsed(json));
    ASSERT_FALSE(value) << json;
    EXPECT_EQ(value.error().code, ErrorCode::kInvalidQuery);
  }
}

TEST(ValueTypesTest, AValueIsOfItsTypeOrRefusedWithoutBeingShown) {
  const auto date = ValueOfType(TypeId::kDate, Parsed("\"2024-02-29\""));
  ASSERT_TRUE(date);
  EXPECT_EQ(*date, Value(types::Date{19782}));
  EXPECT_EQ(ValueOfType(TypeId::kUtf8, Parsed("null")).value(), Value(types::Null{}));
  for (const char* json : {"\"2023-02-29 secret\"", "7", "true", "[]"}) {
    const auto value = ValueOfType(TypeId::kDate, Parsed(json));
    ASSERT_FALSE(value) << json;
    EXPECT_EQ(value.error().message.find("secret"), std::string::npos);
  }
}

}  // namespace
}  // namespace molt::worker
