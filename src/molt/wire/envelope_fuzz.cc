// libFuzzer: frames in any splitting, and what they hold. The first byte says how the bytes are
// cut; whatever reads as a request or a reply is written and read again as the same.
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

#include "molt/wire/envelope.h"
#include "molt/wire/frame.h"

namespace {

using namespace molt::wire;

std::string_view BodyOf(const std::string& frame) {
  return std::string_view(frame).substr(kFrameHeaderBytes);
}

void TryRequest(std::string_view body) {
  const ReceivedRequest read = ReadRequest(body);
  if (!read.problem.empty()) return;
  std::string frame;
  WriteRequest(read.request, read.format, frame);
  const ReceivedRequest again = ReadRequest(BodyOf(frame));
  if (!again.problem.empty() || again.format != read.format) std::abort();
  std::string twice;
  WriteRequest(again.request, again.format, twice);
  if (twice != frame || again.request.payload != read.request.payload) std::abort();
}

void TryResponse(std::string_view body) {
  const auto read = ReadResponse(body);
  if (!read) {
    if (read.error().code != molt::ErrorCode::kProtocol) std::abort();
    return;
  }
  const WireFormat format = body.starts_with('{') ? WireFormat::kJson : WireFormat::kMsgPack;
  std::string frame;
  WriteResponse(read->response, format, frame);
  const auto again = ReadResponse(BodyOf(frame));
  if (!again || again->response.payload != read->response.payload) std::abort();
  std::string twice;
  WriteResponse(again->response, format, twice);
  if (twice != frame) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);
  TryRequest(input);
  TryResponse(input);
  FrameReader reader;
  const std::size_t piece = data[0] + std::size_t{1};
  for (std::size_t at = 0; at < input.size(); at += piece) {
    const std::string_view part = input.substr(at, piece);
    std::memcpy(reader.Reserve(part.size()), part.data(), part.size());
    reader.Commit(part.size());
    while (true) {
      const auto frame = reader.Next();
      if (!frame) return 0;
      if (!*frame) break;
      TryRequest(**frame);
      TryResponse(**frame);
    }
  }
  return 0;
}
