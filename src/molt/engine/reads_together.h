// Quick reads that follow one another on one thread.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "molt/base/trial_time.h"
#include "molt/engine/transaction.h"

namespace molt::engine {

class Database;

// They share a connection and a read transaction of their database, and so one state of it, from
// the first of them on. Of a small read on SQLite, the locks and looks at the file that begin and
// end a transaction are a good part. For databases whose calls block. Used by one thread.
class ReadsTogether {
 public:
  // Without `is_worth_it` each read is by itself.
  explicit ReadsTogether(bool is_worth_it) : is_worth_it_(is_worth_it) {}
  ~ReadsTogether();
  ReadsTogether(const ReadsTogether&) = delete;
  ReadsTogether& operator=(const ReadsTogether&) = delete;

  // What the next read is to run in; nullptr if it is to run by itself. Begun by the first read,
  // which is part of its trial. Precondition: the database is owned by a shared_ptr.
  [[nodiscard]] std::shared_ptr<Transaction> For(Database& database, const TrialTime& trial);
  // After a failure: the next read begins anew.
  void End(Database& database);

 private:
  struct Begun {
    std::shared_ptr<Database> database;
    std::shared_ptr<Transaction> transaction;
  };
  static void Finish(const Begun& begun);

  const bool is_worth_it_;
  std::vector<Begun> begun_;
};

}  // namespace molt::engine
