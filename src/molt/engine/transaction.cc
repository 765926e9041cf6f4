#include "molt/engine/transaction.h"

namespace molt::engine {

Result<Transaction::Use> Transaction::Take(const std::shared_ptr<Transaction>& transaction) {
  const std::lock_guard lock(transaction->mutex_);
  if (transaction->ended_) return InvalidQuery("the transaction has ended");
  if (transaction->busy_) {
    return InvalidQuery(
        "the transaction is running another statement: await it, or read its stream to the end, "
        "before the next one");
  }
  transaction->busy_ = true;
  return Use(transaction);
}

Transaction::Use::~Use() {
  if (!transaction_) return;
  db::Lease ended;  // given back without the mutex
  const std::lock_guard lock(transaction_->mutex_);
  transaction_->busy_ = false;
  if (transaction_->ended_) ended = std::move(transaction_->lease_);
}

void Transaction::Use::End() {
  const std::lock_guard lock(transaction_->mutex_);
  transaction_->ended_ = true;
}

}  // namespace molt::engine
