#include "molt/db/postgres/description.h"

#include <algorithm>
#include <functional>
#include <utility>

namespace molt::db::postgres {

std::size_t StatementKeyHash::operator()(const StatementKeyView& key) const {
  std::size_t hash = std::hash<std::string_view>{}(key.sql);
  for (const Oid type : key.declared) hash = hash * 1'099'511'628'211U + type;
  return hash;
}

bool StatementKeyEqual::operator()(const StatementKeyView& a, const StatementKeyView& b) const {
  return a.sql == b.sql &&
         std::equal(a.declared.begin(), a.declared.end(), b.declared.begin(), b.declared.end());
}

DescriptionPtr DescriptionCache::Find(const StatementKeyView& key) {
  const std::lock_guard lock(mutex_);
  const DescriptionPtr* found = statements_.Find(key);
  return found == nullptr ? nullptr : *found;
}

void DescriptionCache::Put(const StatementKeyView& key, DescriptionPtr description) {
  const std::lock_guard lock(mutex_);
  statements_.Put(key, std::move(description));
  while (statements_.IsTooFull()) statements_.TakeOldest();
}

void DescriptionCache::Forget(std::string_view sql) {
  const std::lock_guard lock(mutex_);
  statements_.EraseAll(sql);
}

std::string DescriptionCache::TypeName(Oid type) {
  const std::lock_guard lock(mutex_);
  const auto found = type_names_.find(type);
  return found == type_names_.end() ? std::string() : found->second;
}

void DescriptionCache::PutTypeName(Oid type, std::string name) {
  const std::lock_guard lock(mutex_);
  type_names_.insert_or_assign(type, std::move(name));
}

}  // namespace molt::db::postgres
