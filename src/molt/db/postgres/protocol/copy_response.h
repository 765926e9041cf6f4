// CopyInResponse, CopyOutResponse, CopyBothResponse: a COPY stream begins.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "molt/base/status.h"
#include "molt/db/postgres/protocol/message.h"
#include "molt/db/postgres/protocol/wire.h"

namespace molt::db::postgres::protocol {

// `Which` has kType and kName.
template <class Which>
struct CopyResponse {
  std::int8_t format = 0;                    // of the stream: 0 text, 1 binary
  std::vector<std::int16_t> column_formats;  // 0 or 1; all 0 when the stream is text

  [[nodiscard]] Status Encode(std::string& out) const {
    if (column_formats.size() > std::numeric_limits<std::int16_t>::max()) {
      return InvalidQuery("more than 32767 columns");
    }
    const std::size_t start = BeginMessage(out, Which::kType);
    out.push_back(static_cast<char>(format));
    PutInt16(out, static_cast<std::int16_t>(column_formats.size()));
    for (const std::int16_t column : column_formats) PutInt16(out, column);
    EndMessage(out, start);
    return {};
  }
  [[nodiscard]] static Result<CopyResponse> Decode(std::string_view body) {
    Reader reader(body);
    char format = 0;
    std::int16_t count = 0;
    if (!reader.ReadByte(format) || (format != 0 && format != 1) || !reader.ReadInt16(count) ||
        count < 0 || reader.remaining() != static_cast<std::size_t>(count) * sizeof(count)) {
      return Malformed(Which::kName);
    }
    CopyResponse response;
    response.format = static_cast<std::int8_t>(format);
    response.column_formats.resize(static_cast<std::size_t>(count));
    for (std::int16_t& column : response.column_formats) {
      if (!reader.ReadInt16(column) || (column != 0 && column != 1)) return Malformed(Which::kName);
    }
    return response;
  }
};

// The client is to send the stream.
struct CopyInResponseMessage {
  static constexpr char kType = kCopyInResponse;
  static constexpr std::string_view kName = "CopyInResponse";
};
using CopyInResponse = CopyResponse<CopyInResponseMessage>;

// The server sends it.
struct CopyOutResponseMessage {
  static constexpr char kType = kCopyOutResponse;
  static constexpr std::string_view kName = "CopyOutResponse";
};
using CopyOutResponse = CopyResponse<CopyOutResponseMessage>;

// Both send, in replication.
struct CopyBothResponseMessage {
  static constexpr char kType = kCopyBothResponse;
  static constexpr std::string_view kName = "CopyBothResponse";
};
using CopyBothResponse = CopyResponse<CopyBothResponseMessage>;

}  // namespace molt::db::postgres::protocol
