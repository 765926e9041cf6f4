// libFuzzer: a type's number, its typmod, then a cell. Both ways of reading it must agree, and what
// they give must be writable again as a parameter that reads as the same.
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "molt/db/postgres/types/codec.h"
#include "molt/db/postgres/types/wire_bytes.h"

namespace {

using namespace molt::db::postgres;
using molt::types::ColumnBuilder;
using molt::types::Value;

constexpr std::size_t kHeaderBytes = 6;
// A numeric of ten bytes may have 131,072 digits, and an array many of these.
constexpr std::size_t kCellBytesMax = 4096;

[[noreturn]] void Abort(const char* what, Oid type) {
  std::fprintf(stderr, "type %u: %s\n", type, what);
  std::abort();
}

void CheckAgain(Oid type, const Decoder& decoder, const Value& value) {
  std::string bytes;
  const EncodeOutcome outcome = EncodeParam(type, value, bytes);
  if (outcome == EncodeOutcome::kMismatch && !bytes.empty()) Abort("a mismatch has bytes", type);
  if (outcome != EncodeOutcome::kBinary || decoder.format != Format::kBinary) return;
  Value again;
  if (!decoder.read(decoder, bytes, again)) Abort("what it encodes cannot be read", type);
  std::string bytes_again;
  if (EncodeParam(type, again, bytes_again) != outcome || bytes != bytes_again) {
    Abort("what it encodes reads as something else", type);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  if (size < kHeaderBytes || size > kCellBytesMax) return 0;
  const char* bytes = reinterpret_cast<const char*>(data);
  const Oid type = molt::db::postgres::protocol::LoadUInt16(bytes);
  const std::int32_t typmod = LoadInt32(bytes + 2);
  // In memory of its own, so that the sanitizer sees what is read beyond the end.
  const std::vector<char> own(bytes + kHeaderBytes, bytes + size);
  const std::string_view cell(own.data(), own.size());

  const Decoder decoder = DecoderFor(type, typmod, "name");
  ColumnBuilder column(decoder.type);
  Value value;
  const bool is_read = decoder.read(decoder, cell, value);
  if (decoder.append(decoder, cell, column) != is_read) Abort("append and read disagree", type);
  if (column.length() != (is_read ? 1 : 0)) Abort("appended other than one row", type);
  if (!is_read) return 0;
  column.AppendNull();
  if (!decoder.append(decoder, cell, column)) Abort("does not append twice", type);
  const molt::types::Column done = column.Finish();
  if (done.length != 3 || !done.IsNull(1)) Abort("the column is not what was appended", type);
  if (done.ValueAt(0).index() != value.index()) Abort("the column holds another kind", type);
  CheckAgain(type, decoder, value);
  [[maybe_unused]] const Oid natural = NaturalType(value);
  return 0;
}
