// What the files of this folder say of their types, and how the table finds it. Internal to types/.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "molt/db/postgres/types/codec.h"

namespace molt::db::postgres {

// How a parameter that is text goes to a type.
enum class TextParam : std::uint8_t {
  kBinary,  // the type's binary form is its text
  kText,    // in text format, for the server to parse
  kNever,   // it is a mismatch: values of the type are numbers, booleans or bytes
};

struct TypeEntry;

struct TypeCodec {
  types::TypeId id;  // of its columns; DecoderFor adds what else their type needs
  Format format;     // of its results
  TextParam text_param;
  bool (*append)(const Decoder& self, std::string_view cell, types::ColumnBuilder& out);
  bool (*read)(const Decoder& self, std::string_view cell, types::Value& out);
  // As EncodeParam; but not called for text, and what it has appended to a mismatch is taken back.
  EncodeOutcome (*encode)(const TypeEntry& target, const types::Value& value, std::string& out);
};

// A line of the table.
struct TypeEntry {
  Oid oid;
  Oid array_oid;  // 0 if it has none
  std::string_view name;
  const TypeCodec* codec;
  Oid element = 0;       // of a range: its bounds; of a multirange: its ranges
  char delimiter = ',';  // between items of its arrays as text
};

// Nullptr for arrays, and for types that are not in the table.
[[nodiscard]] const TypeEntry* FindType(Oid oid);
// The entry of the items if `oid` is an array of a type that is in the table, else nullptr.
[[nodiscard]] const TypeEntry* FindArrayElement(Oid oid);

extern const TypeCodec kBoolCodec;
extern const TypeCodec kByteaCodec;
extern const TypeCodec kCharCodec;  // "char", the type of one byte
extern const TypeCodec kCidrCodec;
extern const TypeCodec kDateCodec;
extern const TypeCodec kFloat4Codec;
extern const TypeCodec kFloat8Codec;
extern const TypeCodec kInetCodec;
extern const TypeCodec kInt2Codec;
extern const TypeCodec kInt4Codec;
extern const TypeCodec kInt8Codec;
extern const TypeCodec kIntervalCodec;
extern const TypeCodec kJsonbCodec;
extern const TypeCodec kJsonCodec;
extern const TypeCodec kMultirangeCodec;
extern const TypeCodec kNumericCodec;
extern const TypeCodec kOidCodec;
extern const TypeCodec kOtherCodec;
extern const TypeCodec kRangeCodec;
extern const TypeCodec kTextCodec;
extern const TypeCodec kTimeCodec;
extern const TypeCodec kTimestampCodec;
extern const TypeCodec kTimestamptzCodec;
extern const TypeCodec kTimetzCodec;
extern const TypeCodec kUuidCodec;
extern const TypeCodec kVoidCodec;

// Decimal128 if the typmod says so many digits that it fits, else the text of any decimal.
[[nodiscard]] types::LogicalType NumericType(std::int32_t typmod);

inline constexpr std::size_t kArrayDimensionsMax = 6;

// Arrays have no line of their own in the table.
bool AppendArray(const Decoder& self, std::string_view cell, types::ColumnBuilder& out);
bool ReadArray(const Decoder& self, std::string_view cell, types::Value& out);
bool ReadArrayText(const Decoder& self, std::string_view cell, types::Value& out);
EncodeOutcome EncodeArray(const TypeEntry& element, const types::List& value, std::string& out);
// For arrays of types that are not in the table, whose items the server parses.
EncodeOutcome EncodeArrayText(const types::List& value, std::string& out);

// By way of `read`: for types whose cells are values anyway, and for columns that are mixed.
inline bool AppendRead(const Decoder& self, std::string_view cell, types::ColumnBuilder& out) {
  types::Value value;
  if (!self.read(self, cell, value)) return false;
  out.AppendValue(std::move(value));
  return true;
}
// Of types kept as text whose cells are that text already.
inline bool AppendAsIs(const Decoder& /*self*/, std::string_view cell, types::ColumnBuilder& out) {
  out.AppendBytes(cell);
  return true;
}
inline EncodeOutcome EncodeNothing(const TypeEntry& /*target*/, const types::Value& /*value*/,
                                   std::string& /*out*/) {
  return EncodeOutcome::kMismatch;
}

}  // namespace molt::db::postgres
