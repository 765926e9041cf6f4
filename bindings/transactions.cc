// Transactions as Python holds them; molt_sql._transaction makes context managers of them.
#include <array>
#include <optional>
#include <string>
#include <utility>

#include <nanobind/nanobind.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/unique_ptr.h>
#include <nanobind/stl/vector.h>

#include "writing.h"

namespace molt::bindings {

namespace {

using Opened = std::shared_ptr<engine::Transaction>;

struct TransactionHandle {
  explicit TransactionHandle(nb::object on) : database(std::move(on)) {}
  ~TransactionHandle() {
    if (!opened) return;
    auto ended = std::make_unique<Opened>(std::move(opened));
    if (generation != ForkGeneration()) {
      // Its connection is the parent's: nothing of it can be touched here.
      static_cast<void>(ended.release());
      return;
    }
    // Rolling back may wait for the pool, and whoever holds that for the interpreter.
    const nb::gil_scoped_release release;
    ended.reset();
  }
  TransactionHandle(const TransactionHandle&) = delete;
  TransactionHandle& operator=(const TransactionHandle&) = delete;

  nb::object database;
  Opened opened;
  std::uint64_t generation = ForkGeneration();
};

db::Isolation IsolationOf(const std::optional<std::string>& name) {
  if (!name) return db::Isolation::kDefault;
  constexpr std::array<std::pair<std::string_view, db::Isolation>, 3> kNames = {{
      {"read committed", db::Isolation::kReadCommitted},
      {"repeatable read", db::Isolation::kRepeatableRead},
      {"serializable", db::Isolation::kSerializable},
  }};
  for (const auto& [known, isolation] : kNames) {
    if (known == *name) return isolation;
  }
  RaiseInvalid(
      "isolation is \"read committed\", \"repeatable read\" or \"serializable\", or None for the "
      "database's own default");
}

std::unique_ptr<Pending> Begin(nb::handle self, const std::optional<std::string>& isolation,
                               bool readonly, std::optional<double> timeout) {
  auto& handle = nb::cast<TransactionHandle&>(self);
  if (handle.opened) RaiseInvalid("the transaction has begun already");
  const db::TransactionOptions options{IsolationOf(isolation), readonly};
  return MakePending<Opened>(
      "transaction", handle.database, timeout,
      [options](engine::Database& db, const engine::RequestContext& context) {
        return db.Begin(options, context);
      },
      [owner = nb::borrow(self)](Opened opened) {
        nb::cast<TransactionHandle&>(owner).opened = std::move(opened);
        return nb::none();
      });
}

std::unique_ptr<Pending> Control(nb::handle self, db::TransactionStep step, int depth) {
  return MakePending<void>(
      "transaction", nb::borrow(self), std::nullopt,
      [step, depth](engine::Database& db, const engine::RequestContext& context) {
        return db.Control(step, depth, context);
      },
      [] { return nb::none(); });
}

}  // namespace

bool IsTarget(nb::handle object) {
  return nb::isinstance<DatabaseHandle>(object) || nb::isinstance<TransactionHandle>(object);
}

Target TargetOf(nb::handle object) {
  if (nb::isinstance<DatabaseHandle>(object)) {
    return {nb::cast<DatabaseHandle&>(object).Get(), nullptr};
  }
  auto& handle = nb::cast<TransactionHandle&>(object);
  if (!handle.opened) {
    RaiseInvalid("the transaction has not begun: use it as `with db.transaction() as tx:`");
  }
  if (handle.generation != ForkGeneration()) {
    Raise({ErrorCode::kClosed, "the transaction belongs to the parent process", {}, false});
  }
  return {nb::cast<DatabaseHandle&>(handle.database).GetOpened(), handle.opened};
}

void BindTransactions(nb::module_& m) {
  auto cls = nb::class_<TransactionHandle>(m, "_Transaction");
  BindWriting(cls);
  cls.def(nb::init<nb::object>(), nb::arg("database"),
          nb::sig("def __init__(self, database: Database) -> None"))
      .def("_begin", &Begin, nb::arg("isolation").none(), nb::arg("readonly"),
           nb::arg("timeout") = nb::none(),
           nb::sig("def _begin(self, isolation: str | None, readonly: bool,"
                   " timeout: float | None = None) -> Pending[None]"))
      .def(
          "_commit", [](nb::handle self) { return Control(self, db::TransactionStep::kCommit, 0); },
          nb::sig("def _commit(self) -> Pending[None]"))
      .def(
          "_rollback",
          [](nb::handle self) { return Control(self, db::TransactionStep::kRollback, 0); },
          nb::sig("def _rollback(self) -> Pending[None]"))
      .def(
          "_savepoint",
          [](nb::handle self, int depth) {
            return Control(self, db::TransactionStep::kSavepoint, depth);
          },
          nb::arg("depth"), nb::sig("def _savepoint(self, depth: int) -> Pending[None]"))
      .def(
          "_release",
          [](nb::handle self, int depth) {
            return Control(self, db::TransactionStep::kRelease, depth);
          },
          nb::arg("depth"), nb::sig("def _release(self, depth: int) -> Pending[None]"))
      .def(
          "_rollback_to",
          [](nb::handle self, int depth) {
            return Control(self, db::TransactionStep::kRollbackTo, depth);
          },
          nb::arg("depth"), nb::sig("def _rollback_to(self, depth: int) -> Pending[None]"));
}

}  // namespace molt::bindings
