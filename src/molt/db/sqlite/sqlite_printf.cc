#include "molt/db/sqlite/sqlite_printf.h"

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "molt/db/sqlite/sqlite_options.h"

namespace molt::db::sqlite {

namespace {

using Arguments = std::span<sqlite3_value*>;

struct CloseStatement {
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};
struct CloseConnection {
  void operator()(sqlite3* db) const { sqlite3_close(db); }
};

// Walks over a format as SQLite does (https://www.sqlite.org/printf.html) and looks at nothing but
// widths and precisions.
class FormatCheck {
 public:
  FormatCheck(std::string_view format, Arguments arguments)
      : rest_(format), arguments_(arguments) {}

  bool IsWithinBounds() {
    while (SkipPast('%')) {
      while (!rest_.empty() && std::string_view("-+ 0#!,").find(rest_[0]) != rest_.npos) Drop();
      if (!NumberIsWithinBounds()) return false;
      if (!rest_.empty() && rest_[0] == '.') {
        Drop();
        if (!NumberIsWithinBounds()) return false;
      }
      while (!rest_.empty() && (rest_[0] == 'l' || rest_[0] == 'h')) Drop();
      if (rest_.empty()) return true;
      if (rest_[0] != '%' && rest_[0] != 'n') ++next_;  // these two take no argument
      Drop();
    }
    return true;
  }

 private:
  void Drop() { rest_.remove_prefix(1); }

  bool SkipPast(char c) {
    const std::size_t at = rest_.find(c);
    if (at == std::string_view::npos) return false;
    rest_.remove_prefix(at + 1);
    return true;
  }

  // Digits, or a '*' for an argument, or nothing.
  bool NumberIsWithinBounds() {
    if (!rest_.empty() && rest_[0] == '*') {
      Drop();
      if (next_ >= arguments_.size()) return true;
      const std::int64_t value = sqlite3_value_int64(arguments_[next_++]);
      return value >= -kValueBytesMax && value <= kValueBytesMax;
    }
    std::int64_t value = 0;
    for (; !rest_.empty() && rest_[0] >= '0' && rest_[0] <= '9'; Drop()) {
      value = value * 10 + (rest_[0] - '0');
      if (value > kValueBytesMax) return false;
    }
    return true;
  }

  std::string_view rest_;
  const Arguments arguments_;
  std::size_t next_ = 0;  // argument
};

// SQLite's own printf, as it is on a connection of its own. Keeps the last statement: calls come
// row after row with the same number of arguments.
class PlainPrintf {
 public:
  int Call(sqlite3_context* context, Arguments arguments) {
    if (int code = Prepare(arguments.size()); code != SQLITE_OK) return code;
    for (std::size_t i = 0; i < arguments.size(); ++i) {
      sqlite3_bind_value(statement_.get(), static_cast<int>(i) + 1, arguments[i]);
    }
    const int code = sqlite3_step(statement_.get());
    if (code == SQLITE_ROW) {
      sqlite3_result_value(context, sqlite3_column_value(statement_.get(), 0));
    }
    const int reset = sqlite3_reset(statement_.get());
    sqlite3_clear_bindings(statement_.get());
    return reset;
  }

 private:
  int Prepare(std::size_t arguments) {
    if (statement_ && prepared_for_ == arguments) return SQLITE_OK;
    if (!db_) {
      sqlite3* opened = nullptr;
      constexpr int kFlags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_MEMORY | SQLITE_OPEN_NOMUTEX;
      const int code = sqlite3_open_v2(":memory:", &opened, kFlags, nullptr);
      db_.reset(opened);
      if (code != SQLITE_OK) return code;
      sqlite3_limit(opened, SQLITE_LIMIT_LENGTH, kValueBytesMax);
    }
    std::string sql = "SELECT printf(";
    for (std::size_t i = 0; i < arguments; ++i) sql += i == 0 ? "?" : ", ?";
    sql += ")";
    sqlite3_stmt* prepared = nullptr;
    const int code = sqlite3_prepare_v2(db_.get(), sql.c_str(), -1, &prepared, nullptr);
    statement_.reset(prepared);
    prepared_for_ = arguments;
    return code;
  }

  // In this order: the statement ends before its connection.
  std::unique_ptr<sqlite3, CloseConnection> db_;
  std::unique_ptr<sqlite3_stmt, CloseStatement> statement_;
  std::size_t prepared_for_ = 0;
};

void GuardedPrintf(sqlite3_context* context, int count, sqlite3_value** values) noexcept {
  const Arguments arguments(values, static_cast<std::size_t>(count));
  if (arguments.empty()) return sqlite3_result_null(context);
  const auto* format = reinterpret_cast<const char*>(sqlite3_value_text(arguments[0]));
  if (format == nullptr) return sqlite3_result_null(context);
  if (!FormatCheck(format, arguments.subspan(1)).IsWithinBounds()) {
    return sqlite3_result_error_toobig(context);
  }
  auto* plain = static_cast<PlainPrintf*>(sqlite3_user_data(context));
  const int code = plain->Call(context, arguments);
  if (code != SQLITE_OK) sqlite3_result_error_code(context, code);
}

}  // namespace

Status RegisterPrintf(sqlite3* db) {
  constexpr int kFlags = SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS;
  for (const char* name : {"printf", "format"}) {
    // SQLite calls the destructor also when it fails.
    const int code = sqlite3_create_function_v2(
        db, name, -1, kFlags, new PlainPrintf(), &GuardedPrintf, nullptr, nullptr,
        [](void* plain) { delete static_cast<PlainPrintf*>(plain); });
    if (code != SQLITE_OK) return Internal(std::string("cannot register ") + name);
  }
  return {};
}

}  // namespace molt::db::sqlite
