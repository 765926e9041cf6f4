// Source: https://arrow.apache.org/docs/format/Columnar.html#ipc-streaming-format
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include <nanoarrow/nanoarrow.hpp>
#include <nanoarrow/nanoarrow_ipc.hpp>

#include "molt/codec/row_encoder.h"
#include "molt/types/arrow_export.h"

namespace molt::codec {

namespace {

using types::RecordBatchPtr;

// Of a message beside its buffers, about.
constexpr std::size_t kMessageBytes = std::size_t{4} << 10;

bool SameTypes(const ArrowSchema& a, const ArrowSchema& b) {
  if (std::strcmp(a.format, b.format) != 0 || a.n_children != b.n_children) return false;
  for (std::int64_t i = 0; i < a.n_children; ++i) {
    if (!SameTypes(*a.children[i], *b.children[i])) return false;
  }
  return true;
}

// Unless it is streamed, the batches are held until all are known: one batch may not know the type
// of a column that is all NULL, or have integers where a later one has doubles.
class ArrowIpcEncoder final : public Encoder {
 public:
  explicit ArrowIpcEncoder(const EncodeOptions& options)
      : options_(options),
        form_(options.native_arrow_types ? types::ArrowForm::kNative : types::ArrowForm::kStructs) {
  }

  Status Add(const RecordBatchPtr& batch) override {
    held_.push_back(batch);
    held_bytes_ += types::ByteSize(*batch);
    return options_.is_streamed ? WriteHeld() : Status();
  }

  Status Finish() override {
    MOLT_RETURN_IF_ERROR(WriteHeld());
    return Checked(ArrowIpcWriterWriteArrayView(writer_.get(), nullptr, &error_));
  }

  [[nodiscard]] std::size_t size() const override { return held_bytes_ + out_.size(); }
  [[nodiscard]] std::string Take() override { return std::exchange(out_, {}); }

 private:
  // Writes the schema first, if it is not yet written.
  Status WriteHeld() {
    if (held_.empty()) return {};
    const types::Schema names = *held_.front()->schema;
    MOLT_RETURN_IF_ERROR(types::CheckExportable(names, held_, form_));
    nanoarrow::UniqueArrayStream stream;
    MOLT_RETURN_IF_ERROR(types::ExportStream(names, std::exchange(held_, {}), stream.get(), form_));
    out_.reserve(out_.size() + std::exchange(held_bytes_, 0) + kMessageBytes);
    nanoarrow::UniqueSchema schema;
    MOLT_RETURN_IF_ERROR(Checked(ArrowArrayStreamGetSchema(stream.get(), schema.get(), &error_)));
    if (view_->storage_type == NANOARROW_TYPE_UNINITIALIZED) {
      MOLT_RETURN_IF_ERROR(Begin(std::move(schema)));
    } else if (!SameTypes(*schema_.get(), *schema.get())) {
      return InvalidQuery(
          "a column holds values of another type than in the rows before: cast it in the query, "
          "or take json, msgpack or jsonl");
    }
    while (true) {
      nanoarrow::UniqueArray array;
      MOLT_RETURN_IF_ERROR(Checked(ArrowArrayStreamGetNext(stream.get(), array.get(), &error_)));
      if (array->release == nullptr) return {};
      MOLT_RETURN_IF_ERROR(Checked(ArrowArrayViewSetArray(view_.get(), array.get(), &error_)));
      MOLT_RETURN_IF_ERROR(
          Checked(ArrowIpcWriterWriteArrayView(writer_.get(), view_.get(), &error_)));
    }
  }

  Status Begin(nanoarrow::UniqueSchema schema) {
    schema_ = std::move(schema);
    ArrowIpcOutputStream sink{&Append, &ReleaseSink, &out_};
    MOLT_RETURN_IF_ERROR(
        Checked(ArrowArrayViewInitFromSchema(view_.get(), schema_.get(), &error_)));
    MOLT_RETURN_IF_ERROR(Checked(ArrowIpcWriterInit(writer_.get(), &sink)));
    return Checked(ArrowIpcWriterWriteSchema(writer_.get(), schema_.get(), &error_));
  }

  static ArrowErrorCode Append(ArrowIpcOutputStream* stream, const void* bytes, std::int64_t size,
                               std::int64_t* written, ArrowError*) {
    static_cast<std::string*>(stream->private_data)
        ->append(static_cast<const char*>(bytes), static_cast<std::size_t>(size));
    *written = size;
    return NANOARROW_OK;
  }
  static void ReleaseSink(ArrowIpcOutputStream* stream) { stream->release = nullptr; }

  Status Checked(ArrowErrorCode code) {
    if (code == NANOARROW_OK) return {};
    return Internal(std::string("the Arrow stream could not be written: ") + error_.message);
  }

  const EncodeOptions options_;
  const types::ArrowForm form_;
  std::vector<RecordBatchPtr> held_;
  std::size_t held_bytes_ = 0;
  std::string out_;
  nanoarrow::UniqueSchema schema_;
  nanoarrow::UniqueArrayView view_;
  nanoarrow::ipc::UniqueWriter writer_;
  ArrowError error_{};
};

}  // namespace

std::unique_ptr<Encoder> MakeArrowIpcEncoder(const EncodeOptions& options) {
  return std::make_unique<ArrowIpcEncoder>(options);
}

}  // namespace molt::codec
