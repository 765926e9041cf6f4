// ErrorResponse: a statement failed, or the session ends (severity FATAL, PANIC).
#pragma once

#include <string>
#include <string_view>

#include "molt/base/status.h"
#include "molt/db/postgres/protocol/message.h"
#include "molt/db/postgres/protocol/report_fields.h"
#include "molt/db/postgres/protocol/wire.h"

namespace molt::db::postgres::protocol {

struct ErrorResponse : ReportFields {
  [[nodiscard]] Status Encode(std::string& out) const { return EncodeFields(out, kErrorResponse); }
  [[nodiscard]] static Result<ErrorResponse> Decode(std::string_view body) {
    ErrorResponse response;
    if (!response.DecodeFields(body)) return Malformed("ErrorResponse");
    return response;
  }
};

}  // namespace molt::db::postgres::protocol
