// The three forms of JSON.
#include <string>
#include <vector>

#include "molt/codec/json_cell.h"
#include "molt/codec/json_string.h"
#include "molt/codec/number_text.h"
#include "molt/codec/row_encoder.h"
#include "molt/types/utf8.h"

namespace molt::codec {

namespace {

class JsonRowEncoder : public RowEncoder {
 protected:
  void Cell(const types::RecordBatch& batch, std::size_t column, std::int64_t row) {
    const types::Column& cells = batch.columns[column];
    if (IsWidened(column)) [[unlikely]] {
      return AppendJsonValue(Widened(cells.ValueAt(row)), out_);
    }
    AppendJsonCell(cells, row, out_);
  }
};

Status CheckNames(const types::Schema& schema) {
  for (const types::Field& field : schema) {
    if (!types::IsValidUtf8(field.name)) {
      return InvalidQuery("a column's name is not valid UTF-8: name it with AS");
    }
  }
  return {};
}

class JsonEncoder final : public JsonRowEncoder {
 protected:
  Status Begin(const types::Schema& schema) override {
    MOLT_RETURN_IF_ERROR(CheckNames(schema));
    out_ += R"({"columns":[)";
    for (std::size_t i = 0; i < schema.size(); ++i) {
      if (i != 0) out_ += ',';
      AppendJsonString(schema[i].name, out_);
    }
    out_ += R"(],"rows":[)";
    return {};
  }
  void Row(const types::RecordBatch& batch, std::int64_t row) override {
    if (rows() != 0) out_ += ',';
    out_ += '[';
    for (std::size_t i = 0; i < batch.columns.size(); ++i) {
      if (i != 0) out_ += ',';
      Cell(batch, i, row);
    }
    out_ += ']';
  }
  void End(std::int64_t rows) override {
    out_ += R"(],"row_count":)";
    AppendInteger(rows, out_);
    out_ += '}';
  }
};

// An object a row.
class ObjectEncoder : public JsonRowEncoder {
 protected:
  Status PrepareKeys(const types::Schema& schema, ResultFormat format) {
    MOLT_RETURN_IF_ERROR(CheckNames(schema));
    MOLT_RETURN_IF_ERROR(CheckNamesDiffer(schema, format));
    for (std::size_t i = 0; i < schema.size(); ++i) {
      types::ByteOut key;
      key += i == 0 ? '{' : ',';
      AppendJsonString(schema[i].name, key);
      key += ':';
      keys_.push_back(key.Take());
    }
    return {};
  }
  void Object(const types::RecordBatch& batch, std::int64_t row) {
    if (keys_.empty()) out_ += '{';
    for (std::size_t i = 0; i < keys_.size(); ++i) {
      out_ += keys_[i];
      Cell(batch, i, row);
    }
    out_ += '}';
  }

 private:
  std::vector<std::string> keys_;  // with what precedes and follows them
};

class JsonRowsEncoder final : public ObjectEncoder {
 protected:
  Status Begin(const types::Schema& schema) override {
    out_ += '[';
    return PrepareKeys(schema, ResultFormat::kJsonRows);
  }
  void Row(const types::RecordBatch& batch, std::int64_t row) override {
    if (rows() != 0) out_ += ',';
    Object(batch, row);
  }
  void End(std::int64_t) override { out_ += ']'; }
};

class JsonLinesEncoder final : public ObjectEncoder {
 protected:
  Status Begin(const types::Schema& schema) override {
    return PrepareKeys(schema, ResultFormat::kJsonLines);
  }
  void Row(const types::RecordBatch& batch, std::int64_t row) override {
    Object(batch, row);
    out_ += '\n';
  }
  void End(std::int64_t) override {}
};

}  // namespace

std::unique_ptr<Encoder> MakeJsonEncoder() { return std::make_unique<JsonEncoder>(); }
std::unique_ptr<Encoder> MakeJsonRowsEncoder() { return std::make_unique<JsonRowsEncoder>(); }
std::unique_ptr<Encoder> MakeJsonLinesEncoder() { return std::make_unique<JsonLinesEncoder>(); }

}  // namespace molt::codec
