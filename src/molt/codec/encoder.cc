#include "molt/codec/encoder.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <variant>

#include "molt/codec/row_encoder.h"
#include "molt/types/column_facts.h"

namespace molt::codec {

std::unique_ptr<Encoder> MakeEncoder(ResultFormat format, const EncodeOptions& options) {
  switch (format) {
    case ResultFormat::kJson:
      return MakeJsonEncoder();
    case ResultFormat::kMsgPack:
      return MakeMsgPackEncoder();
    case ResultFormat::kJsonRows:
      return MakeJsonRowsEncoder();
    case ResultFormat::kJsonLines:
      return MakeJsonLinesEncoder();
    case ResultFormat::kCsv:
      return MakeCsvEncoder();
    case ResultFormat::kArrowIpc:
      return MakeArrowIpcEncoder(options);
    case ResultFormat::kColumns:
      return MakeColumnsEncoder();
  }
  return nullptr;  // all are above
}

Status RowEncoder::Add(const types::RecordBatchPtr& batch) {
  const types::Schema& schema = *batch->schema;
  if (!has_begun_) {
    has_begun_ = true;
    MOLT_RETURN_IF_ERROR(Begin(schema));
  }
  MOLT_RETURN_IF_ERROR(CheckText(*batch, rows_));
  widened_.assign(schema.size(), false);
  for (std::size_t i = 0; i < schema.size(); ++i) {
    const types::Column& column = batch->columns[i];
    widened_[i] = column.IsMixed() && types::WidensToFloat64(column);
  }
  for (std::int64_t row = 0; row < batch->num_rows; ++row) {
    Row(*batch, row);
    ++rows_;
  }
  return {};
}

Status CheckText(const types::RecordBatch& batch, std::int64_t first_row) {
  for (std::size_t i = 0; i < batch.columns.size(); ++i) {
    if (const auto row = types::FindInvalidText(batch.columns[i])) {
      return InvalidQuery("column \"" + (*batch.schema)[i].name + "\", row " +
                          std::to_string(first_row + *row + 1) +
                          ": the text is not valid UTF-8; select it as bytes");
    }
  }
  return {};
}

Status RowEncoder::Finish() {
  End(rows_);
  return {};
}

types::Value Widened(const types::Value& value) {
  const auto* integer = std::get_if<std::int64_t>(&value);
  return integer == nullptr ? value : types::Value(static_cast<double>(*integer));
}

Status CheckNamesDiffer(const types::Schema& schema, ResultFormat format) {
  std::vector<std::string_view> names;
  for (const types::Field& field : schema) names.push_back(field.name);
  std::sort(names.begin(), names.end());
  const auto twice = std::adjacent_find(names.begin(), names.end());
  if (twice == names.end()) return {};
  return InvalidQuery("two columns are called \"" + std::string(*twice) +
                      "\": " + std::string(ResultFormatName(format)) +
                      " makes an object of each row, so name them apart with AS, or take json");
}

}  // namespace molt::codec
