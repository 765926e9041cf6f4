// Compiled queries by structure: a query of a structure seen before only binds its values.
#pragma once

#include <cstddef>
#include <list>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "molt/query/binder.h"
#include "molt/sql/compiler.h"

namespace molt::sql {

// For one dialect and one catalog. Least recently used structures go first. Thread-safe.
class CompileCache {
 public:
  explicit CompileCache(const Dialect& dialect, std::size_t capacity = 1024)
      : dialect_(dialect), capacity_(capacity) {}

  // The compiled form of this structure, or nullptr.
  [[nodiscard]] std::shared_ptr<const CompiledQuery> Find(const query::Query& query);
  // Binds, compiles and keeps.
  [[nodiscard]] Result<std::shared_ptr<const CompiledQuery>> Compile(const query::Query& query,
                                                                     const query::Catalog& catalog);

  // To be called when the catalog has changed.
  void Clear();
  [[nodiscard]] const Dialect& dialect() const { return dialect_; }

 private:
  struct Entry {
    query::Query query;  // to compare structures: hashes alone are never trusted
    query::Hash128 hash;
    std::shared_ptr<const CompiledQuery> compiled;
  };
  struct HashOf {
    std::size_t operator()(const query::Hash128& hash) const { return hash.lo; }
  };

  const Dialect& dialect_;
  const std::size_t capacity_;
  std::mutex mutex_;
  std::list<Entry> entries_;  // most recently used first
  std::unordered_map<query::Hash128, std::list<Entry>::iterator, HashOf> by_hash_;
};

}  // namespace molt::sql
