// Arrays of any type of the table, in binary format. Lower bounds are kept if one is not 1.
// Source: array_send and array_recv in src/backend/utils/adt/arrayfuncs.c.
#include <algorithm>
#include <array>
#include <span>
#include <variant>
#include <vector>

#include "molt/db/postgres/types/param_text.h"
#include "molt/db/postgres/types/type_codec.h"
#include "molt/db/postgres/types/wire_bytes.h"

namespace molt::db::postgres {

namespace {

using types::List;
using types::ListItems;
using types::Value;

constexpr std::size_t kItemBytesMin = 4;  // its length

struct Dimensions {
  std::array<std::size_t, kArrayDimensionsMax> sizes{};
  std::array<std::int32_t, kArrayDimensionsMax> lower_bounds{};
  std::size_t count = 0;

  [[nodiscard]] bool BeginAtOne() const {
    return std::all_of(lower_bounds.begin(), lower_bounds.begin() + count,
                       [](std::int32_t bound) { return bound == 1; });
  }
};

// Leaves the reader at the first item. Sizes are those of arrays that the bytes left can hold.
bool ReadHeader(const Decoder& self, protocol::Reader& reader, Dimensions& dimensions) {
  std::uint32_t count = 0;
  std::uint32_t has_null = 0;
  Oid element = 0;
  if (!reader.ReadUInt32(count) || !reader.ReadUInt32(has_null) || !reader.ReadUInt32(element) ||
      count > kArrayDimensionsMax || has_null > 1 || element != self.element_oid) {
    return false;
  }
  dimensions.count = count;
  for (std::size_t i = 0; i < count; ++i) {
    std::uint32_t size = 0;
    std::uint32_t lower_bound = 0;
    if (!reader.ReadUInt32(size) || !reader.ReadUInt32(lower_bound)) return false;
    dimensions.sizes[i] = size;
    dimensions.lower_bounds[i] = static_cast<std::int32_t>(lower_bound);
  }
  std::size_t items_max = reader.remaining() / kItemBytesMin;
  for (std::size_t i = 0; i < count; ++i) {
    // Empty only as a whole: else few bytes could ask for any number of lists.
    if (dimensions.sizes[i] > items_max || (dimensions.sizes[i] == 0 && count > 1)) return false;
    items_max /= std::max<std::size_t>(dimensions.sizes[i], 1);
  }
  return true;
}

bool ReadList(const Decoder& element, protocol::Reader& reader, std::span<const std::size_t> sizes,
              Value& out) {
  ListItems list;
  list.values.resize(sizes.front());
  for (Value& value : list.values) {
    if (sizes.size() > 1) {
      if (!ReadList(element, reader, sizes.subspan(1), value)) return false;
      continue;
    }
    std::string_view item;
    bool is_null = false;
    if (!ReadItem(reader, item, is_null)) return false;
    if (!is_null && !element.read(element, item, value)) return false;
  }
  out = List(std::move(list));
  return true;
}

// How a list of lists looks from its first items; whether the others are like them, Put tells.
bool MeasureDimensions(const TypeEntry& element, const List& list, Dimensions& dimensions) {
  const List* level = &list;
  while (level != nullptr) {
    if (dimensions.count == kArrayDimensionsMax) return false;
    const std::vector<Value>& items = level->items->values;
    dimensions.sizes[dimensions.count++] = items.size();
    level = items.empty() ? nullptr : std::get_if<List>(&items.front());
    if (level == nullptr || element.codec != &kMultirangeCodec) continue;
    // A list of ranges is an item here, not a dimension.
    const std::vector<Value>& ranges = level->items->values;
    if (ranges.empty() || std::holds_alternative<types::Range>(ranges.front())) level = nullptr;
  }
  return true;
}

// What `put` gives of each item in turn, at worst; a mismatch if a list has not the size it should.
template <class Put>
EncodeOutcome ForEachItem(const List& list, std::span<const std::size_t> sizes, const Put& put) {
  if (list.items->values.size() != sizes.front()) return EncodeOutcome::kMismatch;
  EncodeOutcome worst = EncodeOutcome::kBinary;
  for (const Value& item : list.items->values) {
    if (sizes.size() == 1) {
      worst = std::max(worst, put(item));
    } else {
      const auto* inner = std::get_if<List>(&item);
      if (inner == nullptr) return EncodeOutcome::kMismatch;
      worst = std::max(worst, ForEachItem(*inner, sizes.subspan(1), put));
    }
    if (worst == EncodeOutcome::kMismatch) break;
  }
  return worst;
}

EncodeOutcome PutBinary(const TypeEntry& element, const List& list, const Dimensions& dimensions,
                        std::string& out) {
  const std::span sizes(dimensions.sizes.data(), dimensions.count);
  const bool is_empty = sizes.back() == 0;
  protocol::PutUInt32(out, is_empty ? 0 : static_cast<std::uint32_t>(sizes.size()));
  const std::size_t has_null = out.size();
  protocol::PutUInt32(out, 0);
  protocol::PutUInt32(out, element.oid);
  for (const std::size_t size : is_empty ? sizes.first(0) : sizes) {
    protocol::PutUInt32(out, static_cast<std::uint32_t>(size));
    protocol::PutUInt32(out, 1);  // the lower bound
  }
  return ForEachItem(list, sizes, [&](const Value& item) {
    if (types::IsNull(item)) {
      out[has_null + 3] = 1;
      protocol::PutInt32(out, -1);
      return EncodeOutcome::kBinary;
    }
    const std::size_t start = BeginItem(out);
    const EncodeOutcome outcome = EncodeParam(element.oid, item, out);
    EndItem(out, start);
    return outcome;
  });
}

bool PutText(const List& list, std::size_t depth, char delimiter, std::string& out) {
  char before = '{';
  for (const Value& item : list.items->values) {
    out += before;
    before = delimiter;
    if (depth > 1) {
      if (!PutText(std::get<List>(item), depth - 1, delimiter, out)) return false;
    } else if (types::IsNull(item)) {
      out += "NULL";
    } else if (!AppendQuotedParamText(item, out)) {
      return false;
    }
  }
  out += before == '{' ? "{}" : "}";
  return true;
}

}  // namespace

bool AppendArray(const Decoder& self, std::string_view cell, types::ColumnBuilder& out) {
  protocol::Reader reader(cell);
  Dimensions dimensions;
  if (!ReadHeader(self, reader, dimensions)) return false;
  if (dimensions.count > 1 || !dimensions.BeginAtOne()) return AppendRead(self, cell, out);
  const Decoder& element = *self.element;
  types::ColumnBuilder& items = out.items();
  for (std::size_t i = 0; i < dimensions.sizes[0]; ++i) {
    std::string_view item;
    bool is_null = false;
    if (!ReadItem(reader, item, is_null)) return false;
    if (is_null) {
      items.AppendNull();
    } else if (!element.append(element, item, items)) {
      return false;
    }
  }
  if (!reader.AtEnd()) return false;
  out.EndList();
  return true;
}

bool ReadArray(const Decoder& self, std::string_view cell, Value& out) {
  protocol::Reader reader(cell);
  Dimensions dimensions;
  if (!ReadHeader(self, reader, dimensions)) return false;
  const bool begin_at_one = dimensions.BeginAtOne();
  if (dimensions.count == 0) dimensions.count = 1;  // of no items
  const std::span sizes(dimensions.sizes.data(), dimensions.count);
  if (!ReadList(*self.element, reader, sizes, out) || !reader.AtEnd()) return false;
  if (begin_at_one) return true;
  ListItems items = *std::get<List>(out).items;
  items.lower_bounds.assign(dimensions.lower_bounds.begin(),
                            dimensions.lower_bounds.begin() + dimensions.count);
  out = List(std::move(items));
  return true;
}

EncodeOutcome EncodeArray(const TypeEntry& element, const List& value, std::string& out) {
  Dimensions dimensions;
  if (!MeasureDimensions(element, value, dimensions)) return EncodeOutcome::kMismatch;
  const std::size_t start = out.size();
  const EncodeOutcome outcome = PutBinary(element, value, dimensions, out);
  if (outcome != EncodeOutcome::kText) return outcome;
  out.resize(start);
  return PutText(value, dimensions.count, element.delimiter, out) ? EncodeOutcome::kText
                                                                  : EncodeOutcome::kMismatch;
}

EncodeOutcome EncodeArrayText(const List& value, std::string& out) {
  constexpr Oid kTextOid = 25;
  Dimensions dimensions;
  if (!MeasureDimensions(*FindType(kTextOid), value, dimensions)) return EncodeOutcome::kMismatch;
  // Types of users may have another delimiter, which only the catalog tells.
  return PutText(value, dimensions.count, ',', out) ? EncodeOutcome::kText
                                                    : EncodeOutcome::kMismatch;
}

}  // namespace molt::db::postgres
