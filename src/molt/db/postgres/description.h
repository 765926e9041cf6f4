// What the server says of a statement: which parameters it takes, which columns it gives.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "molt/db/postgres/types/codec.h"
#include "molt/db/postgres/usual_time.h"
#include "molt/types/schema.h"

namespace molt::db::postgres {

struct Description {
  std::vector<Oid> param_types;
  std::vector<Oid> column_types;
  std::vector<std::int32_t> column_typmods;
  std::vector<Decoder> decoders;                // a column each
  std::vector<std::int16_t> result_formats;     // a column each
  std::shared_ptr<const types::Schema> schema;  // of all batches
  bool gives_rows = false;                      // maybe without columns
  mutable UsualTime reply_time;                 // until the first reply comes
  mutable UsualTime whole_time;                 // until the last one has
};
// Whether a RowDescription's body still says the same of the columns.
[[nodiscard]] bool SameColumns(std::string_view row_description, const Description& description);

using DescriptionPtr = std::shared_ptr<const Description>;

// A statement is its text and the parameter types that were declared; none leaves all to the
// server.
struct StatementKey {
  std::string sql;
  std::vector<Oid> declared;
};
struct StatementKeyView {
  std::string_view sql;
  std::span<const Oid> declared;
  StatementKeyView(std::string_view text, std::span<const Oid> types)
      : sql(text), declared(types) {}
  StatementKeyView(const StatementKey& key)  // NOLINT(google-explicit-constructor): a view of it
      : sql(key.sql), declared(key.declared) {}
  [[nodiscard]] StatementKey Own() const {
    return {std::string(sql), {declared.begin(), declared.end()}};
  }
};
struct StatementKeyHash {
  using is_transparent = void;
  std::size_t operator()(const StatementKeyView& key) const;
};
struct StatementKeyEqual {
  using is_transparent = void;
  bool operator()(const StatementKeyView& a, const StatementKeyView& b) const;
};

// A map by statement that forgets the least recently used.
template <class Value>
class StatementMap {
 public:
  explicit StatementMap(std::size_t capacity) : capacity_(capacity) {}

  // Nullptr if there is none; valid until the next call.
  Value* Find(const StatementKeyView& key) {
    const auto found = by_key_.find(key);
    if (found == by_key_.end()) return nullptr;
    entries_.splice(entries_.begin(), entries_, found->second);
    return &found->second->value;
  }
  void Put(const StatementKeyView& key, Value value) {
    Erase(key);
    entries_.push_front({key.Own(), std::move(value)});
    by_key_.emplace(entries_.front().key, entries_.begin());
  }
  [[nodiscard]] bool IsTooFull() const { return entries_.size() > capacity_; }
  // Takes out the least recently used.
  std::optional<Value> TakeOldest() {
    if (entries_.empty()) return std::nullopt;
    Value value = std::move(entries_.back().value);
    by_key_.erase(by_key_.find(entries_.back().key));
    entries_.pop_back();
    return value;
  }
  // All of this text.
  void EraseAll(std::string_view sql) {
    for (auto entry = entries_.begin(); entry != entries_.end();) {
      const auto next = std::next(entry);
      if (entry->key.sql == sql) Erase(entry->key);
      entry = next;
    }
  }
  void Erase(const StatementKeyView& key) {
    const auto found = by_key_.find(key);
    if (found == by_key_.end()) return;
    const auto entry = found->second;
    by_key_.erase(found);
    entries_.erase(entry);
  }

 private:
  struct Entry {
    StatementKey key;
    Value value;
  };
  const std::size_t capacity_;
  std::list<Entry> entries_;  // the most recently used first
  // The keys are views of the entries' own.
  std::unordered_map<StatementKeyView, typename std::list<Entry>::iterator, StatementKeyHash,
                     StatementKeyEqual>
      by_key_;
};

// What a pool's connections have learned from the server, for all of them. Thread-safe.
class DescriptionCache {
 public:
  [[nodiscard]] DescriptionPtr Find(const StatementKeyView& key);
  void Put(const StatementKeyView& key, DescriptionPtr description);
  void Forget(std::string_view sql);
  // The names of types that codec.h does not know, by their Oid; empty: not asked for yet.
  [[nodiscard]] std::string TypeName(Oid type);
  void PutTypeName(Oid type, std::string name);

 private:
  std::mutex mutex_;
  StatementMap<DescriptionPtr> statements_{4096};
  std::unordered_map<Oid, std::string> type_names_;
};

}  // namespace molt::db::postgres
