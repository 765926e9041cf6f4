// json, whose binary form is its text, and jsonb, where the number of a version comes first.
#include <variant>

#include "molt/db/postgres/types/json_text.h"
#include "molt/db/postgres/types/type_codec.h"

namespace molt::db::postgres {

namespace {

using types::TypeId;
using types::Value;

constexpr char kVersion = 1;

bool IsJsonb(std::string_view cell) { return !cell.empty() && cell[0] == kVersion; }

bool ReadJson(const Decoder& /*self*/, std::string_view cell, Value& out) {
  out = types::Json{std::string(cell)};
  return true;
}

bool AppendJsonb(const Decoder& /*self*/, std::string_view cell, types::ColumnBuilder& out) {
  if (!IsJsonb(cell)) return false;
  out.AppendBytes(cell.substr(1));
  return true;
}

bool ReadJsonb(const Decoder& self, std::string_view cell, Value& out) {
  return IsJsonb(cell) && ReadJson(self, cell.substr(1), out);
}

EncodeOutcome EncodeJson(const TypeEntry& /*target*/, const Value& value, std::string& out) {
  if (const auto* json = std::get_if<types::Json>(&value)) {
    out += json->text;
    return EncodeOutcome::kBinary;
  }
  const auto* list = std::get_if<types::List>(&value);
  if (list == nullptr || !AppendJsonArray(*list, out)) return EncodeOutcome::kMismatch;
  return EncodeOutcome::kBinary;
}

EncodeOutcome EncodeJsonb(const TypeEntry& target, const Value& value, std::string& out) {
  out += kVersion;
  return EncodeJson(target, value, out);
}

}  // namespace

constinit const TypeCodec kJsonCodec = {TypeId::kJson, Format::kBinary, TextParam::kText,
                                        AppendAsIs,    ReadJson,        EncodeJson};
constinit const TypeCodec kJsonbCodec = {TypeId::kJson, Format::kBinary, TextParam::kText,
                                         AppendJsonb,   ReadJsonb,       EncodeJsonb};

}  // namespace molt::db::postgres
