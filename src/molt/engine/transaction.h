// A transaction that requests run in.
#pragma once

#include <memory>
#include <mutex>
#include <utility>

#include "molt/db/pool.h"

namespace molt::engine {

class Transaction;

// What a request needs to run beyond its own content.
struct RequestContext : db::ExecContext {
  RequestContext() = default;
  RequestContext(db::ExecContext context)  // NOLINT(google-explicit-constructor): the usual case
      : db::ExecContext(std::move(context)) {}
  std::shared_ptr<Transaction> transaction;  // none: one of its own
};

// Holds a connection from its beginning to its end. Destroyed before that, it is rolled back.
class Transaction {
 public:
  explicit Transaction(db::Lease lease) : lease_(std::move(lease)) {}

  // The connection, for one request; it is free again when this is destroyed.
  class [[nodiscard]] Use {
   public:
    Use() = default;
    Use(Use&& other) noexcept : transaction_(std::move(other.transaction_)) {}
    Use& operator=(Use&& other) noexcept {
      std::swap(transaction_, other.transaction_);
      return *this;
    }
    ~Use();
    // Precondition: made by Take.
    db::Connection* operator->() const { return &*transaction_->lease_; }
    [[nodiscard]] bool IsEmpty() const { return !transaction_; }
    // The connection goes back to its pool when this is destroyed; nothing can use it any more.
    void End();

   private:
    friend class Transaction;
    explicit Use(std::shared_ptr<Transaction> transaction) : transaction_(std::move(transaction)) {}
    std::shared_ptr<Transaction> transaction_;
  };

  // InvalidQuery if another request has it, or if the transaction has ended.
  [[nodiscard]] static Result<Use> Take(const std::shared_ptr<Transaction>& transaction);

 private:
  std::mutex mutex_;
  bool busy_ = false;
  bool ended_ = false;
  db::Lease lease_;
};

}  // namespace molt::engine
