// int2, int4, int8 and oid with its likes, which are unsigned.
#include <utility>
#include <variant>

#include "molt/db/postgres/types/type_codec.h"
#include "molt/db/postgres/types/wire_bytes.h"

namespace molt::db::postgres {

namespace {

using types::ColumnBuilder;
using types::TypeId;
using types::Value;

// One a type: how many bytes, how to load them, put them and append them to a column.
struct Int2 {
  using Number = std::int16_t;
  static Number Load(const char* bytes) { return LoadInt16(bytes); }
  static void Put(std::string& out, Number value) { protocol::PutInt16(out, value); }
  static void Append(ColumnBuilder& out, Number value) { out.AppendInt16(value); }
};
struct Int4 {
  using Number = std::int32_t;
  static Number Load(const char* bytes) { return LoadInt32(bytes); }
  static void Put(std::string& out, Number value) { protocol::PutInt32(out, value); }
  static void Append(ColumnBuilder& out, Number value) { out.AppendInt32(value); }
};
struct Int8 {
  using Number = std::int64_t;
  static Number Load(const char* bytes) { return LoadInt64(bytes); }
  static void Put(std::string& out, Number value) { PutInt64(out, value); }
  static void Append(ColumnBuilder& out, Number value) { out.AppendInt64(value); }
};
struct OidNumber {
  using Number = std::uint32_t;
  static Number Load(const char* bytes) { return protocol::LoadUInt32(bytes); }
  static void Put(std::string& out, Number value) { protocol::PutUInt32(out, value); }
  static void Append(ColumnBuilder& out, Number value) { out.AppendInt64(value); }
};

template <class Type>
bool AppendInteger(const Decoder& self, std::string_view cell, ColumnBuilder& out) {
  if (cell.size() != sizeof(typename Type::Number)) return false;
  if (out.IsMixed()) [[unlikely]]
    return AppendRead(self, cell, out);
  Type::Append(out, Type::Load(cell.data()));
  return true;
}

template <class Type>
bool ReadInteger(const Decoder& /*self*/, std::string_view cell, Value& out) {
  if (cell.size() != sizeof(typename Type::Number)) return false;
  out = std::int64_t{Type::Load(cell.data())};
  return true;
}

template <class Type>
EncodeOutcome EncodeInteger(const TypeEntry& /*target*/, const Value& value, std::string& out) {
  using Number = typename Type::Number;
  const auto* number = std::get_if<std::int64_t>(&value);
  if (number == nullptr || !std::in_range<Number>(*number)) return EncodeOutcome::kMismatch;
  Type::Put(out, static_cast<Number>(*number));
  return EncodeOutcome::kBinary;
}

template <class Type>
constexpr TypeCodec IntegerCodec(TypeId id) {
  return {id,
          Format::kBinary,
          TextParam::kNever,
          AppendInteger<Type>,
          ReadInteger<Type>,
          EncodeInteger<Type>};
}

}  // namespace

constinit const TypeCodec kInt2Codec = IntegerCodec<Int2>(TypeId::kInt16);
constinit const TypeCodec kInt4Codec = IntegerCodec<Int4>(TypeId::kInt32);
constinit const TypeCodec kInt8Codec = IntegerCodec<Int8>(TypeId::kInt64);
constinit const TypeCodec kOidCodec = IntegerCodec<OidNumber>(TypeId::kInt64);

}  // namespace molt::db::postgres
