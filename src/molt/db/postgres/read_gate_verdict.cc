#include "molt/db/postgres/read_gate_verdict.h"

#include <algorithm>
#include <iterator>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include <pg_query.h>

#include "molt/db/postgres/read_gate_tree.h"
#include "molt/db/postgres/read_gate_words.h"

namespace molt::db::postgres {

namespace {

constexpr std::size_t kTextBytesMax = std::size_t{256} << 10;
// The parser's scanner takes time in the square of such a row: a minute for the longest text.
constexpr std::size_t kOperatorsMax = 512;

struct FreeParsed {
  void operator()(PgQueryParseResult* parsed) const {
    pg_query_free_parse_result(*parsed);
    delete parsed;
  }
};
using Parsed = std::unique_ptr<PgQueryParseResult, FreeParsed>;

Verdict Both(const Status& status) { return {status, status}; }

bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }

bool IsOperator(char c) {
  constexpr std::string_view kOperators = "+-*/<>=~!@#%^&|`?";
  return kOperators.find(c) != std::string_view::npos;
}

// Whether a word of the statement can be shown: no literal, nor the rest of one that has no end.
bool IsShown(std::string_view word) {
  constexpr std::string_view kPunctuation = "()[],;:.<>=+-*/%";
  if (word.size() == 1 && kPunctuation.find(word[0]) != std::string_view::npos) return true;
  return !word.empty() && word.size() < 64 && IsLetter(word[0]) &&
         std::all_of(word.begin(), word.end(), [](char c) { return IsLetter(c) || IsDigit(c); });
}

// "line 2, column 7" of the character at `position`, counted from 1.
std::string Where(std::string_view sql, int position) {
  int line = 1;
  int column = 1;
  int seen = 1;
  for (const char c : sql) {
    if ((static_cast<unsigned char>(c) & 0xC0U) == 0x80U) continue;  // inside a character
    if (seen++ >= position) break;
    ++column;
    if (c == '\n') {
      ++line;
      column = 1;
    }
  }
  return "line " + std::to_string(line) + ", column " + std::to_string(column);
}

// The parser says: syntax error at or near "fro".
Status SyntaxError(std::string_view sql, const PgQueryError& error) {
  constexpr std::string_view kNear = " at or near \"";
  std::string_view message = error.message == nullptr ? "syntax error" : error.message;
  std::string_view word;
  if (const std::size_t near = message.find(kNear); near != std::string_view::npos) {
    word = message.substr(near + kNear.size());
    if (!word.empty()) word.remove_suffix(1);
    message = message.substr(0, near);
  }
  std::string text =
      message == "memory exhausted" ? "the SQL text is nested too deeply" : std::string(message);
  if (error.cursorpos > 0) text += " at " + Where(sql, error.cursorpos);
  if (IsShown(word)) text += ", near \"" + std::string(word) + '"';
  text += " (as PostgreSQL " PG_MAJORVERSION " reads it)";
  return Fail(Error{ErrorCode::kInvalidQuery, std::move(text), "42601"});
}

// Settings that the driver relies on, or that stand for what transaction() is for.
Status CheckSetting(const TreeFacts& facts) {
  if (facts.name == "client_encoding" || facts.name == "standard_conforming_strings") {
    return InvalidQuery("the setting " + facts.name +
                        " is not allowed to change: the driver relies on it");
  }
  constexpr std::string_view kSettings[] = {"transaction_", "default_transaction_"};
  const bool is_transaction =
      facts.name == "TRANSACTION" || facts.name == "SESSION CHARACTERISTICS" ||
      std::any_of(std::begin(kSettings), std::end(kSettings),
                  [&](std::string_view prefix) { return facts.name.starts_with(prefix); });
  if (!is_transaction) return {};
  return InvalidQuery("SET " + facts.name +
                      " is not allowed: use transaction(), which has options for it");
}

Status CheckWriteFacts(const TreeFacts& facts) {
  if (facts.refusal.empty()) {
    return InvalidQuery("this statement only reads; fetch its rows instead of using execute()");
  }
  std::string refusal = DriverRefusal(facts.root);
  if (!refusal.empty()) return InvalidQuery(std::move(refusal));
  if (facts.root == "VariableSetStmt") return CheckSetting(facts);
  if (facts.root == "CopyStmt" && !facts.on_server) {
    return InvalidQuery(
        "COPY FROM STDIN and TO STDOUT are not allowed; use insert() for many rows, and fetch or "
        "stream() rows to read them");
  }
  return {};
}

Verdict JudgeFacts(TreeFacts facts) {
  if (facts.statements == 0) return Both(InvalidQuery("the SQL text holds no statement"));
  if (facts.statements > 1) {
    return Both(InvalidQuery("the SQL text holds " + std::to_string(facts.statements) +
                             " statements; give one at a time"));
  }
  if (facts.root == "TransactionStmt") {
    return Both(InvalidQuery(TransactionRefusal(facts.kind)));
  }
  Verdict verdict;
  verdict.write = CheckWriteFacts(facts);
  if (!facts.refusal.empty()) verdict.read = InvalidQuery(std::move(facts.refusal));
  return verdict;
}

}  // namespace

Status CheckText(std::string_view sql) {
  if (sql.size() > kTextBytesMax) {
    return InvalidQuery("the SQL text has " + std::to_string(sql.size()) + " bytes; at most " +
                        std::to_string(kTextBytesMax) + " are allowed: give values as parameters");
  }
  std::size_t operators = 0;
  for (const char c : sql) {
    if (c == '\0') return InvalidQuery("the SQL text contains a NUL character");
    operators = IsOperator(c) ? operators + 1 : 0;
    if (operators > kOperatorsMax) {
      return InvalidQuery("the SQL text has more than " + std::to_string(kOperatorsMax) +
                          " operator characters in a row");
    }
  }
  return {};
}

Verdict Judge(const std::string& sql) {
  const Parsed parsed(new PgQueryParseResult(pg_query_parse(sql.c_str())));
  if (parsed->error != nullptr) return Both(SyntaxError(sql, *parsed->error));
  std::optional<TreeFacts> facts;
  if (parsed->parse_tree != nullptr) facts = ReadTree(parsed->parse_tree);
  if (!facts) return Both(Internal("the parser's tree of a statement is not understood"));
  return JudgeFacts(std::move(*facts));
}

}  // namespace molt::db::postgres
