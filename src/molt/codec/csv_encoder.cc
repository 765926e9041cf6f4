// Source: RFC 4180.
#include <string>
#include <string_view>

#include "molt/codec/json_cell.h"
#include "molt/codec/row_encoder.h"
#include "molt/types/iso_text.h"
#include "molt/types/value_text.h"

namespace molt::codec {

namespace {

using types::TypeId;

// In quotes if it must be; an empty text too, since nothing at all is NULL.
void AppendField(std::string_view text, types::ByteOut& out) {
  if (!text.empty() && text.find_first_of("\",\r\n") == std::string_view::npos) {
    out += text;
    return;
  }
  out += '"';
  for (const char c : text) {
    if (c == '"') out += '"';
    out += c;
  }
  out += '"';
}

// Text as it is, bytes as hexadecimal digits after \x, ranges as engines print them, and all else
// as JSON has it, without the quotes of a string.
void AppendValue(const types::Value& value, types::ByteOut& out) {
  if (types::IsNull(value)) return;
  if (const auto* text = std::get_if<std::string>(&value)) return AppendField(*text, out);
  if (const auto* bytes = std::get_if<types::Bytes>(&value)) {
    std::string hex = "\\x";
    types::AppendHex(bytes->data, hex);
    return AppendField(hex, out);
  }
  if (const auto* json = std::get_if<types::Json>(&value)) return AppendField(json->text, out);
  if (const auto* inet = std::get_if<types::Inet>(&value)) return AppendField(inet->text, out);
  if (const auto* other = std::get_if<types::Other>(&value)) return AppendField(other->text, out);
  if (const auto* range = std::get_if<types::Range>(&value);
      range != nullptr && types::IsTextRange(*range)) {
    return AppendField(types::FormatRange(*range), out);
  }
  types::ByteOut json;
  AppendJsonValue(value, json);
  std::string_view text = json.view();
  // A number that is none: as in JSON, the same as NULL.
  if (text == "null") return;
  if (text.starts_with('"')) text = text.substr(1, text.size() - 2);
  AppendField(text, out);
}

void AppendCell(const types::Column& column, std::int64_t row, types::ByteOut& out) {
  if (column.IsNull(row)) return;
  if (!column.IsMixed()) {
    const TypeId id = column.type.id;
    if (types::HasBytes(id) && id != TypeId::kBinary) {
      return AppendField(column.BytesAt(row), out);
    }
    if (id == TypeId::kBool || id == TypeId::kInt16 || id == TypeId::kInt32 ||
        id == TypeId::kInt64) {
      return AppendJsonCell(column, row, out);
    }
  }
  AppendValue(column.ValueAt(row), out);
}

class CsvEncoder final : public RowEncoder {
 protected:
  Status Begin(const types::Schema& schema) override {
    for (std::size_t i = 0; i < schema.size(); ++i) {
      if (i != 0) out_ += ',';
      AppendField(schema[i].name, out_);
    }
    out_ += "\r\n";
    return {};
  }
  void Row(const types::RecordBatch& batch, std::int64_t row) override {
    for (std::size_t i = 0; i < batch.columns.size(); ++i) {
      if (i != 0) out_ += ',';
      if (IsWidened(i)) [[unlikely]] {
        AppendValue(Widened(batch.columns[i].ValueAt(row)), out_);
      } else {
        AppendCell(batch.columns[i], row, out_);
      }
    }
    out_ += "\r\n";
  }
  void End(std::int64_t) override {}
};

}  // namespace

std::unique_ptr<Encoder> MakeCsvEncoder() { return std::make_unique<CsvEncoder>(); }

}  // namespace molt::codec
