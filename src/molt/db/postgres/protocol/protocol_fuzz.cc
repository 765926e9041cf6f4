// libFuzzer: a stream of messages, from a server or to one. Whatever a decoder accepts must be
// written again as the same bytes, and whatever it refuses must be refused in one way.
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "molt/db/postgres/protocol/protocol_testing.h"

namespace {

using namespace molt::db::postgres::protocol;

[[noreturn]] void Abort(std::string_view what, std::string_view why) {
  std::fprintf(stderr, "%.*s: %.*s\n", static_cast<int>(what.size()), what.data(),
               static_cast<int>(why.size()), why.data());
  std::abort();
}

void Check(const MessageKind& kind, std::string_view body, std::string_view whole) {
  const auto again = kind.recode(body);
  if (again) {
    if (*again != whole) Abort(kind.name, "is not the same when written again");
    return;
  }
  const molt::Error& error = again.error();
  // A decoder takes longer names than a server would.
  const bool is_too_long =
      error.code == molt::ErrorCode::kInvalidQuery && whole.size() > kClientShortLengthMax;
  const bool is_malformed = error.code == molt::ErrorCode::kDatabase && error.sqlstate == "08P01";
  if (!is_too_long && !is_malformed) Abort(kind.name, error.message);
}

void CheckAccessors(const Message& message) {
  if (message.type == kCommandComplete) {
    const auto complete = CommandComplete::Decode(message.body);
    if (complete && complete->Rows() < 0) Abort("CommandComplete", "rows below zero");
  }
  if (message.type == kErrorResponse) {
    const auto error = ErrorResponse::Decode(message.body);
    if (error && (error->position() < 0 || error->internal_position() < 0)) {
      Abort("ErrorResponse", "position below zero");
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  for (const MessageKind& kind : kMessageKinds) {
    if (kind.type == 0) Check(kind, rest, rest);
  }
  Message message;
  std::size_t total = 0;
  while (NextMessage(rest, kServerLengthMax, message, total) == ParseOutcome::kMessage) {
    const std::string_view whole = rest.substr(0, total);
    Message unused;
    std::size_t wanted = 0;
    if (NextMessage(whole.substr(0, total - 1), kServerLengthMax, unused, wanted) !=
            ParseOutcome::kIncomplete ||
        wanted > total) {
      Abort("NextMessage", "takes less than a whole message");
    }
    // In memory of its own, so that the sanitizer sees what is read beyond the end.
    const std::vector<char> body(message.body.begin(), message.body.end());
    for (const MessageKind& kind : kMessageKinds) {
      if (kind.type == message.type) {
        Check(kind, std::string_view(body.data(), body.size()), whole);
      }
    }
    CheckAccessors(message);
    rest.remove_prefix(total);
  }
  return 0;
}
