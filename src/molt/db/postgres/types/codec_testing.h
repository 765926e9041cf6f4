// What the tests of this folder share.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "molt/db/postgres/types/codec.h"

namespace molt::db::postgres {

enum TestOid : Oid {
  kBool = 16,
  kBytea = 17,
  kChar = 18,
  kName = 19,
  kInt8 = 20,
  kInt2 = 21,
  kInt4 = 23,
  kText = 25,
  kOid = 26,
  kJson = 114,
  kFloat4 = 700,
  kFloat8 = 701,
  kCidr = 650,
  kMoney = 790,
  kMoneyArray = 791,
  kInet = 869,
  kBoolArray = 1000,
  kInt2Array = 1005,
  kInt4Array = 1007,
  kTextArray = 1009,
  kInt8Array = 1016,
  kBoxArray = 1020,
  kFloat8Array = 1022,
  kVarchar = 1043,
  kDate = 1082,
  kTime = 1083,
  kTimestamp = 1114,
  kDateArray = 1182,
  kTimestamptz = 1184,
  kInterval = 1186,
  kNumericArray = 1231,
  kTimetz = 1266,
  kNumeric = 1700,
  kVoid = 2278,
  kUuid = 2950,
  kJsonb = 3802,
  kJsonbArray = 3807,
  kInt4range = 3904,
  kNumrange = 3906,
  kTstzrange = 3910,
  kDaterange = 3912,
  kInt8range = 3926,
  kInt8rangeArray = 3927,
  kInt4multirange = 4451,
  kDatemultirange = 4535,
  kInt4multirangeArray = 6150,
  kUserType = 16'400,
};

// "0a ff" -> those bytes; spaces are only for the eye.
inline std::string Hex(std::string_view digits) {
  const auto value = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  std::string bytes;
  int high = -1;
  for (const char c : digits) {
    if (c == ' ') continue;
    if (high < 0) {
      high = value(c);
    } else {
      bytes += static_cast<char>(high << 4 | value(c));
      high = -1;
    }
  }
  return bytes;
}

inline types::Value List(std::vector<types::Value> items) {
  return types::List(types::ListItems{std::move(items)});
}
inline types::Value Int(std::int64_t number) { return number; }
inline types::Value Text(std::string text) { return text; }
// Of one that is not empty; Null{} for no bound.
inline types::Value Range(types::Value lower, types::Value upper, std::string_view brackets) {
  types::RangeBounds bounds;
  bounds.lower_inclusive = brackets[0] == '[';
  bounds.upper_inclusive = brackets[1] == ']';
  bounds.lower = std::move(lower);
  bounds.upper = std::move(upper);
  return types::Range(std::move(bounds));
}

constexpr std::int32_t NumericTypmod(int precision, int scale) {
  return (precision << 16 | (scale & 0x7FF)) + 4;
}

}  // namespace molt::db::postgres
