// The forms a result can take on its way out.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace molt::codec {

enum class ResultFormat : std::uint8_t {
  kJson,       // {"columns": […], "rows": [[…], …], "row_count": n}
  kMsgPack,    // the same
  kJsonRows,   // [{"column": value, …}, …]
  kJsonLines,  // {"column": value, …} and a line feed, for each row
  kCsv,        // RFC 4180: CRLF, a header, NULL as nothing
  kArrowIpc,   // an Arrow stream
  kColumns,    // the columns as they lie in memory (columns_format.h)
};

// "json", "msgpack", "json_rows", "jsonl", "csv", "arrow_ipc", "columns".
[[nodiscard]] std::string_view ResultFormatName(ResultFormat format);
[[nodiscard]] std::optional<ResultFormat> ResultFormatFromName(std::string_view name);

}  // namespace molt::codec
