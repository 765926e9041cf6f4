#include "molt/sql/compile_cache.h"

#include <utility>

namespace molt::sql {

std::shared_ptr<const CompiledQuery> CompileCache::Find(const query::Query& query) {
  const query::Hash128 hash = query::StructureHash(query);
  const std::lock_guard lock(mutex_);
  const auto found = by_hash_.find(hash);
  if (found == by_hash_.end() || !query::SameStructure(found->second->query, query)) return nullptr;
  entries_.splice(entries_.begin(), entries_, found->second);
  return found->second->compiled;
}

Result<std::shared_ptr<const CompiledQuery>> CompileCache::Compile(const query::Query& query,
                                                                   const query::Catalog& catalog) {
  MOLT_ASSIGN(const query::BoundQuery bound, query::Bind(query, catalog));
  MOLT_ASSIGN(CompiledQuery result, sql::Compile(bound, dialect_));
  auto compiled = std::make_shared<const CompiledQuery>(std::move(result));
  if (compiled->depends_on_values) return compiled;
  const query::Hash128 hash = query::StructureHash(query);
  const std::lock_guard lock(mutex_);
  const auto old = by_hash_.find(hash);
  if (old != by_hash_.end()) {
    entries_.erase(old->second);
    by_hash_.erase(old);
  }
  entries_.push_front({query, hash, compiled});
  by_hash_.emplace(hash, entries_.begin());
  if (entries_.size() > capacity_) {
    by_hash_.erase(entries_.back().hash);
    entries_.pop_back();
  }
  return compiled;
}

void CompileCache::Clear() {
  const std::lock_guard lock(mutex_);
  by_hash_.clear();
  entries_.clear();
}

}  // namespace molt::sql
