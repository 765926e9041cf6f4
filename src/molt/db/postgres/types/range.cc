// Ranges and multiranges of any element type.
// Source: range_send in rangetypes.c, multirange_send in multirangetypes.c.
#include <algorithm>
#include <variant>

#include "molt/db/postgres/types/param_text.h"
#include "molt/db/postgres/types/type_codec.h"
#include "molt/db/postgres/types/wire_bytes.h"

namespace molt::db::postgres {

namespace {

using types::Range;
using types::RangeBounds;
using types::TypeId;
using types::Value;

enum Flags : unsigned {
  kEmpty = 0x01,
  kLowerInclusive = 0x02,
  kUpperInclusive = 0x04,
  kLowerInfinite = 0x08,
  kUpperInfinite = 0x10,
  kNoLower = kEmpty | kLowerInfinite,
  kNoUpper = kEmpty | kUpperInfinite,
};

bool ReadBound(const Decoder& element, protocol::Reader& reader, Value& bound) {
  std::string_view item;
  bool is_null = false;
  return ReadItem(reader, item, is_null) && !is_null && element.read(element, item, bound);
}

bool ReadRange(const Decoder& self, std::string_view cell, Value& out) {
  protocol::Reader reader(cell);
  char byte = 0;
  if (!reader.ReadByte(byte)) return false;
  const auto flags = static_cast<unsigned char>(byte);
  RangeBounds bounds;
  bounds.empty = (flags & kEmpty) != 0;
  if ((flags & kNoLower) == 0) {
    bounds.lower_inclusive = (flags & kLowerInclusive) != 0;
    if (!ReadBound(*self.element, reader, bounds.lower)) return false;
  }
  if ((flags & kNoUpper) == 0) {
    bounds.upper_inclusive = (flags & kUpperInclusive) != 0;
    if (!ReadBound(*self.element, reader, bounds.upper)) return false;
  }
  if (!reader.AtEnd()) return false;
  out = bounds.empty ? Range() : Range(std::move(bounds));
  return true;
}

bool ReadMultirange(const Decoder& self, std::string_view cell, Value& out) {
  constexpr std::size_t kRangeBytesMin = 5;  // its length and its flags
  protocol::Reader reader(cell);
  std::uint32_t count = 0;
  if (!reader.ReadUInt32(count) || count > reader.remaining() / kRangeBytesMin) return false;
  types::ListItems ranges;
  ranges.values.resize(count);
  for (Value& range : ranges.values) {
    if (!ReadBound(*self.element, reader, range)) return false;
  }
  if (!reader.AtEnd()) return false;
  out = types::List(std::move(ranges));
  return true;
}

// `outcome` becomes what the bound needs if that is worse.
void PutBound(Oid element, const Value& bound, std::string& out, EncodeOutcome& outcome) {
  if (types::IsNull(bound)) return;
  const std::size_t start = BeginItem(out);
  outcome = std::max(outcome, EncodeParam(element, bound, out));
  EndItem(out, start);
}

EncodeOutcome PutRange(Oid element, const Range& range, std::string& out) {
  const RangeBounds& bounds = *range.bounds;
  unsigned flags = 0;
  if (bounds.empty) {
    out += static_cast<char>(kEmpty);
    return EncodeOutcome::kBinary;
  }
  if (types::IsNull(bounds.lower)) {
    flags |= kLowerInfinite;
  } else if (bounds.lower_inclusive) {
    flags |= kLowerInclusive;
  }
  if (types::IsNull(bounds.upper)) {
    flags |= kUpperInfinite;
  } else if (bounds.upper_inclusive) {
    flags |= kUpperInclusive;
  }
  out += static_cast<char>(flags);
  EncodeOutcome outcome = EncodeOutcome::kBinary;
  PutBound(element, bounds.lower, out, outcome);
  PutBound(element, bounds.upper, out, outcome);
  return outcome;
}

// What cannot go in binary format goes as text, all of it.
EncodeOutcome OrText(EncodeOutcome outcome, const Value& value, std::size_t start,
                     std::string& out) {
  if (outcome != EncodeOutcome::kText) return outcome;
  out.resize(start);
  return AppendParamText(value, out) ? EncodeOutcome::kText : EncodeOutcome::kMismatch;
}

EncodeOutcome EncodeRange(const TypeEntry& target, const Value& value, std::string& out) {
  const auto* range = std::get_if<Range>(&value);
  if (range == nullptr) return EncodeOutcome::kMismatch;
  const std::size_t start = out.size();
  return OrText(PutRange(target.element, *range, out), value, start, out);
}

EncodeOutcome EncodeMultirange(const TypeEntry& target, const Value& value, std::string& out) {
  const auto* list = std::get_if<types::List>(&value);
  if (list == nullptr) return EncodeOutcome::kMismatch;
  const Oid element = FindType(target.element)->element;
  const std::size_t start = out.size();
  EncodeOutcome outcome = EncodeOutcome::kBinary;
  protocol::PutInt32(out, static_cast<std::int32_t>(list->items->values.size()));
  for (const Value& item : list->items->values) {
    const auto* range = std::get_if<Range>(&item);
    if (range == nullptr) return EncodeOutcome::kMismatch;
    const std::size_t item_start = BeginItem(out);
    outcome = std::max(outcome, PutRange(element, *range, out));
    EndItem(out, item_start);
  }
  return OrText(outcome, value, start, out);
}

}  // namespace

constinit const TypeCodec kRangeCodec = {TypeId::kRange, Format::kBinary, TextParam::kText,
                                         AppendRead,     ReadRange,       EncodeRange};
constinit const TypeCodec kMultirangeCodec = {TypeId::kList, Format::kBinary, TextParam::kText,
                                              AppendRead,    ReadMultirange,  EncodeMultirange};

}  // namespace molt::db::postgres
