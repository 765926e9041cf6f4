// What is known of statements that were not compiled here.
#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "molt/sql/compiler.h"

namespace molt::engine {

// By text. Thread-safe.
class NativeStatements {
 public:
  [[nodiscard]] std::shared_ptr<const sql::CompiledQuery> Get(const std::string& sql) {
    const std::lock_guard lock(mutex_);
    if (const auto found = known_.find(sql); found != known_.end()) return found->second;
    // All at once: what is in use comes back at once, and it is little that is lost.
    if (known_.size() >= kKnownMax) known_.clear();
    sql::CompiledQuery statement;
    statement.sql = sql;
    return known_.emplace(sql, std::make_shared<const sql::CompiledQuery>(std::move(statement)))
        .first->second;
  }

 private:
  static constexpr std::size_t kKnownMax = 1024;
  std::mutex mutex_;
  std::unordered_map<std::string, std::shared_ptr<const sql::CompiledQuery>> known_;
};

}  // namespace molt::engine
