// The payloads of requests to a worker, in MsgPack.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "molt/db/connection.h"

namespace molt::db::worker {

[[nodiscard]] std::string QueryPayload(std::string_view alias, const Statement& statement,
                                       const BatchLimits& limits);
[[nodiscard]] std::string ExecPayload(std::string_view alias, const Statement& statement);
[[nodiscard]] std::string ExecManyPayload(std::string_view alias, std::string_view sql,
                                          const ParamSets& sets);
[[nodiscard]] std::string ExplainPayload(std::string_view alias, const Statement& statement,
                                         bool analyze);
[[nodiscard]] std::string DescribePayload(std::string_view alias, const TableName& table);
[[nodiscard]] std::string AliasPayload(std::string_view alias);

}  // namespace molt::db::worker
