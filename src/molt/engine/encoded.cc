#include "molt/engine/encoded.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "molt/types/column_builder.h"

namespace molt::engine {

namespace {

using Clock = Deadline::Clock;

// A result that is cut after no row still has its columns, so one row is asked for.
db::BatchLimits LimitsFor(const EncodeSpec& spec) {
  db::BatchLimits limits;
  if (spec.rows_max >= 0) limits.rows_in_all = std::max<std::int64_t>(spec.rows_max, 1);
  if (spec.batch_rows > 0) limits.rows = spec.batch_rows;
  return limits;
}

// The batch, or one with its columns and no rows.
types::RecordBatchPtr Cut(types::RecordBatchPtr batch, const EncodeSpec& spec) {
  if (spec.rows_max != 0 || !batch) return batch;
  auto empty = std::make_shared<types::RecordBatch>();
  empty->schema = batch->schema;
  for (const types::Column& column : batch->columns) {
    types::ColumnBuilder builder(column.type);
    empty->columns.push_back(builder.Finish());
  }
  return empty;
}

std::unique_ptr<codec::Encoder> EncoderFor(const EncodeSpec& spec) {
  return spec.make_encoder ? spec.make_encoder() : codec::MakeEncoder(spec.format, spec.options);
}

Error TooLarge(std::size_t bytes_max) {
  return {ErrorCode::kInvalidQuery,
          "the result is larger than the " + std::to_string(bytes_max >> 20) +
              " MiB that fit one reply: ask for fewer rows or columns, or have it streamed",
          {},
          false};
}

}  // namespace

Async<Encoded> FetchEncoded(std::shared_ptr<Database> database, Source source, EncodeSpec spec,
                            RequestContext context) {
  const auto begin = Clock::now();
  db::BatchLimits limits = LimitsFor(spec);
  if (context.reactor != nullptr) limits.first_bytes = kLoopBytesMax;
  MOLT_CO_ASSIGN(const std::unique_ptr<Cursor> cursor,
                 co_await database->OpenAtOnce(std::move(source), limits, context));
  const auto encoder = EncoderFor(spec);
  Encoded encoded;
  while (true) {
    MOLT_CO_ASSIGN(types::RecordBatchPtr batch, co_await cursor->Next(context));
    if (encoded.exec_us == 0) encoded.exec_us = std::max<std::int64_t>(MicrosSince(begin), 1);
    if (!batch) break;
    batch = Cut(std::move(batch), spec);
    encoded.rows += batch->num_rows;
    MOLT_CO_RETURN_IF_ERROR(encoder->Add(batch));
    if (spec.bytes_max != 0 && encoder->size() > spec.bytes_max) {
      co_return Fail(TooLarge(spec.bytes_max));
    }
    if (spec.allowance && !spec.allowance->MayHave(encoder->size())) {
      co_return Busy("there is no memory for a result of this size now; try again later");
    }
    if (cursor->IsAtEnd()) break;
    co_await database->LeaveLoop(context);
  }
  MOLT_CO_RETURN_IF_ERROR(encoder->Finish());
  encoded.bytes = encoder->Take();
  if (spec.bytes_max != 0 && encoded.bytes.size() > spec.bytes_max) {
    co_return Fail(TooLarge(spec.bytes_max));
  }
  encoded.decode_us = MicrosSince(begin) - encoded.exec_us;
  co_return encoded;
}

Async<std::unique_ptr<EncodedStream>> EncodedStream::Open(std::shared_ptr<Database> database,
                                                          Source source, EncodeSpec spec,
                                                          RequestContext context) {
  auto stream = std::make_unique<EncodedStream>();
  MOLT_CO_ASSIGN(stream->cursor_,
                 co_await database->Open(std::move(source), LimitsFor(spec), context));
  spec.options.is_streamed = true;
  stream->spec_ = spec;
  stream->encoder_ = EncoderFor(spec);
  stream->database_ = std::move(database);
  co_return stream;
}

Async<std::string> EncodedStream::Next(RequestContext context) {
  while (!is_last_) {
    MOLT_CO_ASSIGN(types::RecordBatchPtr batch, co_await cursor_->Next(context));
    batch = Cut(std::move(batch), spec_);
    if (batch) {
      rows_ += batch->num_rows;
      MOLT_CO_RETURN_IF_ERROR(encoder_->Add(batch));
    }
    is_last_ = !batch || cursor_->IsAtEnd();
    if (is_last_) MOLT_CO_RETURN_IF_ERROR(encoder_->Finish());
    if (std::string piece = encoder_->Take(); !piece.empty()) co_return piece;
  }
  co_return std::string();
}

}  // namespace molt::engine
