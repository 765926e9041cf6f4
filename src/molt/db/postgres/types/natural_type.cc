#include <algorithm>
#include <cstdint>
#include <variant>

#include "molt/db/postgres/types/type_codec.h"

namespace molt::db::postgres {

namespace {

using types::Value;

enum KnownOid : Oid {
  kBoolOid = 16,
  kByteaOid = 17,
  kInt8Oid = 20,
  kInt4Oid = 23,
  kTextOid = 25,
  kFloat8Oid = 701,
  kInetOid = 869,
  kDateOid = 1082,
  kTimeOid = 1083,
  kTimestampOid = 1114,
  kTimestamptzOid = 1184,
  kIntervalOid = 1186,
  kTimetzOid = 1266,
  kNumericOid = 1700,
  kUuidOid = 2950,
  kJsonbOid = 3802,
  kNumrangeOid = 3906,
  kTsrangeOid = 3908,
  kTstzrangeOid = 3910,
  kDaterangeOid = 3912,
  kInt8rangeOid = 3926,
};

Oid NaturalItem(const Value& value);

bool IsNumber(Oid oid) { return oid == kInt8Oid || oid == kFloat8Oid || oid == kNumericOid; }

// Of the types of two values, the one that takes both; 0 if there is none.
Oid Common(Oid a, Oid b) {
  if (a == b) return a;
  if (!IsNumber(a) || !IsNumber(b)) return 0;
  return a == kNumericOid || b == kNumericOid ? kNumericOid : kFloat8Oid;
}

// The common type of all that is in the list or in the lists in it. False if there is none, which
// differs from there being no value that has one.
bool CommonOfItems(const types::List& list, std::size_t depth, Oid& common) {
  if (depth > kArrayDimensionsMax) return false;
  for (const Value& item : list.items->values) {
    if (types::IsNull(item)) continue;
    if (const auto* inner = std::get_if<types::List>(&item)) {
      if (!CommonOfItems(*inner, depth + 1, common)) return false;
      continue;
    }
    const Oid oid = NaturalItem(item);
    // A range without bounds is one of any type.
    if (oid == 0 && std::holds_alternative<types::Range>(item)) continue;
    common = common == 0 ? oid : Common(common, oid);
    if (common == 0) return false;
  }
  return true;
}

// Whether a double may not hold some integer of the list, or of the lists in it.
bool HasWideInteger(const types::List& list) {
  constexpr std::int64_t kExactMax = std::int64_t{1} << 53;
  return std::any_of(list.items->values.begin(), list.items->values.end(), [](const Value& item) {
    if (const auto* inner = std::get_if<types::List>(&item)) return HasWideInteger(*inner);
    const auto* integer = std::get_if<std::int64_t>(&item);
    return integer != nullptr && (*integer < -kExactMax || *integer > kExactMax);
  });
}

Oid NaturalRange(const types::Range& range) {
  const Value& lower = range.bounds->lower;
  const Value& upper = range.bounds->upper;
  const Oid low = types::IsNull(lower) ? NaturalItem(upper) : NaturalItem(lower);
  const Oid high = types::IsNull(upper) ? low : NaturalItem(upper);
  switch (Common(low, high)) {
    case kInt8Oid:
      return kInt8rangeOid;
    case kFloat8Oid:  // of which there are no ranges
    case kNumericOid:
      return kNumrangeOid;
    case kTimestampOid:
      return kTsrangeOid;
    case kTimestamptzOid:
      return kTstzrangeOid;
    case kDateOid:
      return kDaterangeOid;
    default:
      return 0;
  }
}

struct NaturalVisitor {
  Oid operator()(types::Null) const { return 0; }
  Oid operator()(bool) const { return kBoolOid; }
  Oid operator()(std::int64_t) const { return kInt8Oid; }
  Oid operator()(double) const { return kFloat8Oid; }
  Oid operator()(const std::string&) const { return 0; }
  Oid operator()(const types::Bytes&) const { return kByteaOid; }
  Oid operator()(types::Date) const { return kDateOid; }
  Oid operator()(types::Time) const { return kTimeOid; }
  Oid operator()(types::Timestamp v) const { return v.utc ? kTimestamptzOid : kTimestampOid; }
  Oid operator()(const types::Decimal&) const { return kNumericOid; }
  Oid operator()(const types::Uuid&) const { return kUuidOid; }
  Oid operator()(const types::Interval&) const { return kIntervalOid; }
  Oid operator()(types::TimeTz) const { return kTimetzOid; }
  Oid operator()(const types::Json&) const { return kJsonbOid; }
  Oid operator()(const types::Inet&) const { return kInetOid; }
  Oid operator()(const types::Other&) const { return 0; }
  Oid operator()(const types::Range& v) const { return NaturalRange(v); }
  Oid operator()(const types::List& v) const {
    Oid common = 0;
    if (!CommonOfItems(v, 1, common)) return 0;
    if (common == kFloat8Oid && HasWideInteger(v)) common = kNumericOid;
    const TypeEntry* item = FindType(common);
    return item == nullptr ? 0 : item->array_oid;
  }
};

// As an item of an array or the bound of a range: text must be of some type there, and all integers
// of one.
Oid NaturalItem(const Value& value) {
  if (std::holds_alternative<std::string>(value)) return kTextOid;
  return std::visit(NaturalVisitor{}, value);
}

}  // namespace

// A small integer is an integer, as SQL's own literals are: `date + 1` and `jsonb -> 1` have no
// bigint.
Oid NaturalType(const Value& value) {
  const auto* integer = std::get_if<std::int64_t>(&value);
  if (integer != nullptr && *integer == static_cast<std::int32_t>(*integer)) return kInt4Oid;
  return std::visit(NaturalVisitor{}, value);
}

}  // namespace molt::db::postgres
