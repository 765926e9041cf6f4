// For tests and fuzzers: every message that has a codec here, and what it says about itself.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "molt/base/status.h"
#include "molt/db/postgres/protocol/backend_key_data.h"
#include "molt/db/postgres/protocol/bind.h"
#include "molt/db/postgres/protocol/cancel_request.h"
#include "molt/db/postgres/protocol/close.h"
#include "molt/db/postgres/protocol/command_complete.h"
#include "molt/db/postgres/protocol/copy_data.h"
#include "molt/db/postgres/protocol/copy_fail.h"
#include "molt/db/postgres/protocol/copy_response.h"
#include "molt/db/postgres/protocol/data_row.h"
#include "molt/db/postgres/protocol/describe.h"
#include "molt/db/postgres/protocol/empty_messages.h"
#include "molt/db/postgres/protocol/error_response.h"
#include "molt/db/postgres/protocol/execute.h"
#include "molt/db/postgres/protocol/message.h"
#include "molt/db/postgres/protocol/notice_response.h"
#include "molt/db/postgres/protocol/notification_response.h"
#include "molt/db/postgres/protocol/parameter_description.h"
#include "molt/db/postgres/protocol/parameter_status.h"
#include "molt/db/postgres/protocol/parse.h"
#include "molt/db/postgres/protocol/ready_for_query.h"
#include "molt/db/postgres/protocol/row_description.h"
#include "molt/db/postgres/protocol/ssl_request.h"

namespace molt::db::postgres::protocol {

struct MessageKind {
  std::string_view name;
  char type = 0;  // 0 when it has none
  // Decodes a body (a whole packet when there is no type) and encodes what came out. Every codec is
  // exact, so the result is the message that the body was taken from.
  Result<std::string> (*recode)(std::string_view body) = nullptr;
};

template <class M>
Result<std::string> Recode(std::string_view body) {
  MOLT_ASSIGN(const auto decoded, M::Decode(body));
  std::string out;
  if constexpr (requires { decoded.View(); }) {
    MOLT_RETURN_IF_ERROR(decoded.View().Encode(out));
  } else {
    MOLT_RETURN_IF_ERROR(decoded.Encode(out));
  }
  return out;
}

inline Result<std::string> RecodeDataRow(std::string_view body) {
  DataRowReader row;
  std::int16_t count = 0;
  if (!row.Open(body, count)) return Malformed("DataRow");
  std::vector<std::optional<std::string_view>> cells;
  for (std::int16_t i = 0; i < count; ++i) {
    bool is_null = false;
    std::string_view cell;
    if (!row.Next(is_null, cell)) return Malformed("DataRow");
    cells.push_back(is_null ? std::nullopt : std::optional(cell));
  }
  if (!row.AtEnd()) return Malformed("DataRow");
  std::string out;
  MOLT_RETURN_IF_ERROR(DataRow{cells}.Encode(out));
  return out;
}

inline constexpr MessageKind kMessageKinds[] = {
    // From the server.
    {"BackendKeyData", kBackendKeyData, Recode<BackendKeyData>},
    {"BindComplete", kBindComplete, Recode<BindComplete>},
    {"CloseComplete", kCloseComplete, Recode<CloseComplete>},
    {"CommandComplete", kCommandComplete, Recode<CommandComplete>},
    {"CopyBothResponse", kCopyBothResponse, Recode<CopyBothResponse>},
    {"CopyInResponse", kCopyInResponse, Recode<CopyInResponse>},
    {"CopyOutResponse", kCopyOutResponse, Recode<CopyOutResponse>},
    {"DataRow", kDataRow, RecodeDataRow},
    {"EmptyQueryResponse", kEmptyQueryResponse, Recode<EmptyQueryResponse>},
    {"ErrorResponse", kErrorResponse, Recode<ErrorResponse>},
    {"NoData", kNoData, Recode<NoData>},
    {"NoticeResponse", kNoticeResponse, Recode<NoticeResponse>},
    {"NotificationResponse", kNotificationResponse, Recode<NotificationResponse>},
    {"ParameterDescription", kParameterDescription, Recode<ParameterDescription>},
    {"ParameterStatus", kParameterStatus, Recode<ParameterStatus>},
    {"ParseComplete", kParseComplete, Recode<ParseComplete>},
    {"PortalSuspended", kPortalSuspended, Recode<PortalSuspended>},
    {"ReadyForQuery", kReadyForQuery, Recode<ReadyForQuery>},
    {"RowDescription", kRowDescription, Recode<RowDescription>},
    // From both.
    {"CopyData", kCopyData, Recode<CopyData>},
    {"CopyDone", kCopyDone, Recode<CopyDone>},
    // From the client.
    {"Bind", kBind, Recode<Bind>},
    {"CancelRequest", 0, Recode<CancelRequest>},
    {"Close", kClose, Recode<Close>},
    {"CopyFail", kCopyFail, Recode<CopyFail>},
    {"Describe", kDescribe, Recode<Describe>},
    {"Execute", kExecute, Recode<Execute>},
    {"Flush", kFlush, Recode<Flush>},
    {"Parse", kParse, Recode<Parse>},
    {"SSLRequest", 0, Recode<SslRequest>},
    {"Sync", kSync, Recode<Sync>},
    {"Terminate", kTerminate, Recode<Terminate>},
};

}  // namespace molt::db::postgres::protocol
