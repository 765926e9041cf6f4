// libFuzzer: whatever reads as columns can be looked at everywhere, and is written and read again
// as the same.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "molt/codec/columns_decoder.h"
#include "molt/codec/encoder.h"

namespace {

std::string Encode(const std::vector<molt::types::RecordBatchPtr>& batches) {
  const auto encoder = molt::codec::MakeEncoder(molt::codec::ResultFormat::kColumns);
  for (const auto& batch : batches) {
    if (!encoder->Add(batch)) std::abort();
  }
  if (!encoder->Finish()) std::abort();
  return encoder->Take();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  molt::codec::ColumnsDecoder decoder;
  std::vector<molt::types::RecordBatchPtr> batches;
  if (const auto status = decoder.Add(input, batches); !status) {
    if (status.error().code != molt::ErrorCode::kProtocol) std::abort();
    return 0;
  }
  constexpr std::int64_t kRowsMax = 1000;
  for (const auto& batch : batches) {
    for (const auto& column : batch->columns) {
      for (std::int64_t row = 0; row < std::min(column.length, kRowsMax); ++row) {
        static_cast<void>(column.ValueAt(row));
      }
    }
  }
  const std::string written = Encode(batches);
  molt::codec::ColumnsDecoder again;
  std::vector<molt::types::RecordBatchPtr> same;
  if (!batches.empty() && (!again.Add(written, same) || Encode(same) != written)) std::abort();
  return 0;
}
