// What the formats that write row by row share.
#pragma once

#include <string>
#include <vector>

#include "molt/codec/encoder.h"
#include "molt/types/byte_out.h"

namespace molt::codec {

class RowEncoder : public Encoder {
 public:
  Status Add(const types::RecordBatchPtr& batch) final;
  Status Finish() final;
  [[nodiscard]] std::size_t size() const final { return out_.size(); }
  [[nodiscard]] std::string Take() override { return out_.Take(); }

 protected:
  // Before the first row.
  virtual Status Begin(const types::Schema& schema) = 0;
  virtual void Row(const types::RecordBatch& batch, std::int64_t row) = 0;
  // After the last; `rows` in all.
  virtual void End(std::int64_t rows) = 0;

  // The cells of a column that mixes integers and doubles are doubles, all of them.
  [[nodiscard]] bool IsWidened(std::size_t column) const { return widened_[column]; }
  [[nodiscard]] std::int64_t rows() const { return rows_; }  // before this one

  types::ByteOut out_;

 private:
  std::vector<bool> widened_;  // of the batch that is written
  std::int64_t rows_ = 0;
  bool has_begun_ = false;
};

// As a double, if it is a number.
[[nodiscard]] types::Value Widened(const types::Value& value);

// InvalidQuery if two columns have one name, which an object can hold only once.
[[nodiscard]] Status CheckNamesDiffer(const types::Schema& schema, ResultFormat format);

// One function for each file beside this one; MakeEncoder has the table.
[[nodiscard]] std::unique_ptr<Encoder> MakeJsonEncoder();
[[nodiscard]] std::unique_ptr<Encoder> MakeJsonRowsEncoder();
[[nodiscard]] std::unique_ptr<Encoder> MakeJsonLinesEncoder();
[[nodiscard]] std::unique_ptr<Encoder> MakeMsgPackEncoder();
[[nodiscard]] std::unique_ptr<Encoder> MakeCsvEncoder();
[[nodiscard]] std::unique_ptr<Encoder> MakeArrowIpcEncoder(const EncodeOptions& options);
[[nodiscard]] std::unique_ptr<Encoder> MakeColumnsEncoder();

}  // namespace molt::codec
