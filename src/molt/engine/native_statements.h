// What is known of statements that were not compiled here.
#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "molt/engine/source.h"
#include "molt/sql/compiler.h"

namespace molt::engine {

// By text. Thread-safe.
class NativeStatements {
 public:
  [[nodiscard]] std::shared_ptr<const sql::CompiledQuery> Get(const NativeSql& native) {
    const std::lock_guard lock(mutex_);
    const auto found = known_.find(native.sql);
    if (found != known_.end()) {
      if (found->second->column_types == native.column_types) return found->second;
      known_.erase(found);
    }
    // All at once: what is in use comes back at once, and it is little that is lost.
    if (known_.size() >= kKnownMax) known_.clear();
    sql::CompiledQuery statement;
    statement.sql = native.sql;
    statement.column_types = native.column_types;
    return known_
        .emplace(native.sql, std::make_shared<const sql::CompiledQuery>(std::move(statement)))
        .first->second;
  }

 private:
  static constexpr std::size_t kKnownMax = 1024;
  std::mutex mutex_;
  std::unordered_map<std::string, std::shared_ptr<const sql::CompiledQuery>> known_;
};

}  // namespace molt::engine
