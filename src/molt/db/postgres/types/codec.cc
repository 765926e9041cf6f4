#include "molt/db/postgres/types/codec.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <iterator>
#include <variant>

#include "molt/db/postgres/types/param_text.h"
#include "molt/db/postgres/types/type_codec.h"

namespace molt::db::postgres {

namespace {

using types::LogicalType;
using types::TypeId;
using types::Value;

// The one table. Source: src/include/catalog/pg_type.dat.
constexpr TypeEntry kTypes[] = {
    // oid, array, name, codec, element, delimiter
    {16, 1000, "bool", &kBoolCodec},
    {17, 1001, "bytea", &kByteaCodec},
    {18, 1002, "\"char\"", &kCharCodec},
    {19, 1003, "name", &kTextCodec},
    {20, 1016, "int8", &kInt8Codec},
    {21, 1005, "int2", &kInt2Codec},
    {22, 1006, "int2vector", &kOtherCodec},
    {23, 1007, "int4", &kInt4Codec},
    {24, 1008, "regproc", &kOtherCodec},
    {25, 1009, "text", &kTextCodec},
    {26, 1028, "oid", &kOidCodec},
    {27, 1010, "tid", &kOtherCodec},
    {28, 1011, "xid", &kOtherCodec},
    {29, 1012, "cid", &kOtherCodec},
    {30, 1013, "oidvector", &kOtherCodec},
    {114, 199, "json", &kJsonCodec},
    {142, 143, "xml", &kOtherCodec},
    {600, 1017, "point", &kOtherCodec},
    {601, 1018, "lseg", &kOtherCodec},
    {602, 1019, "path", &kOtherCodec},
    {603, 1020, "box", &kOtherCodec, 0, ';'},
    {604, 1027, "polygon", &kOtherCodec},
    {628, 629, "line", &kOtherCodec},
    {650, 651, "cidr", &kCidrCodec},
    {700, 1021, "float4", &kFloat4Codec},
    {701, 1022, "float8", &kFloat8Codec},
    {718, 719, "circle", &kOtherCodec},
    {774, 775, "macaddr8", &kOtherCodec},
    {790, 791, "money", &kOtherCodec},
    {829, 1040, "macaddr", &kOtherCodec},
    {869, 1041, "inet", &kInetCodec},
    {1042, 1014, "bpchar", &kTextCodec},
    {1043, 1015, "varchar", &kTextCodec},
    {1082, 1182, "date", &kDateCodec},
    {1083, 1183, "time", &kTimeCodec},
    {1114, 1115, "timestamp", &kTimestampCodec},
    {1184, 1185, "timestamptz", &kTimestamptzCodec},
    {1186, 1187, "interval", &kIntervalCodec},
    {1266, 1270, "timetz", &kTimetzCodec},
    {1560, 1561, "bit", &kOtherCodec},
    {1562, 1563, "varbit", &kOtherCodec},
    {1700, 1231, "numeric", &kNumericCodec},
    {2202, 2207, "regprocedure", &kOtherCodec},
    {2205, 2210, "regclass", &kOtherCodec},
    {2206, 2211, "regtype", &kOtherCodec},
    {2278, 0, "void", &kVoidCodec},
    {2950, 2951, "uuid", &kUuidCodec},
    {3220, 3221, "pg_lsn", &kOtherCodec},
    {3614, 3643, "tsvector", &kOtherCodec},
    {3615, 3645, "tsquery", &kOtherCodec},
    {3802, 3807, "jsonb", &kJsonbCodec},
    {3904, 3905, "int4range", &kRangeCodec, 23},
    {3906, 3907, "numrange", &kRangeCodec, 1700},
    {3908, 3909, "tsrange", &kRangeCodec, 1114},
    {3910, 3911, "tstzrange", &kRangeCodec, 1184},
    {3912, 3913, "daterange", &kRangeCodec, 1082},
    {3926, 3927, "int8range", &kRangeCodec, 20},
    {4072, 4073, "jsonpath", &kOtherCodec},
    {4089, 4090, "regnamespace", &kOtherCodec},
    {4096, 4097, "regrole", &kOtherCodec},
    {4451, 6150, "int4multirange", &kMultirangeCodec, 3904},
    {4532, 6151, "nummultirange", &kMultirangeCodec, 3906},
    {4533, 6152, "tsmultirange", &kMultirangeCodec, 3908},
    {4534, 6153, "tstzmultirange", &kMultirangeCodec, 3910},
    {4535, 6155, "datemultirange", &kMultirangeCodec, 3912},
    {4536, 6157, "int8multirange", &kMultirangeCodec, 3926},
    {5069, 271, "xid8", &kOtherCodec},
};

// From a type's number to its line, counted from 1: parameters and COPY look up once a value.
constexpr Oid kOidsEnd = 6'158;
using Index = std::array<std::uint8_t, kOidsEnd>;
static_assert(std::size(kTypes) < 256);

constexpr Index MakeIndex(Oid TypeEntry::* oid) {
  Index index{};
  for (std::size_t i = 0; i < std::size(kTypes); ++i) {
    index[kTypes[i].*oid] = static_cast<std::uint8_t>(i + 1);
  }
  index[0] = 0;  // where there is no array
  return index;
}
constexpr Index kByOid = MakeIndex(&TypeEntry::oid);
constexpr Index kByArrayOid = MakeIndex(&TypeEntry::array_oid);

const TypeEntry* FindIn(const Index& index, Oid oid) {
  const std::size_t line = oid < kOidsEnd ? index[oid] : 0;
  return line == 0 ? nullptr : &kTypes[line - 1];
}

LogicalType ScalarType(const TypeEntry& entry, std::int32_t typmod) {
  if (entry.codec == &kNumericCodec) return NumericType(typmod);
  if (entry.codec == &kCidrCodec) return LogicalType::Network();
  if (entry.codec->id == TypeId::kOther) return LogicalType::Other(entry.name);
  return entry.codec->id;
}

Decoder DecoderOf(const TypeEntry& entry, std::int32_t typmod) {
  const TypeCodec& codec = *entry.codec;
  if (entry.element == 0) {
    return {ScalarType(entry, typmod), codec.format, codec.append, codec.read, 0, nullptr};
  }
  auto element = std::make_shared<const Decoder>(DecoderOf(*FindType(entry.element), -1));
  LogicalType type = codec.id == TypeId::kRange ? LogicalType::RangeOf(element->type)
                                                : LogicalType::ListOf(element->type);
  return {std::move(type), codec.format,  codec.append,
          codec.read,      entry.element, std::move(element)};
}

Decoder ArrayDecoderOf(const TypeEntry& item, std::int32_t typmod) {
  auto element = std::make_shared<const Decoder>(DecoderOf(item, typmod));
  LogicalType type = LogicalType::ListOf(element->type);
  // An array comes in the format of its items.
  if (element->format == Format::kText) {
    return {std::move(type), Format::kText, AppendRead,
            ReadArrayText,   item.oid,      std::move(element)};
  }
  return {std::move(type), Format::kBinary, AppendArray, ReadArray, item.oid, std::move(element)};
}

EncodeOutcome PutText(std::string_view text, std::string& out) {
  out += text;
  return EncodeOutcome::kText;
}

// To a type that is not in the table: only what the server parses.
EncodeOutcome EncodeUnknown(const Value& value, std::string& out) {
  if (const auto* text = std::get_if<std::string>(&value)) return PutText(*text, out);
  if (const auto* json = std::get_if<types::Json>(&value)) return PutText(json->text, out);
  if (const auto* inet = std::get_if<types::Inet>(&value)) return PutText(inet->text, out);
  if (const auto* list = std::get_if<types::List>(&value)) return EncodeArrayText(*list, out);
  if (std::holds_alternative<types::Range>(value)) {
    return AppendParamText(value, out) ? EncodeOutcome::kText : EncodeOutcome::kMismatch;
  }
  return EncodeOutcome::kMismatch;
}

EncodeOutcome EncodeTo(Oid target, const Value& value, std::string& out) {
  if (const auto* other = std::get_if<types::Other>(&value)) return PutText(other->text, out);
  const auto* text = std::get_if<std::string>(&value);
  if (const TypeEntry* entry = FindType(target)) {
    if (text == nullptr) return entry->codec->encode(*entry, value, out);
    if (entry->codec->text_param == TextParam::kNever) return EncodeOutcome::kMismatch;
    out += *text;
    return entry->codec->text_param == TextParam::kText ? EncodeOutcome::kText
                                                        : EncodeOutcome::kBinary;
  }
  if (const TypeEntry* element = FindArrayElement(target)) {
    if (text != nullptr) return PutText(*text, out);
    const auto* list = std::get_if<types::List>(&value);
    return list == nullptr ? EncodeOutcome::kMismatch : EncodeArray(*element, *list, out);
  }
  return EncodeUnknown(value, out);
}

}  // namespace

const TypeEntry* FindType(Oid oid) { return FindIn(kByOid, oid); }
const TypeEntry* FindArrayElement(Oid oid) { return FindIn(kByArrayOid, oid); }

Decoder DecoderFor(Oid type, std::int32_t typmod, std::string_view name) {
  if (const TypeEntry* entry = FindType(type)) return DecoderOf(*entry, typmod);
  if (const TypeEntry* item = FindArrayElement(type)) return ArrayDecoderOf(*item, typmod);
  return {LogicalType::Other(name),
          kOtherCodec.format,
          kOtherCodec.append,
          kOtherCodec.read,
          0,
          nullptr};
}

bool IsKnownType(Oid type) {
  return FindType(type) != nullptr || FindArrayElement(type) != nullptr;
}

EncodeOutcome EncodeParam(Oid target, const Value& value, std::string& out) {
  const std::size_t start = out.size();
  const EncodeOutcome outcome = EncodeTo(target, value, out);
  if (outcome == EncodeOutcome::kMismatch) out.resize(start);
  return outcome;
}

}  // namespace molt::db::postgres
