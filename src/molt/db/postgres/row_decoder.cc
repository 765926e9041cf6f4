#include "molt/db/postgres/row_decoder.h"

#include <memory>
#include <utility>

#include "molt/db/postgres/protocol/wire.h"
#include "molt/types/column_builder.h"

namespace molt::db::postgres {

RowDecoder::RowDecoder(DescriptionPtr description) : description_(std::move(description)) {
  columns_.reserve(description_->decoders.size());
  for (const Decoder& decoder : description_->decoders) columns_.emplace_back(decoder.type);
}

Status RowDecoder::AppendRow(std::string_view body) {
  if (body.size() < 2 || protocol::LoadUInt16(body.data()) != columns_.size()) [[unlikely]] {
    return protocol::Malformed("DataRow");
  }
  // Values take about as much room here as there.
  bytes_ += body.size();
  const char* at = body.data() + 2;
  const char* const end = body.data() + body.size();
  const Decoder* decoder = description_->decoders.data();
  for (types::ColumnBuilder& column : columns_) {
    if (end - at < 4) [[unlikely]]
      return protocol::Malformed("DataRow");
    const auto size = static_cast<std::int32_t>(protocol::LoadUInt32(at));
    at += 4;
    if (size < 0) {
      if (size != -1) [[unlikely]]
        return protocol::Malformed("DataRow");
      column.AppendNull();
    } else {
      if (end - at < size) [[unlikely]]
        return protocol::Malformed("DataRow");
      const std::string_view cell(at, static_cast<std::size_t>(size));
      if (!decoder->append(*decoder, cell, column)) [[unlikely]] {
        return protocol::Malformed("value of type " + std::string(types::TypeName(decoder->type)));
      }
      at += size;
    }
    ++decoder;
  }
  if (at != end) [[unlikely]]
    return protocol::Malformed("DataRow");
  ++rows_;
  return {};
}

types::RecordBatchPtr RowDecoder::Finish() {
  auto batch = std::make_shared<types::RecordBatch>();
  batch->schema = description_->schema;
  batch->num_rows = rows_;
  batch->columns.reserve(columns_.size());
  for (types::ColumnBuilder& column : columns_) {
    batch->columns.push_back(column.Finish());
    // A second batch is as large as the first, more likely than not.
    if (any_batch_) column.ReserveAsLast();
  }
  any_batch_ = true;
  rows_ = 0;
  bytes_ = 0;
  return batch;
}

}  // namespace molt::db::postgres
