// The words of the contract for our enumerations.
#include <array>
#include <cstddef>

#include "molt/wire/envelope.h"

namespace molt::wire {

namespace {

// In the order of the enumerations.
constexpr std::array<std::string_view, 4> kCodecs = {"msgpack", "json", "arrow_ipc", "raw"};
constexpr std::array<std::string_view, 6> kStatuses = {"Ok",      "InvalidInput", "Busy",
                                                       "Timeout", "Cancelled",    "InternalError"};

template <class T, std::size_t kCount>
std::optional<T> Find(const std::array<std::string_view, kCount>& names, std::string_view name) {
  for (std::size_t i = 0; i < kCount; ++i) {
    if (names[i] == name) return static_cast<T>(i);
  }
  return std::nullopt;
}

}  // namespace

std::string_view PayloadCodecName(PayloadCodec codec) {
  return kCodecs[static_cast<std::size_t>(codec)];
}
std::optional<PayloadCodec> PayloadCodecFromName(std::string_view name) {
  return Find<PayloadCodec>(kCodecs, name);
}

std::string_view ResponseStatusName(ResponseStatus status) {
  return kStatuses[static_cast<std::size_t>(status)];
}
std::optional<ResponseStatus> ResponseStatusFromName(std::string_view name) {
  return Find<ResponseStatus>(kStatuses, name);
}

ResponseStatus StatusOf(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidQuery:
    case ErrorCode::kUnsupported:
      return ResponseStatus::kInvalidInput;
    case ErrorCode::kBusy:
      return ResponseStatus::kBusy;
    case ErrorCode::kTimeout:
      return ResponseStatus::kTimeout;
    case ErrorCode::kCancelled:
      return ResponseStatus::kCancelled;
    case ErrorCode::kDatabase:
    case ErrorCode::kClosed:
    case ErrorCode::kUnavailable:
    case ErrorCode::kProtocol:
    case ErrorCode::kInternal:
      break;
  }
  return ResponseStatus::kInternalError;
}

ErrorCode CodeOf(ResponseStatus status) {
  switch (status) {
    case ResponseStatus::kInvalidInput:
      return ErrorCode::kInvalidQuery;
    case ResponseStatus::kBusy:
      return ErrorCode::kBusy;
    case ResponseStatus::kTimeout:
      return ErrorCode::kTimeout;
    case ResponseStatus::kCancelled:
      return ErrorCode::kCancelled;
    case ResponseStatus::kOk:
    case ResponseStatus::kInternalError:
      break;
  }
  return ErrorCode::kInternal;
}

}  // namespace molt::wire
