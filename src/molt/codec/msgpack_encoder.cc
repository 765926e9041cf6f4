#include <cstddef>
#include <string>

#include "molt/codec/msgpack_cell.h"
#include "molt/codec/row_encoder.h"

namespace molt::codec {

namespace {

// How many rows there are has to be written before them, so that nothing is ready until all is.
class MsgPackEncoder final : public RowEncoder {
 public:
  [[nodiscard]] std::string Take() override {
    return is_done_ ? RowEncoder::Take() : std::string();
  }

 protected:
  Status Begin(const types::Schema& schema) override {
    PackOut out(out_);
    out.Map(3);
    out.String("columns");
    out.Array(schema.size());
    for (const types::Field& field : schema) out.String(field.name);
    out.String("rows");
    count_at_ = out_.size() + 1;
    out_.append("\xDD\0\0\0\0", 5);  // an array whose length takes four bytes
    return {};
  }
  void Row(const types::RecordBatch& batch, std::int64_t row) override {
    PackOut out(out_);
    out.Array(batch.columns.size());
    for (std::size_t i = 0; i < batch.columns.size(); ++i) {
      const types::Column& column = batch.columns[i];
      if (IsWidened(i)) [[unlikely]] {
        PackValue(Widened(column.ValueAt(row)), out);
      } else {
        PackCell(column, row, out);
      }
    }
  }
  void End(std::int64_t rows) override {
    for (std::size_t i = 0; i < 4; ++i) {
      out_.data()[count_at_ + i] = static_cast<char>(rows >> (24 - 8 * i) & 0xFF);
    }
    PackOut out(out_);
    out.String("row_count");
    out.Int(rows);
    is_done_ = true;
  }

 private:
  std::size_t count_at_ = 0;
  bool is_done_ = false;
};

}  // namespace

std::unique_ptr<Encoder> MakeMsgPackEncoder() { return std::make_unique<MsgPackEncoder>(); }

}  // namespace molt::codec
