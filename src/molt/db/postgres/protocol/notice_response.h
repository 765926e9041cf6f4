// NoticeResponse: a warning or remark; comes at any time.
#pragma once

#include <string>
#include <string_view>

#include "molt/base/status.h"
#include "molt/db/postgres/protocol/message.h"
#include "molt/db/postgres/protocol/report_fields.h"
#include "molt/db/postgres/protocol/wire.h"

namespace molt::db::postgres::protocol {

struct NoticeResponse : ReportFields {
  [[nodiscard]] Status Encode(std::string& out) const { return EncodeFields(out, kNoticeResponse); }
  [[nodiscard]] static Result<NoticeResponse> Decode(std::string_view body) {
    NoticeResponse response;
    if (!response.DecodeFields(body)) return Malformed("NoticeResponse");
    return response;
  }
};

}  // namespace molt::db::postgres::protocol
