// CommandComplete: a statement ended well.
#pragma once

#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>

#include "molt/base/status.h"
#include "molt/db/postgres/protocol/message.h"
#include "molt/db/postgres/protocol/wire.h"

namespace molt::db::postgres::protocol {

struct CommandComplete {
  std::string tag;  // as in "INSERT 0 5" or "CREATE TABLE"

  // How many rows it returned or changed: the last word of the tag; 0 for tags without a number.
  [[nodiscard]] std::int64_t Rows() const {
    const std::size_t space = tag.rfind(' ');
    if (space == std::string::npos) return 0;
    const char* const end = tag.data() + tag.size();
    std::int64_t rows = 0;
    const auto [stop, error] = std::from_chars(tag.data() + space + 1, end, rows);
    return error == std::errc() && stop == end && rows > 0 ? rows : 0;
  }

  [[nodiscard]] Status Encode(std::string& out) const {
    MOLT_RETURN_IF_ERROR(CheckText("the tag", tag));
    const std::size_t start = BeginMessage(out, kCommandComplete);
    PutCString(out, tag);
    EndMessage(out, start);
    return {};
  }
  [[nodiscard]] static Result<CommandComplete> Decode(std::string_view body) {
    Reader reader(body);
    std::string_view tag;
    if (!reader.ReadCString(tag) || !reader.AtEnd()) return Malformed("CommandComplete");
    return CommandComplete{std::string(tag)};
  }
};

}  // namespace molt::db::postgres::protocol
