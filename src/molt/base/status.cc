#include "molt/base/status.h"

namespace molt {

std::string_view ErrorCodeName(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidQuery:
      return "InvalidQuery";
    case ErrorCode::kUnsupported:
      return "Unsupported";
    case ErrorCode::kBusy:
      return "Busy";
    case ErrorCode::kTimeout:
      return "Timeout";
    case ErrorCode::kCancelled:
      return "Cancelled";
    case ErrorCode::kDatabase:
      return "Database";
    case ErrorCode::kClosed:
      return "Closed";
    case ErrorCode::kInternal:
      return "Internal";
  }
  return "Internal";
}

}  // namespace molt
