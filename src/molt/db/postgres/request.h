// The messages of one request, and the replies they will get, in order.
#pragma once

#include <string>
#include <string_view>

#include "molt/base/status.h"
#include "molt/db/postgres/protocol/bind.h"
#include "molt/db/postgres/protocol/close.h"
#include "molt/db/postgres/protocol/describe.h"
#include "molt/db/postgres/protocol/empty_messages.h"
#include "molt/db/postgres/protocol/execute.h"
#include "molt/db/postgres/protocol/message.h"
#include "molt/db/postgres/protocol/parse.h"

namespace molt::db::postgres {

// Appends to a link's output. A request ends with Sync; what is expected back is everything but
// the rows.
class Request {
 public:
  // Drops a request that was not sent, because composing it failed.
  void Begin(std::string& out) {
    out_ = &out;
    out.clear();
    expected_.clear();
  }

  template <class Message>
  Status Add(const Message& message, std::string_view replies) {
    MOLT_RETURN_IF_ERROR(message.Encode(*out_));
    expected_ += replies;
    return {};
  }
  Status Parse(std::string_view name, std::string_view sql, std::span<const std::uint32_t> types) {
    return Add(protocol::Parse{name, sql, types}, {&protocol::kParseComplete, 1});
  }
  Status Close(std::string_view name) {
    return Add(protocol::Close{protocol::kStatement, name}, {&protocol::kCloseComplete, 1});
  }
  // A statement without parameters and rows that was parsed under `name`, run at once.
  Status Run(std::string_view name) {
    MOLT_RETURN_IF_ERROR(Add(protocol::Bind{"", name, {}, {}, {}}, {&protocol::kBindComplete, 1}));
    return Add(protocol::Execute{}, {&protocol::kCommandComplete, 1});
  }
  Status Sync() { return Add(protocol::Sync{}, {}); }

  // The replies that are expected from here on are asked for separately.
  std::string TakeExpected() { return std::exchange(expected_, {}); }

 private:
  std::string* out_ = nullptr;
  std::string expected_;
};

}  // namespace molt::db::postgres
