// PostgreSQL's binary cells and parameters <-> columns and values. A type is one file here and one
// line in the table of codec.cc.
// Source: the send and receive functions of PostgreSQL 15, src/backend/utils/adt.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "molt/types/column_builder.h"
#include "molt/types/value.h"

namespace molt::db::postgres {

// A type's number in pg_type. Those below 10,000 are the same on every server.
using Oid = std::uint32_t;

enum class Format : std::int16_t { kText = 0, kBinary = 1 };  // as the protocol numbers them

// How the cells of one result column become a column. Cheap to copy.
struct Decoder {
  types::LogicalType type;
  Format format = Format::kText;  // what to ask the server for
  // Appends one cell that is not NULL; false if the bytes are not what the type sends, and then the
  // column has as many rows as before, but is good for nothing but to be thrown away: some items
  // of a list may have been appended. A value that the column's type cannot hold makes the column
  // mixed instead: NaN in a decimal128, an array of two dimensions, and, as text, an infinite date
  // or timestamp, a timestamp after the year 294246 and the time 24:00:00.
  bool (*append)(const Decoder& self, std::string_view cell, types::ColumnBuilder& out) = nullptr;
  // One cell by value, for cells inside arrays and ranges; false as above.
  bool (*read)(const Decoder& self, std::string_view cell, types::Value& out) = nullptr;
  Oid element_oid = 0;                     // of an array, range or multirange
  std::shared_ptr<const Decoder> element;  // of the same
};

// For a column of this type; `typmod` is what RowDescription says, -1 for none. A type that is not
// in the table is read as text, as types::LogicalType::Other(name).
[[nodiscard]] Decoder DecoderFor(Oid type, std::int32_t typmod, std::string_view name);
// Whether DecoderFor needs no name for it.
[[nodiscard]] bool IsKnownType(Oid type);

enum class EncodeOutcome : std::uint8_t {
  kBinary,    // appended, to be sent in binary format
  kText,      // appended, to be sent in text format
  kMismatch,  // this value is no value of that type, or does not fit it; nothing was appended
};

// Appends `value`, which is not NULL, as a parameter of type `target`. Exact or not at all: an
// integer too large for int4, a float for an integer, a naive datetime for timestamptz are a
// mismatch. Text goes, in text format, where the server parses it: to any type but those whose
// values are always numbers, booleans or bytes.
[[nodiscard]] EncodeOutcome EncodeParam(Oid target, const types::Value& value, std::string& out);

// The type to declare for `value` when the server's own guess does not fit it; 0 leaves it to the
// server.
[[nodiscard]] Oid NaturalType(const types::Value& value);

}  // namespace molt::db::postgres
