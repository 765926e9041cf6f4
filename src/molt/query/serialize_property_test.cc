// Random queries come back as they were.
#include <bit>
#include <iterator>
#include <limits>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "molt/query/serialize_testing.h"

namespace molt::query {
namespace {

// Decisions from a list of random words. Where the list ends every decision is 0, which is always
// the simplest one: so rapidcheck, which shortens lists and lowers words, finds small queries.
class Decisions {
 public:
  explicit Decisions(const std::vector<std::uint64_t>& words) : words_(words) {}

  std::uint64_t Word() { return at_ < words_.size() ? words_[at_++] : 0; }
  std::size_t Below(std::size_t bound) { return static_cast<std::size_t>(Word() % bound); }
  bool Maybe() { return Below(2) == 1; }

  std::string Name() {
    static const std::string kNames[] = {
        "id", "a", "", "odd \"name\"", "€", std::string(255, 'n'), std::string("\0\n\x1f", 3)};
    return kNames[Below(std::size(kNames))];
  }
  std::string Bytes() {
    std::string bytes(Below(20), '\0');
    for (char& byte : bytes) byte = static_cast<char>(Word());
    return bytes;
  }

 private:
  const std::vector<std::uint64_t>& words_;
  std::size_t at_ = 0;
};

types::Value AnyValue(Decisions& d, int list_depth = 0) {
  const auto within = [&](std::int64_t low, std::int64_t high) {
    return low + static_cast<std::int64_t>(d.Word() % static_cast<std::uint64_t>(high - low));
  };
  constexpr std::int64_t kFirst = -62'135'596'800'000'000;  // 0001-01-01
  constexpr std::int64_t kEnd = 253'402'300'800'000'000;    // 10000-01-01
  switch (d.Below(list_depth < types::kListDepthMax ? 17 : 15)) {
    case 0:
      return std::bit_cast<std::int64_t>(d.Word());
    case 1:
      return d.Maybe();
    case 2: {
      const double value = std::bit_cast<double>(d.Word());
      // Of all NaNs only one is carried.
      return value == value ? value : std::numeric_limits<double>::quiet_NaN();
    }
    case 3:
      return d.Name();
    case 4:
      return types::Bytes{d.Bytes()};
    case 5:
      return types::Date{static_cast<std::int32_t>(within(-719'162, 2'932'897))};
    case 6:
      return types::Time{within(0, 86'400'000'000)};
    case 7:
      return types::Timestamp{within(kFirst, kEnd), d.Maybe()};
    case 8:
      return types::Decimal{std::to_string(std::bit_cast<std::int64_t>(d.Word())) + ".50E-7"};
    case 9: {
      types::Uuid uuid;
      for (std::uint8_t& byte : uuid.bytes) byte = static_cast<std::uint8_t>(d.Word());
      return uuid;
    }
    case 10:
      return types::Interval{static_cast<std::int32_t>(d.Word()),
                             static_cast<std::int32_t>(d.Word()),
                             std::bit_cast<std::int64_t>(d.Word())};
    case 11:
      return types::TimeTz{within(0, 86'400'000'001),
                           static_cast<std::int32_t>(within(-57'599, 57'600))};
    case 12:
      return types::Json{"\"" + std::to_string(d.Word()) + "\""};
    case 13:
      return types::Inet{"10.0.0.0/8", d.Maybe()};
    case 15: {
      types::ListItems items;
      for (std::size_t count = d.Below(4); count > 0; --count) {
        items.values.push_back(AnyValue(d, list_depth + 1));
      }
      return types::List(std::move(items));
    }
    case 16: {
      if (d.Maybe()) return types::Range();
      types::RangeBounds bounds;
      if (d.Maybe()) bounds.lower = std::bit_cast<std::int64_t>(d.Word());
      if (d.Maybe()) bounds.upper = std::bit_cast<std::int64_t>(d.Word());
      bounds.lower_inclusive = !types::IsNull(bounds.lower) && d.Maybe();
      bounds.upper_inclusive = !types::IsNull(bounds.upper) && d.Maybe();
      return types::Range(std::move(bounds));
    }
    default:
      return types::Null{};
  }
}

Table AnyTable(Decisions& d) {
  TableDef table{d.Maybe() ? d.Name() : "", d.Name(), d.Maybe() ? d.Name() : "", std::nullopt};
  if (d.Maybe()) {
    table.columns.emplace();
    for (std::size_t count = d.Below(4); count > 0; --count) {
      table.columns->push_back(
          {d.Name(), static_cast<types::TypeId>(d.Below(13)), d.Below(2) == 0});
    }
  }
  return Table(std::move(table));
}

// May be a mistake: the constructors refuse some combinations.
Expr AnyExprOrMistake(Decisions& d, int depth) {
  const std::size_t kind = depth == 0 ? d.Below(3) : d.Below(8);
  const auto args = [&](std::size_t count) {
    std::vector<Expr> all;
    for (; count > 0; --count) all.push_back(AnyExprOrMistake(d, depth - 1));
    return all;
  };
  if (kind == 0) return Expr::Column(d.Name(), d.Name());
  if (kind == 1) return AnyValue(d);
  if (kind == 2) return Expr::Constant(d.Maybe());
  if (kind == 3) return AnyExprOrMistake(d, depth - 1).As(d.Name());
  if (kind == 4) {
    std::vector<Expr> holes = args(d.Below(4));
    std::vector<std::string> parts;
    for (std::size_t i = 0; i <= holes.size(); ++i) parts.push_back(d.Name());
    return Expr::RawParts(std::move(parts), std::move(holes));
  }
  constexpr auto kFirst = static_cast<std::size_t>(Op::kEq);
  constexpr auto kCount = static_cast<std::size_t>(Op::kArrayAgg) - kFirst + 1;
  const OpInfo& info = InfoOf(static_cast<Op>(kFirst + d.Below(kCount)));
  const int spread = info.args_max < 0 ? 4 : info.args_max - info.args_min + 1;
  const std::size_t count =
      static_cast<std::size_t>(info.args_min) + d.Below(static_cast<std::size_t>(spread));
  return Expr::Make(info.op, args(count), IsAggregate(info.op) && d.Maybe());
}

Expr AnyExpr(Decisions& d) {
  const Expr e = AnyExprOrMistake(d, 4);
  return e->op == Op::kError ? Expr::Column("t", "x") : e;
}

std::vector<Expr> AnyExprs(Decisions& d) {
  std::vector<Expr> all;
  for (std::size_t count = d.Below(4); count > 0; --count) all.push_back(AnyExpr(d));
  return all;
}

Query AnyQuery(Decisions& d) {
  Query q = From(AnyTable(d));
  if (d.Below(10) == 9) {
    const Expr e = AnyExpr(d);
    return Query::FromRaw(e->op == Op::kRaw ? e : Expr::Raw("SELECT {e}", {{"e", e}}));
  }
  q = q.Select(AnyExprs(d)).Where(AnyExprs(d)).GroupBy(AnyExprs(d)).Having(AnyExprs(d));
  for (std::size_t count = d.Below(3); count > 0; --count) {
    const auto kind = static_cast<JoinKind>(d.Below(5));
    q = q.Joined({kind, AnyTable(d), d.Maybe() ? AnyExpr(d) : Expr()});
  }
  std::vector<Ordering> keys;
  for (std::size_t count = d.Below(3); count > 0; --count) {
    keys.push_back({AnyExpr(d), d.Maybe(), d.Maybe() ? NullOrder::kFirst : NullOrder::kLast});
  }
  q = q.OrderBy(keys);
  if (d.Maybe()) q = q.Limit(static_cast<std::int64_t>(d.Word() >> 1));
  if (d.Maybe()) q = q.Offset(static_cast<std::int64_t>(d.Word() >> 1));
  return d.Maybe() ? q.Distinct() : q;
}

// Words of any size: arbitrary ones alone are small numbers mostly.
rc::Gen<std::vector<std::uint64_t>> Words() {
  const auto word = rc::gen::oneOf(rc::gen::arbitrary<std::uint64_t>(),
                                   rc::gen::inRange<std::uint64_t>(0, UINT64_MAX));
  return rc::gen::scale(4.0, rc::gen::container<std::vector<std::uint64_t>>(word));
}

RC_GTEST_PROP(SerializeProperty, AnyQueryComesBack, ()) {
  const auto words = *Words();
  Decisions decisions(words);
  const Query query = AnyQuery(decisions);
  const std::string lost = LostInRoundTrip(query);
  RC_CLASSIFY(query->where.size() + query->select.size() > 2, "with several expressions");
  if (!lost.empty()) RC_FAIL(lost);
}

RC_GTEST_PROP(SerializeProperty, AChangedByteIsReadOrRefusedButNeverBreaksARule, ()) {
  const auto words = *Words();
  Decisions decisions(words);
  const Query query = AnyQuery(decisions);
  const bool as_json = *rc::gen::arbitrary<bool>();
  std::string bytes = as_json ? ToJson(query).value() : ToMsgPack(query).value();
  const auto at = *rc::gen::inRange<std::size_t>(0, bytes.size());
  bytes[at] = static_cast<char>(*rc::gen::inRange(0, 256));
  const auto read = as_json ? FromJson(bytes) : FromMsgPack(bytes);
  RC_CLASSIFY(read.has_value(), "still a query");
  if (!read) {
    RC_ASSERT(read.error().code == ErrorCode::kInvalidQuery);
    return;
  }
  const std::string lost = LostInRoundTrip(*read);
  if (!lost.empty()) RC_FAIL(lost);
}

}  // namespace
}  // namespace molt::query
