// What a frame holds: a request or a reply, as a MsgPack map or a JSON object
// (docs/spec/0915_MOLT_DB_IPC_CONTRACT.md).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "molt/base/status.h"
#include "molt/types/document.h"
#include "molt/wire/metrics.h"

namespace molt::wire {

enum class WireFormat : std::uint8_t { kMsgPack, kJson };

// Of a payload.
enum class PayloadCodec : std::uint8_t { kMsgPack, kJson, kArrowIpc, kRaw };
[[nodiscard]] std::string_view PayloadCodecName(PayloadCodec codec);
[[nodiscard]] std::optional<PayloadCodec> PayloadCodecFromName(std::string_view name);

enum class ResponseStatus : std::uint8_t {
  kOk,
  kInvalidInput,
  kBusy,
  kTimeout,
  kCancelled,
  kInternalError,
};
[[nodiscard]] std::string_view ResponseStatusName(ResponseStatus status);
[[nodiscard]] std::optional<ResponseStatus> ResponseStatusFromName(std::string_view name);
// Total: every error has a status.
[[nodiscard]] ResponseStatus StatusOf(ErrorCode code);
// What a status says by itself. Precondition: not kOk.
[[nodiscard]] ErrorCode CodeOf(ResponseStatus status);

struct Request {
  std::uint64_t request_id = 0;
  std::string entry;
  std::uint32_t timeout_ms = 0;  // 0: none
  PayloadCodec codec = PayloadCodec::kRaw;
  std::string payload;
  // Replies may come in parts, of which so many may be under way unasked.
  std::optional<std::uint32_t> stream_window;
};
inline constexpr std::uint32_t kStreamWindowMax = 1024;

struct ReceivedRequest {
  WireFormat format = WireFormat::kMsgPack;
  // As far as it could be read: the id is there even if `problem` says what is wrong with the rest.
  Request request;
  std::string problem;  // empty if nothing is
};
[[nodiscard]] ReceivedRequest ReadRequest(std::string_view body);
// A frame, appended.
void WriteRequest(const Request& request, WireFormat format, std::string& out);

struct Response {
  std::uint64_t request_id = 0;
  ResponseStatus status = ResponseStatus::kOk;
  PayloadCodec codec = PayloadCodec::kRaw;
  std::string payload;
  Metrics metrics;
  std::string error;  // of every status but kOk
  // Of these as well, if it is known more closely what went wrong: see Error.
  std::string error_code;
  std::string sqlstate;
  std::string entry;
  // Of one part of several.
  struct Part {
    std::uint64_t seq = 0;
    bool more = false;
  };
  std::optional<Part> part;
};
// What went wrong, as a reply says it.
void SetError(const Error& error, Response& response);
// What a reply says went wrong. Precondition: its status is not kOk.
[[nodiscard]] Error ErrorOf(const Response& response);
// A frame, appended.
void WriteResponse(const Response& response, WireFormat format, std::string& out);
// On the MsgPack wire, all but the payload's bytes, which must follow: a large one need not be
// copied.
void WriteResponseHead(const Response& response, std::string& out);
struct ReceivedResponse {
  Response response;             // without its metrics
  types::Document::Map metrics;  // as they came
};
[[nodiscard]] Result<ReceivedResponse> ReadResponse(std::string_view body);

}  // namespace molt::wire
