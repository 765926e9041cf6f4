#include "molt/engine/reads_together.h"

#include <algorithm>

#include "molt/engine/database.h"

namespace molt::engine {

ReadsTogether::~ReadsTogether() {
  for (const Begun& begun : begun_) Finish(begun);
}

std::shared_ptr<Transaction> ReadsTogether::For(Database& database, const TrialTime& trial) {
  if (!is_worth_it_) return nullptr;
  for (const Begun& begun : begun_) {
    if (begun.database.get() == &database) return begun.transaction;
  }
  const db::TransactionOptions options{.read_only = true};
  RequestContext context;
  context.trial = trial;
  auto transaction =
      database.RunBlocking<std::shared_ptr<Transaction>>(database.Begin(options, context));
  if (!transaction) return nullptr;
  begun_.push_back({database.shared_from_this(), *transaction});
  return std::move(*transaction);
}

void ReadsTogether::End(Database& database) {
  const auto found = std::find_if(begun_.begin(), begun_.end(), [&](const Begun& begun) {
    return begun.database.get() == &database;
  });
  if (found == begun_.end()) return;
  Finish(*found);
  begun_.erase(found);
}

// A connection that fails to end it is not used any more.
void ReadsTogether::Finish(const Begun& begun) {
  RequestContext context;
  context.transaction = begun.transaction;
  [[maybe_unused]] const Status ended = begun.database->RunBlocking<void>(
      begun.database->Control(db::TransactionStep::kRollback, 0, context));
}

}  // namespace molt::engine
