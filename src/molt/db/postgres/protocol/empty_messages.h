// The messages that are a type and nothing else.
#pragma once

#include <string>
#include <string_view>

#include "molt/base/status.h"
#include "molt/db/postgres/protocol/message.h"
#include "molt/db/postgres/protocol/wire.h"

namespace molt::db::postgres::protocol {

// `Which` has kType, kName and kSender.
template <class Which>
struct EmptyMessage {
  [[nodiscard]] Status Encode(std::string& out) const {
    EndMessage(out, BeginMessage(out, Which::kType));
    return {};
  }
  [[nodiscard]] static Result<EmptyMessage> Decode(std::string_view body) {
    if (!body.empty()) return Malformed(Which::kName, Which::kSender);
    return EmptyMessage{};
  }
};

struct FromServer {
  static constexpr std::string_view kSender = "server";
};

struct FromClient {
  static constexpr std::string_view kSender = "client";
};

// ---- From the server.

struct ParseCompleteMessage : FromServer {
  static constexpr char kType = kParseComplete;
  static constexpr std::string_view kName = "ParseComplete";
};
using ParseComplete = EmptyMessage<ParseCompleteMessage>;

struct BindCompleteMessage : FromServer {
  static constexpr char kType = kBindComplete;
  static constexpr std::string_view kName = "BindComplete";
};
using BindComplete = EmptyMessage<BindCompleteMessage>;

struct CloseCompleteMessage : FromServer {
  static constexpr char kType = kCloseComplete;
  static constexpr std::string_view kName = "CloseComplete";
};
using CloseComplete = EmptyMessage<CloseCompleteMessage>;

// In place of RowDescription: the statement returns no rows.
struct NoDataMessage : FromServer {
  static constexpr char kType = kNoData;
  static constexpr std::string_view kName = "NoData";
};
using NoData = EmptyMessage<NoDataMessage>;

// In place of CommandComplete: the text held no statement.
struct EmptyQueryResponseMessage : FromServer {
  static constexpr char kType = kEmptyQueryResponse;
  static constexpr std::string_view kName = "EmptyQueryResponse";
};
using EmptyQueryResponse = EmptyMessage<EmptyQueryResponseMessage>;

// In place of CommandComplete: Execute's limit of rows was reached.
struct PortalSuspendedMessage : FromServer {
  static constexpr char kType = kPortalSuspended;
  static constexpr std::string_view kName = "PortalSuspended";
};
using PortalSuspended = EmptyMessage<PortalSuspendedMessage>;

// From either side: the COPY stream is complete.
struct CopyDoneMessage : FromServer {
  static constexpr char kType = kCopyDone;
  static constexpr std::string_view kName = "CopyDone";
};
using CopyDone = EmptyMessage<CopyDoneMessage>;

// ---- From the client.

// Ends a group of messages; the server answers with ReadyForQuery, after an error too.
struct SyncMessage : FromClient {
  static constexpr char kType = kSync;
  static constexpr std::string_view kName = "Sync";
};
using Sync = EmptyMessage<SyncMessage>;

// Asks the server to send what it has so far, without ending the group.
struct FlushMessage : FromClient {
  static constexpr char kType = kFlush;
  static constexpr std::string_view kName = "Flush";
};
using Flush = EmptyMessage<FlushMessage>;

struct TerminateMessage : FromClient {
  static constexpr char kType = kTerminate;
  static constexpr std::string_view kName = "Terminate";
};
using Terminate = EmptyMessage<TerminateMessage>;

}  // namespace molt::db::postgres::protocol
