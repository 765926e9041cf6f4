// For tests and fuzzers: a database that is only talked of.
#pragma once

#include <memory>
#include <string_view>

#include "molt/db/pool.h"

namespace molt::worker {

class NoPool final : public db::Pool {
 public:
  explicit NoPool(std::string_view dialect, db::PoolUse use = {}) : dialect_(dialect), use_(use) {}
  Async<db::Lease> Acquire(db::Access, const db::ExecContext&) override {
    co_return Closed("there is no database");
  }
  void Close() override {}
  [[nodiscard]] db::PoolUse Use() const override { return use_; }
  [[nodiscard]] bool IsBlocking() const override { return true; }
  [[nodiscard]] std::string_view DialectName() const override { return dialect_; }
  [[nodiscard]] bool IsProcessLocal() const override { return true; }

 private:
  void GiveBack(std::unique_ptr<db::Connection>, db::Access) override {}
  const std::string_view dialect_;
  const db::PoolUse use_;
};

}  // namespace molt::worker
