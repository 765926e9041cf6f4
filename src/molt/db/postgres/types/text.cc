// Text, the types that are text in all but name, and those that are read as text.
#include <variant>

#include "molt/db/postgres/types/type_codec.h"
#include "molt/types/iso_text.h"

namespace molt::db::postgres {

namespace {

using types::ColumnBuilder;
using types::TypeId;
using types::Value;

bool ReadText(const Decoder& /*self*/, std::string_view cell, Value& out) {
  out = std::string(cell);
  return true;
}

bool ReadOther(const Decoder& /*self*/, std::string_view cell, Value& out) {
  out = types::Other{std::string(cell)};
  return true;
}

// What has a canonical text that someone may have stored as such.
EncodeOutcome EncodeText(const TypeEntry& /*target*/, const Value& value, std::string& out) {
  if (const auto* uuid = std::get_if<types::Uuid>(&value)) {
    out += types::FormatUuid(*uuid);
    return EncodeOutcome::kBinary;
  }
  if (const auto* json = std::get_if<types::Json>(&value)) {
    out += json->text;
    return EncodeOutcome::kBinary;
  }
  return EncodeOutcome::kMismatch;
}

// The one byte of a "char" as PostgreSQL 16 prints it: nothing for zero, octal beyond ASCII, where
// a single byte is no text.
bool ReadChar(const Decoder& /*self*/, std::string_view cell, Value& out) {
  if (cell.size() != 1) return false;
  const auto byte = static_cast<unsigned char>(cell[0]);
  std::string text;
  if (byte >= 0x80) {
    text = {'\\', static_cast<char>('0' + (byte >> 6)), static_cast<char>('0' + (byte >> 3 & 7)),
            static_cast<char>('0' + (byte & 7))};
  } else if (byte != 0) {
    text = cell;
  }
  out = std::move(text);
  return true;
}

}  // namespace

constinit const TypeCodec kTextCodec = {TypeId::kUtf8, Format::kBinary, TextParam::kBinary,
                                        AppendAsIs,    ReadText,        EncodeText};
constinit const TypeCodec kCharCodec = {TypeId::kUtf8, Format::kBinary, TextParam::kText,
                                        AppendRead,    ReadChar,        EncodeNothing};
// What functions give that give nothing: an empty text.
constinit const TypeCodec kVoidCodec = {TypeId::kUtf8, Format::kText, TextParam::kText,
                                        AppendAsIs,    ReadText,      EncodeNothing};
constinit const TypeCodec kOtherCodec = {TypeId::kOther, Format::kText, TextParam::kText,
                                         AppendAsIs,     ReadOther,     EncodeNothing};

}  // namespace molt::db::postgres
