#include <algorithm>
#include <variant>

#include "molt/db/postgres/types/type_codec.h"

namespace molt::db::postgres {

namespace {

constexpr std::size_t kUuidBytes = sizeof(types::Uuid::bytes);

bool Append(const Decoder& self, std::string_view cell, types::ColumnBuilder& out) {
  if (cell.size() != kUuidBytes) return false;
  if (out.IsMixed()) [[unlikely]]
    return AppendRead(self, cell, out);
  out.AppendFixed(cell.data(), kUuidBytes);
  return true;
}

bool Read(const Decoder& /*self*/, std::string_view cell, types::Value& out) {
  if (cell.size() != kUuidBytes) return false;
  types::Uuid uuid;
  std::copy(cell.begin(), cell.end(), uuid.bytes.begin());
  out = uuid;
  return true;
}

EncodeOutcome Encode(const TypeEntry& /*target*/, const types::Value& value, std::string& out) {
  const auto* uuid = std::get_if<types::Uuid>(&value);
  if (uuid == nullptr) return EncodeOutcome::kMismatch;
  out.append(uuid->bytes.begin(), uuid->bytes.end());
  return EncodeOutcome::kBinary;
}

}  // namespace

constinit const TypeCodec kUuidCodec = {
    types::TypeId::kUuid, Format::kBinary, TextParam::kText, Append, Read, Encode};

}  // namespace molt::db::postgres
