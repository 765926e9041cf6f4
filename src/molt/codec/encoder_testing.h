// For tests: results of a few columns, and what an encoder makes of them.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "molt/codec/encoder.h"
#include "molt/types/column_builder.h"

namespace molt::codec {

struct TestColumn {
  std::string name;
  types::LogicalType type;
  std::vector<types::Value> values;
};

// As a driver builds it: values that do not fit the column's type make it mixed.
inline types::RecordBatchPtr BatchOf(const std::vector<TestColumn>& columns) {
  auto batch = std::make_shared<types::RecordBatch>();
  types::Schema schema;
  for (const TestColumn& column : columns) {
    types::ColumnBuilder builder(column.type);
    for (const types::Value& value : column.values) builder.AppendValue(value);
    batch->columns.push_back(builder.Finish());
    batch->num_rows = batch->columns.back().length;
    schema.push_back({column.name, batch->columns.back().type, true});
  }
  batch->schema = std::make_shared<const types::Schema>(std::move(schema));
  return batch;
}

// The whole document, or why there is none.
inline Result<std::string> Encode(ResultFormat format,
                                  const std::vector<types::RecordBatchPtr>& batches,
                                  const EncodeOptions& options = {}) {
  const auto encoder = MakeEncoder(format, options);
  for (const types::RecordBatchPtr& batch : batches) {
    MOLT_RETURN_IF_ERROR(encoder->Add(batch));
  }
  MOLT_RETURN_IF_ERROR(encoder->Finish());
  return encoder->Take();
}

// Of one batch, as text; errors too.
inline std::string Text(ResultFormat format, const std::vector<TestColumn>& columns) {
  auto encoded = Encode(format, {BatchOf(columns)});
  return encoded ? std::move(*encoded) : "error: " + encoded.error().message;
}

}  // namespace molt::codec
