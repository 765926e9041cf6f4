// The sentences with which the gate refuses a statement: what, why, and what to do instead.
#pragma once

#include <string>
#include <string_view>

namespace molt::db::postgres {

// `what`: in SQL's words.
[[nodiscard]] std::string WriteRefusal(std::string_view what);
// `strength`: the parser's LCS_FORUPDATE and so on, or empty if it is not known.
[[nodiscard]] std::string LockRefusal(std::string_view strength);
[[nodiscard]] std::string FunctionRefusal(std::string_view function, std::string_view why);
// For what no read consists of: `node` is the parser's name for it, CreateTableAsStmt.
[[nodiscard]] std::string NodeRefusal(std::string_view node);
// `kind`: the parser's TRANS_STMT_COMMIT and so on.
[[nodiscard]] std::string TransactionRefusal(std::string_view kind);
// For what neither a read nor execute() may be; empty for any other node.
[[nodiscard]] std::string DriverRefusal(std::string_view node);

}  // namespace molt::db::postgres
