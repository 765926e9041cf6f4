// Prepared statements of one connection, by SQL text.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <sqlite3.h>

#include "molt/base/status.h"
#include "molt/db/sqlite/sqlite_guard.h"
#include "molt/db/sqlite/sqlite_handle.h"
#include "molt/types/schema.h"

namespace molt::db::sqlite {

// The columns of a statement's result, kept from its last run.
struct ResultShape {
  int reprepares = -1;                         // SQLite's count when `planned` was made
  std::vector<types::LogicalType> hints;       // what the caller knew then
  types::Schema planned;                       // types still unknown where only the values can tell
  std::shared_ptr<const types::Schema> found;  // of the last run's first batch
  // Of its columns' buffers, a column each, as far as they were small: what the next run may need.
  struct Sizes {
    std::size_t data_bytes = 0;
    std::size_t offsets_bytes = 0;
  };
  std::vector<Sizes> sizes;
};

struct PreparedStatement {
  std::string sql;
  StatementHandle handle;
  std::uint8_t effects = kNoEffect;
  bool read_only = false;
  int parameter_count = 0;
  int column_count = 0;
  ResultShape shape;
  bool in_use = false;
};

class StatementCache;

// The use of a prepared statement; resets it in the end. Must not outlive the cache.
class [[nodiscard]] StatementLease {
 public:
  StatementLease() = default;
  StatementLease(StatementLease&& other) noexcept
      : cache_(std::exchange(other.cache_, nullptr)),
        statement_(std::exchange(other.statement_, nullptr)),
        owned_(std::move(other.owned_)) {}
  StatementLease& operator=(StatementLease&& other) noexcept {
    if (this != &other) {
      Release();
      cache_ = std::exchange(other.cache_, nullptr);
      statement_ = std::exchange(other.statement_, nullptr);
      owned_ = std::move(other.owned_);
    }
    return *this;
  }
  ~StatementLease() { Release(); }

  explicit operator bool() const { return statement_ != nullptr; }
  PreparedStatement* operator->() const { return statement_; }
  PreparedStatement& operator*() const { return *statement_; }
  [[nodiscard]] sqlite3_stmt* handle() const { return statement_->handle.get(); }
  void Release();

 private:
  friend class StatementCache;
  StatementLease(StatementCache* cache, PreparedStatement* statement)
      : cache_(cache), statement_(statement) {
    statement_->in_use = true;
  }

  StatementCache* cache_ = nullptr;
  PreparedStatement* statement_ = nullptr;
  std::unique_ptr<PreparedStatement> owned_;  // when it is not in the cache
};

class StatementCache {
 public:
  // `db` and `guard` must outlive the cache.
  StatementCache(sqlite3* db, Guard& guard, std::size_t capacity)
      : db_(db), guard_(guard), capacity_(capacity) {}

  // From the cache, or prepared: a single statement without anything after it. Call within a
  // Guard::Scope, whose rights hold for what is prepared. A cached statement may have been prepared
  // with other rights: the caller checks what it does.
  [[nodiscard]] Result<StatementLease> Get(std::string_view sql);

  [[nodiscard]] std::size_t size() const { return index_.size(); }
  // Statements that are leased.
  [[nodiscard]] int in_use() const { return in_use_; }

 private:
  friend class StatementLease;
  // Most recently used first. List nodes stay in place, so leases can point to them.
  using Statements = std::list<PreparedStatement>;

  [[nodiscard]] PreparedStatement* Find(std::string_view sql);
  [[nodiscard]] Result<PreparedStatement> Prepare(std::string_view sql);
  void EvictOne();

  sqlite3* const db_;
  Guard& guard_;
  const std::size_t capacity_;
  Statements statements_;
  std::unordered_map<std::string_view, Statements::iterator> index_;  // keys point into the nodes
  int in_use_ = 0;
};

inline void StatementLease::Release() {
  if (statement_ == nullptr) return;
  sqlite3_reset(statement_->handle.get());
  statement_->in_use = false;
  --cache_->in_use_;
  statement_ = nullptr;
  owned_.reset();
}

}  // namespace molt::db::sqlite
