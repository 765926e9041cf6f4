// Queries as JSON or MsgPack, for other processes and languages. The format is described in
// docs/spec/query_ir.md.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "molt/base/status.h"
#include "molt/query/query.h"
#include "molt/types/document.h"

namespace molt::query {

inline constexpr int kIrVersion = 1;

// What is larger is refused, by writing too, so that whatever was written can be read. Depth is
// bounded by kExprDepthMax; kExprNodesMax holds here for all expressions of a query together.
inline constexpr std::size_t kIrBytesMax = std::size_t{16} << 20;
inline constexpr std::size_t kIrListMax = 4096;  // elements of a clause, joins, declared columns

// Equal queries give equal bytes. Errors are InvalidQuery: a mistake inside the query (with its own
// message), text that is not UTF-8, a value outside of what the format can say, a limit.
[[nodiscard]] Result<std::string> ToJson(const Query& query);
[[nodiscard]] Result<std::string> ToMsgPack(const Query& query);

// Strict. Errors are InvalidQuery and start with the path: `query.where[1].args[0]: unknown op
// "foo"`. Names are not looked at here, the binder checks them.
[[nodiscard]] Result<Query> FromJson(std::string_view text);
[[nodiscard]] Result<Query> FromMsgPack(std::string_view bytes);

// The same tree for those who carry it inside a message of their own. JSON has no bytes: there they
// are base64 text, and reading takes either.
[[nodiscard]] Result<types::Document> ToDocument(const Query& query);
[[nodiscard]] Result<Query> FromDocument(const types::Document& document);

}  // namespace molt::query
