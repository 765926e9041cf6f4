// Messages in a stream of bytes: their types, and where one ends and the next begins. One file
// beside this one per message, encoder and decoder together; the client needs only one of the two,
// the other is there for tests and for servers that are played.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "molt/base/status.h"
#include "molt/db/postgres/protocol/wire.h"

namespace molt::db::postgres::protocol {

// Sent by the server. The same letter may mean another message in the other direction.
inline constexpr char kAuthentication = 'R';
inline constexpr char kBackendKeyData = 'K';
inline constexpr char kBindComplete = '2';
inline constexpr char kCloseComplete = '3';
inline constexpr char kCommandComplete = 'C';
inline constexpr char kCopyBothResponse = 'W';
inline constexpr char kCopyInResponse = 'G';
inline constexpr char kCopyOutResponse = 'H';
inline constexpr char kDataRow = 'D';
inline constexpr char kEmptyQueryResponse = 'I';
inline constexpr char kErrorResponse = 'E';
inline constexpr char kFunctionCallResponse = 'V';
inline constexpr char kNegotiateProtocolVersion = 'v';
inline constexpr char kNoData = 'n';
inline constexpr char kNoticeResponse = 'N';
inline constexpr char kNotificationResponse = 'A';
inline constexpr char kParameterDescription = 't';
inline constexpr char kParameterStatus = 'S';
inline constexpr char kParseComplete = '1';
inline constexpr char kPortalSuspended = 's';
inline constexpr char kReadyForQuery = 'Z';
inline constexpr char kRowDescription = 'T';

// Sent by the client. CancelRequest, SSLRequest and StartupMessage have no type byte.
inline constexpr char kBind = 'B';
inline constexpr char kClose = 'C';
inline constexpr char kCopyFail = 'f';
inline constexpr char kDescribe = 'D';
inline constexpr char kExecute = 'E';
inline constexpr char kFlush = 'H';
inline constexpr char kFunctionCall = 'F';
inline constexpr char kParse = 'P';
inline constexpr char kPassword = 'p';
inline constexpr char kQuery = 'Q';
inline constexpr char kSync = 'S';
inline constexpr char kTerminate = 'X';

// Sent by both.
inline constexpr char kCopyData = 'd';
inline constexpr char kCopyDone = 'c';

inline constexpr std::size_t kHeaderBytes = 1 + kLengthBytes;

// The longest a server sends: it composes a message in a block of 1 GiB at most.
inline constexpr std::size_t kServerLengthMax = (std::size_t{1} << 30) + 2;
// The longest a server takes; beyond these it drops the connection. The first is for Parse, Bind,
// Query and CopyData, the second for everything else.
inline constexpr std::size_t kClientLengthMax = (std::size_t{1} << 30) - 2;
inline constexpr std::size_t kClientShortLengthMax = 10'000;

// `what` names the message's content in the error, as in "the statement".
[[nodiscard]] inline Status CheckLength(std::string_view what, std::size_t length,
                                        std::size_t length_max) {
  if (length <= length_max) return {};
  return InvalidQuery(std::string(what) + " is too long for PostgreSQL: " + std::to_string(length) +
                      " bytes, at most " + std::to_string(length_max));
}

struct Message {
  char type = 0;
  std::string_view body;  // what follows the length; points into the bytes read
};

enum class ParseOutcome : std::uint8_t {
  kMessage,     // `message` is set, and `total` is its size with its header
  kIncomplete,  // `total` bytes are needed to go on, of the header or of the message
  kMalformed,   // no message begins here, and where the next one begins cannot be known
};

// Only these may be longer than kShortLengthMax, whoever sends them. A stream that has lost its
// place shows itself by this at once, and not after waiting for 900 MB that never come.
[[nodiscard]] constexpr bool MayBeLong(char type) {
  switch (type) {
    case kDataRow:
    case kCopyData:
    case kRowDescription:
    case kParameterDescription:
    case kErrorResponse:
    case kNoticeResponse:
    case kNotificationResponse:
    case kFunctionCallResponse:
    case kParse:
    case kBind:
    case kQuery:
      return true;
    default:
      return false;
  }
}
inline constexpr std::size_t kShortLengthMax = 30'000;  // the same bound as libpq's

// Looks at the message that `bytes` begins with. `length_max` bounds the length field.
[[nodiscard]] inline ParseOutcome NextMessage(std::string_view bytes, std::size_t length_max,
                                              Message& message, std::size_t& total) {
  if (bytes.size() < kHeaderBytes) {
    total = kHeaderBytes;
    return ParseOutcome::kIncomplete;
  }
  const std::size_t length = LoadUInt32(bytes.data() + 1);
  if (length < kLengthBytes || length > length_max) [[unlikely]]
    return ParseOutcome::kMalformed;
  if (length > kShortLengthMax && !MayBeLong(bytes[0])) [[unlikely]] {
    return ParseOutcome::kMalformed;
  }
  total = 1 + length;
  if (bytes.size() < total) return ParseOutcome::kIncomplete;
  message.type = bytes[0];
  message.body = bytes.substr(kHeaderBytes, length - kLengthBytes);
  return ParseOutcome::kMessage;
}

}  // namespace molt::db::postgres::protocol
