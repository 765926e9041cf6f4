#include <variant>

#include "molt/db/postgres/types/type_codec.h"

namespace molt::db::postgres {

namespace {

bool IsBool(std::string_view cell) {
  return cell.size() == 1 && static_cast<unsigned char>(cell[0]) <= 1;
}

bool Append(const Decoder& self, std::string_view cell, types::ColumnBuilder& out) {
  if (!IsBool(cell)) return false;
  if (out.IsMixed()) [[unlikely]]
    return AppendRead(self, cell, out);
  out.AppendBool(cell[0] != 0);
  return true;
}

bool Read(const Decoder& /*self*/, std::string_view cell, types::Value& out) {
  if (!IsBool(cell)) return false;
  out = cell[0] != 0;
  return true;
}

EncodeOutcome Encode(const TypeEntry& /*target*/, const types::Value& value, std::string& out) {
  const bool* truth = std::get_if<bool>(&value);
  if (truth == nullptr) return EncodeOutcome::kMismatch;
  out += *truth ? '\1' : '\0';
  return EncodeOutcome::kBinary;
}

}  // namespace

constinit const TypeCodec kBoolCodec = {
    types::TypeId::kBool, Format::kBinary, TextParam::kNever, Append, Read, Encode};

}  // namespace molt::db::postgres
