// libFuzzer: whatever reads as a query must be written, and read again as the same query. The first
// byte selects the format: 'm' MsgPack, anything else JSON.
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "molt/query/binder.h"
#include "molt/query/serialize_testing.h"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto query =
      data[0] == 'm' ? molt::query::FromMsgPack(input) : molt::query::FromJson(input);
  if (!query) {
    if (query.error().code == molt::ErrorCode::kInvalidQuery) return 0;
    std::fprintf(stderr, "not InvalidQuery: %s\n", query.error().message.c_str());
    std::abort();
  }
  const std::string lost = molt::query::LostInRoundTrip(*query);
  if (!lost.empty()) {
    std::fprintf(stderr, "lost: %s\n", lost.c_str());
    std::abort();
  }
  // Binding must survive whatever can be read.
  const auto bound = molt::query::Bind(*query, {});
  if (!bound && bound.error().code != molt::ErrorCode::kInvalidQuery) std::abort();
  return 0;
}
