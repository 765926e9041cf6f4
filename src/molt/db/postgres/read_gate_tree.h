// What the gate wants to know of a parse tree.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace molt::db::postgres {

// Of the first statement, if the text has several.
struct TreeFacts {
  std::size_t statements = 0;
  std::string root;        // the parser's name for the statement: SelectStmt, CreateTableAsStmt
  std::string kind;        // of a TransactionStmt or VariableSetStmt: TRANS_STMT_COMMIT
  std::string name;        // of a VariableSetStmt: the setting
  bool on_server = false;  // of a CopyStmt: to or from a file or program there
  // Why it is no read, as a sentence for people; empty if it is one. Only if there is one root.
  std::string refusal;
};

// Reads the tree as libpg_query prints it, however deep it is. Nothing if it is not understood.
[[nodiscard]] std::optional<TreeFacts> ReadTree(std::string_view json);

}  // namespace molt::db::postgres
