#include <variant>

#include "molt/db/postgres/types/type_codec.h"

namespace molt::db::postgres {

namespace {

bool Read(const Decoder& /*self*/, std::string_view cell, types::Value& out) {
  out = types::Bytes{std::string(cell)};
  return true;
}

EncodeOutcome Encode(const TypeEntry& /*target*/, const types::Value& value, std::string& out) {
  const auto* bytes = std::get_if<types::Bytes>(&value);
  if (bytes == nullptr) return EncodeOutcome::kMismatch;
  out += bytes->data;
  return EncodeOutcome::kBinary;
}

}  // namespace

constinit const TypeCodec kByteaCodec = {
    types::TypeId::kBinary, Format::kBinary, TextParam::kNever, AppendAsIs, Read, Encode};

}  // namespace molt::db::postgres
