#include "molt/db/postgres/read_gate_words.h"

#include <array>
#include <cstddef>

namespace molt::db::postgres {

namespace {

struct Words {
  std::string_view node;
  std::string_view sql;
};

// Where the parser's word is not the user's.
constexpr std::array kWords = {
    Words{"AlterDatabaseSetStmt", "ALTER DATABASE"},
    Words{"AlterEnumStmt", "ALTER TYPE"},
    Words{"AlterForeignServerStmt", "ALTER SERVER"},
    Words{"AlterFunctionStmt", "ALTER FUNCTION"},
    Words{"AlterObjectSchemaStmt", "ALTER … SET SCHEMA"},
    Words{"AlterOwnerStmt", "ALTER … OWNER"},
    Words{"AlterRoleSetStmt", "ALTER ROLE"},
    Words{"AlterSeqStmt", "ALTER SEQUENCE"},
    Words{"AlterTableMoveAllStmt", "ALTER … SET TABLESPACE"},
    Words{"AlterTableSpaceOptionsStmt", "ALTER TABLESPACE"},
    Words{"AlterTSConfigurationStmt", "ALTER TEXT SEARCH CONFIGURATION"},
    Words{"AlterTSDictionaryStmt", "ALTER TEXT SEARCH DICTIONARY"},
    Words{"CheckPointStmt", "CHECKPOINT"},
    Words{"CompositeTypeStmt", "CREATE TYPE"},
    Words{"ConstraintsSetStmt", "SET CONSTRAINTS"},
    Words{"CreateAmStmt", "CREATE ACCESS METHOD"},
    Words{"CreateEnumStmt", "CREATE TYPE"},
    Words{"CreateEventTrigStmt", "CREATE EVENT TRIGGER"},
    Words{"CreateFdwStmt", "CREATE FOREIGN DATA WRAPPER"},
    Words{"CreateForeignServerStmt", "CREATE SERVER"},
    Words{"CreateOpClassStmt", "CREATE OPERATOR CLASS"},
    Words{"CreateOpFamilyStmt", "CREATE OPERATOR FAMILY"},
    Words{"CreatePLangStmt", "CREATE LANGUAGE"},
    Words{"CreateRangeStmt", "CREATE TYPE"},
    Words{"CreateSeqStmt", "CREATE SEQUENCE"},
    Words{"CreateStatsStmt", "CREATE STATISTICS"},
    Words{"CreateStmt", "CREATE TABLE"},
    Words{"CreateTableSpaceStmt", "CREATE TABLESPACE"},
    Words{"CreateTrigStmt", "CREATE TRIGGER"},
    Words{"CreatedbStmt", "CREATE DATABASE"},
    Words{"DefineStmt", "CREATE"},
    Words{"DropTableSpaceStmt", "DROP TABLESPACE"},
    Words{"DropdbStmt", "DROP DATABASE"},
    Words{"GrantRoleStmt", "GRANT or REVOKE"},
    Words{"GrantStmt", "GRANT or REVOKE"},
    Words{"IndexStmt", "CREATE INDEX"},
    Words{"RefreshMatViewStmt", "REFRESH MATERIALIZED VIEW"},
    Words{"RenameStmt", "ALTER … RENAME"},
    Words{"RuleStmt", "CREATE RULE"},
    Words{"SecLabelStmt", "SECURITY LABEL"},
    Words{"VacuumStmt", "VACUUM or ANALYZE"},
    Words{"VariableSetStmt", "SET or RESET"},
    Words{"ViewStmt", "CREATE VIEW"},
};

bool IsUpper(char letter) { return letter >= 'A' && letter <= 'Z'; }

// CREATE TABLE AS for CreateTableAsStmt.
std::string SqlWords(std::string_view node) {
  for (const Words& words : kWords) {
    if (words.node == node) return std::string(words.sql);
  }
  constexpr std::string_view kEnd = "Stmt";
  if (node.ends_with(kEnd)) node.remove_suffix(kEnd.size());
  std::string words;
  for (std::size_t i = 0; i < node.size(); ++i) {
    if (i > 0 && IsUpper(node[i]) && !IsUpper(node[i - 1])) words += ' ';
    words += node[i] >= 'a' && node[i] <= 'z' ? static_cast<char>(node[i] - ('a' - 'A')) : node[i];
  }
  return words;
}

}  // namespace

std::string WriteRefusal(std::string_view what) {
  return "this statement writes (" + std::string(what) +
         "); use execute() for statements that write";
}

std::string LockRefusal(std::string_view strength) {
  std::string_view words = "FOR UPDATE or SHARE";
  if (strength == "LCS_FORUPDATE") words = "FOR UPDATE";
  if (strength == "LCS_FORNOKEYUPDATE") words = "FOR NO KEY UPDATE";
  if (strength == "LCS_FORSHARE") words = "FOR SHARE";
  if (strength == "LCS_FORKEYSHARE") words = "FOR KEY SHARE";
  return "this statement locks rows (" + std::string(words) +
         "), which no read may; fetch it in a transaction() that may write";
}

std::string FunctionRefusal(std::string_view function, std::string_view why) {
  return "the function " + std::string(function) +
         "() is not allowed in a read: " + std::string(why) +
         "; use execute(), or fetch it in a transaction() that may write";
}

std::string NodeRefusal(std::string_view node) {
  std::string refusal = DriverRefusal(node);
  if (!refusal.empty()) return refusal;
  if (node == "DeclareCursorStmt" || node == "FetchStmt" || node == "ClosePortalStmt") {
    return "DECLARE, FETCH and CLOSE are no reads: to get rows bit by bit use stream()";
  }
  if (node == "LockingClause") return LockRefusal("");
  if (node == "VariableSetStmt") {
    return "SET and RESET change the session, which no read may; use execute() in a transaction()";
  }
  return WriteRefusal(SqlWords(node));
}

std::string TransactionRefusal(std::string_view kind) {
  constexpr std::string_view kBegin = "TRANS_STMT_";
  if (kind.starts_with(kBegin)) kind.remove_prefix(kBegin.size());
  std::string words;
  for (const char letter : kind) words += letter == '_' ? ' ' : letter;
  if (words == "START" || words == "PREPARE") words += " TRANSACTION";
  return words + " is not allowed: every call is a transaction of its own; use transaction()";
}

std::string DriverRefusal(std::string_view node) {
  if (node == "ListenStmt" || node == "UnlistenStmt") {
    return "LISTEN and UNLISTEN are not allowed: the next statement may run on another connection";
  }
  if (node == "PrepareStmt" || node == "ExecuteStmt" || node == "DeallocateStmt") {
    return "PREPARE, EXECUTE and DEALLOCATE are not allowed: statements are prepared by themselves "
           "when they are used again";
  }
  if (node == "DiscardStmt") {
    return "DISCARD is not allowed: a connection is put in order by itself before it is used again";
  }
  return {};
}

}  // namespace molt::db::postgres
