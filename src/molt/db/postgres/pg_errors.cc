#include "molt/db/postgres/pg_errors.h"

#include <algorithm>
#include <array>
#include <string>

#include "molt/db/hide_values.h"

namespace molt::db::postgres {

namespace {

struct Rule {
  std::string_view prefix;  // of the SQLSTATE; the first that matches counts
  ErrorCode code;
  bool retryable = false;
};
constexpr std::array kRules = {
    Rule{"57014", ErrorCode::kTimeout},       // query_canceled: by statement_timeout
    Rule{"25006", ErrorCode::kInvalidQuery},  // read_only_sql_transaction
    Rule{"55P03", ErrorCode::kBusy, true},    // lock_not_available
    Rule{"53300", ErrorCode::kBusy, true},    // too_many_connections
    Rule{"40", ErrorCode::kDatabase, true},   // serialization failures and deadlocks
    Rule{"57P", ErrorCode::kDatabase, true},  // the server goes down, or comes up
    Rule{"08", ErrorCode::kDatabase, true},   // the connection
    Rule{"53", ErrorCode::kDatabase, true},   // out of memory, disk…
    Rule{"0A", ErrorCode::kUnsupported},      // feature_not_supported
    Rule{"42501", ErrorCode::kDatabase},      // insufficient_privilege
    Rule{"42", ErrorCode::kInvalidQuery},     // syntax errors, unknown names, wrong types
    Rule{"3D", ErrorCode::kInvalidQuery},     // an unknown database
    Rule{"3F", ErrorCode::kInvalidQuery},     // an unknown schema
    Rule{"26", ErrorCode::kInvalidQuery},     // an unknown prepared statement
    Rule{"XX", ErrorCode::kDatabase},         // the server's own bugs, corruption
};

const Rule* RuleFor(std::string_view sqlstate) {
  const auto* rule = std::find_if(kRules.begin(), kRules.end(),
                                  [&](const Rule& r) { return sqlstate.starts_with(r.prefix); });
  return rule == kRules.end() ? nullptr : rule;
}

// Messages of class 22 (data exceptions) quote the value that is wrong.
std::string WithoutQuotedValues(std::string message) {
  std::string safe;
  std::size_t at = 0;
  while (at < message.size()) {
    const std::size_t open = message.find('"', at);
    const std::size_t close = open == std::string::npos ? open : message.find('"', open + 1);
    if (close == std::string::npos) break;
    safe += message.substr(at, open - at) + "\"…\"";
    at = close + 1;
  }
  // An odd quote: the value had one itself.
  const std::size_t odd = message.find('"', at);
  safe += message.substr(at, odd == std::string::npos ? odd : odd - at);
  return safe;
}

// "line 2, column 5" of a position that counts characters from 1.
std::string Where(std::int32_t position, std::string_view sql) {
  if (position <= 0) return {};
  const auto wanted = static_cast<std::size_t>(position);
  std::size_t line = 1;
  std::size_t column = 1;
  std::size_t character = 1;
  for (const char c : sql) {
    if ((static_cast<unsigned char>(c) & 0xC0) == 0x80) continue;  // inside a character
    if (character++ == wanted) break;
    ++column;
    if (c == '\n') {
      ++line;
      column = 1;
    }
  }
  return " (line " + std::to_string(line) + ", column " + std::to_string(column) + ")";
}

// " (row 17)" of a COPY's "COPY users, line 17, column age": all that may be shown of a context.
std::string CopiedRow(std::string_view where) {
  constexpr std::string_view kLine = ", line ";
  const std::size_t line = where.find(kLine);
  if (!where.starts_with("COPY ") || line == std::string_view::npos) return {};
  std::string_view number = where.substr(line + kLine.size());
  number = number.substr(0, number.find_first_not_of("0123456789"));
  return number.empty() ? std::string() : " (row " + std::string(number) + ")";
}

}  // namespace

ErrorCode CodeForSqlState(std::string_view sqlstate) {
  const Rule* rule = RuleFor(sqlstate);
  return rule == nullptr ? ErrorCode::kDatabase : rule->code;
}

Error DescribeFailure(const protocol::ErrorResponse& response, std::string_view sql,
                      std::span<const types::Value> params) {
  Error error;
  error.sqlstate = std::string(response.sqlstate());
  const Rule* rule = RuleFor(error.sqlstate);
  error.code = rule == nullptr ? ErrorCode::kDatabase : rule->code;
  error.retryable = rule != nullptr && rule->retryable;
  error.message = HideValues(response.message(), sql, params);
  if (error.sqlstate.starts_with("22")) error.message = WithoutQuotedValues(error.message);
  error.message += Where(response.position(), sql);
  error.message += CopiedRow(response.where());
  if (!response.hint().empty()) {
    error.message += ". Hint: " + HideValues(response.hint(), sql, params);
  }
  if (error.sqlstate == "25006") {
    error.message =
        "this statement writes (" + error.message + "); use execute() for statements that write";
  }
  return error;
}

}  // namespace molt::db::postgres
