#include "molt/db/sqlite/sqlite_statement_cache.h"

#include <algorithm>
#include <cctype>
#include <iterator>

#include "molt/db/sqlite/sqlite_errors.h"
#include "molt/db/sqlite/sqlite_schema.h"

namespace molt::db::sqlite {

namespace {

// Whether nothing but white space, comments and semicolons is left.
bool IsEmptySql(std::string_view sql) {
  for (std::size_t i = 0; i < sql.size();) {
    const std::string_view rest = sql.substr(i);
    if (rest.starts_with("--")) {
      i = std::min(sql.size(), sql.find('\n', i));
    } else if (rest.starts_with("/*")) {
      const std::size_t end = sql.find("*/", i + 2);
      if (end == std::string_view::npos) return true;  // SQLite too takes it to the end
      i = end + 2;
    } else if (rest[0] == ';' || std::isspace(static_cast<unsigned char>(rest[0])) != 0) {
      ++i;
    } else {
      return false;
    }
  }
  return true;
}

}  // namespace

PreparedStatement* StatementCache::Find(std::string_view sql) {
  if (!statements_.empty() && statements_.front().sql == sql) return &statements_.front();
  const auto found = index_.find(sql);
  if (found == index_.end()) return nullptr;
  statements_.splice(statements_.begin(), statements_, found->second);
  return &statements_.front();
}

Result<StatementLease> StatementCache::Get(std::string_view sql) {
  PreparedStatement* cached = Find(sql);
  if (cached != nullptr && !cached->in_use) [[likely]] {
    ++in_use_;
    return StatementLease(this, cached);
  }
  MOLT_ASSIGN(PreparedStatement prepared, Prepare(sql));
  // A statement that is being streamed cannot be run a second time: that one gets its own.
  if (cached != nullptr || capacity_ == 0) {
    auto owned = std::make_unique<PreparedStatement>(std::move(prepared));
    StatementLease lease(this, owned.get());
    lease.owned_ = std::move(owned);
    ++in_use_;
    return lease;
  }
  if (index_.size() >= capacity_) EvictOne();
  statements_.push_front(std::move(prepared));
  index_.emplace(statements_.front().sql, statements_.begin());
  ++in_use_;
  return StatementLease(this, &statements_.front());
}

void StatementCache::EvictOne() {
  for (auto statement = std::prev(statements_.end());; --statement) {
    if (!statement->in_use) {
      index_.erase(statement->sql);
      statements_.erase(statement);
      return;
    }
    if (statement == statements_.begin()) return;  // all are in use: room for one more, then
  }
}

Result<PreparedStatement> StatementCache::Prepare(std::string_view sql) {
  if (sql.size() > static_cast<std::size_t>(kValueBytesMax)) {
    return InvalidQuery("the SQL is longer than 16 MiB");
  }
  sqlite3_stmt* handle = nullptr;
  const char* tail = nullptr;
  const auto prepare = [&] {
    guard_.TakeEffects();
    return sqlite3_prepare_v3(db_, sql.data(), static_cast<int>(sql.size()),
                              SQLITE_PREPARE_PERSISTENT, &handle, &tail);
  };
  int code = prepare();
  if (code == SQLITE_ERROR && guard_.refusal().empty()) {
    // The fault may lie in what SQLite remembers of the tables: a locked database keeps it from
    // looking whether that is still true, and it does not say so. Reading it waits for the lock.
    code = sqlite3_exec(db_, "SELECT 1 FROM sqlite_schema LIMIT 1", nullptr, nullptr, nullptr);
    if (code == SQLITE_OK) code = prepare();
  }
  PreparedStatement prepared;
  prepared.handle.reset(handle);
  if (code != SQLITE_OK) {
    Error error = DescribeFailure(db_, code, guard_);
    if (error.code == ErrorCode::kInvalidQuery) {
      error.message += SuggestNames(db_, guard_, error.message, sql);
    }
    return Fail(std::move(error));
  }
  if (handle == nullptr) return InvalidQuery("the SQL is empty");
  const auto used = static_cast<std::size_t>(tail - sql.data());
  if (used < sql.size() && !IsEmptySql(sql.substr(used))) {
    return InvalidQuery("only one statement is allowed; there is more after the first one's `;`");
  }
  prepared.sql = sql;
  prepared.effects = guard_.TakeEffects();
  prepared.read_only = sqlite3_stmt_readonly(handle) != 0;
  prepared.parameter_count = sqlite3_bind_parameter_count(handle);
  prepared.column_count = sqlite3_column_count(handle);
  return prepared;
}

}  // namespace molt::db::sqlite
