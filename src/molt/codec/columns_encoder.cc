#include <utility>

#include "molt/codec/columns_format.h"
#include "molt/codec/row_encoder.h"

namespace molt::codec {

namespace {

// Of a batch beside its buffers, about.
constexpr std::size_t kBesideBytes = std::size_t{4} << 10;

std::string_view View(const types::Buffer& buffer) {
  return {reinterpret_cast<const char*>(buffer.data()), buffer.size()};
}

void WriteType(const types::LogicalType& type, ColumnsWriter& out) {
  out.Bytes(types::TypeName(type));
  out.Number(type.precision);
  out.Number(type.scale);
  out.Number<std::uint8_t>(type.is_network() ? 1 : 0);
  out.Bytes(type.name());
  const bool has_element = type.id == types::TypeId::kList || type.id == types::TypeId::kRange;
  out.Number<std::uint8_t>(has_element ? 1 : 0);
  if (has_element) WriteType(type.element(), out);
}

void WriteColumn(const types::Column& column, ColumnsWriter& out) {
  WriteType(column.type, out);
  out.Number(column.length);
  out.Number(column.null_count);
  out.Number<std::uint8_t>(column.IsMixed() ? 1 : 0);
  if (column.IsMixed()) {
    for (const types::Value& value : column.mixed) out.Value(value);
    return;
  }
  out.Bytes(View(column.validity));
  out.Bytes(View(column.offsets));
  out.Bytes(View(column.data));
  out.Number(static_cast<std::uint32_t>(column.children.size()));
  for (const types::Column& child : column.children) WriteColumn(child, out);
}

class ColumnsEncoder final : public Encoder {
 public:
  Status Add(const types::RecordBatchPtr& batch) override {
    ColumnsWriter out(out_);
    if (!has_begun_) {
      has_begun_ = true;
      out_ += kColumnsMagic;
      out.Number(static_cast<std::uint32_t>(batch->schema->size()));
      for (const types::Field& field : *batch->schema) {
        out.Bytes(field.name);
        out.Number<std::uint8_t>(field.nullable ? 1 : 0);
        WriteType(field.type, out);
      }
    }
    // At once: growing step by step would copy a large piece a few times over.
    out_.reserve(out_.size() + types::ByteSize(*batch) + kBesideBytes);
    out.Number(batch->num_rows);
    for (const types::Column& column : batch->columns) WriteColumn(column, out);
    return {};
  }
  Status Finish() override { return {}; }
  [[nodiscard]] std::size_t size() const override { return out_.size(); }
  [[nodiscard]] std::string Take() override { return std::exchange(out_, {}); }

 private:
  std::string out_;
  bool has_begun_ = false;
};

}  // namespace

std::unique_ptr<Encoder> MakeColumnsEncoder() { return std::make_unique<ColumnsEncoder>(); }

}  // namespace molt::codec
