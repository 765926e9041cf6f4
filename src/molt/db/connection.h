// What every driver offers. All calls are lazy coroutines: an asynchronous driver suspends in them,
// a blocking one (SQLite) simply runs, on whichever thread the caller spawned it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "molt/base/async.h"
#include "molt/base/cancel.h"
#include "molt/base/deadline.h"
#include "molt/base/reactor.h"
#include "molt/base/trial_time.h"
#include "molt/types/record_batch.h"

namespace molt::db {

struct ExecContext {
  Deadline deadline;
  CancelToken cancel;
  // Where the call waits, if it is not to block its thread: the reactor of the thread it runs on.
  Reactor* reactor = nullptr;
  // Nothing else is to be done on the calling thread, so that a reply which comes within
  // microseconds may be waited for awake.
  bool is_alone = false;
  // Set for a trial run on a thread that must not block for long: when it is over, and rather than
  // wait for a connection or a lock, or open a connection, the call fails with Timeout or Busy.
  TrialTime trial = {};
};

// One statement to run. What it points to is borrowed until the call, and for Query the stream,
// ends.
struct Statement {
  std::string_view sql;
  std::span<const types::Value> params;
  // What the compiler knows of the result's columns, in order; unknown ones and a missing tail are
  // left to the driver. Empty for SQL written by hand.
  std::span<const types::LogicalType> column_types;
};

// A batch ends at whichever comes first.
struct BatchLimits {
  // As many as whoever asked wants in one, within 8 MiB. Nothing: what is quickest to pass on.
  std::optional<std::int64_t> rows = {};
  std::optional<std::size_t> bytes = {};
  std::optional<std::size_t> first_bytes = {};  // of the first batch, if not as much as of any
  std::int64_t rows_in_all = 0;                 // the result ends after so many; 0: it does not

  [[nodiscard]] std::int64_t RowsMax() const { return rows.value_or(65'536); }
  [[nodiscard]] std::size_t BytesMax(bool of_first = false) const {
    if (of_first && first_bytes) return *first_bytes;
    // A batch is written and read a few times on its way. What fits the cache of a core takes a
    // fifth less time.
    constexpr std::size_t kQuickest = std::size_t{1} << 20;
    constexpr std::size_t kWanted = std::size_t{8} << 20;
    return bytes.value_or(rows ? kWanted : kQuickest);
  }
};

using ParamSets = std::vector<std::vector<types::Value>>;

struct ExecuteResult {
  std::int64_t rows_affected = 0;
  std::optional<std::int64_t> last_insert_id;  // only after an INSERT that inserted
};

struct TableName {
  std::string schema;  // empty: the engine's default search
  std::string name;
};

enum class Isolation : std::uint8_t { kDefault, kReadCommitted, kRepeatableRead, kSerializable };

struct TransactionOptions {
  Isolation isolation = Isolation::kDefault;
  bool read_only = false;
  std::string snapshot = {};  // see the same data as the transaction that has given this name
};

// A table cut into parts that can be read side by side.
struct ScanPlan {
  std::string snapshot;                 // what all readers must see
  std::vector<std::string> conditions;  // SQL, one a part; together they hold for every row once
};

// What follows Begin. Savepoints are numbered by how deep they are nested, from 1.
enum class TransactionStep : std::uint8_t {
  kCommit,
  kRollback,
  kSavepoint,
  kRelease,     // forgets the savepoint, what was done since stays
  kRollbackTo,  // undoes what was done since, and forgets the savepoint
};

// The rows of one running query. Destroying it ends the query.
class BatchStream {
 public:
  virtual ~BatchStream() = default;
  // The first call always gives a batch, without rows if there are none, so that names and types
  // are known; at the end nullptr. All batches have the first one's schema.
  // The context's cancel token and deadline end the query with Cancelled or Timeout.
  virtual Async<types::RecordBatchPtr> Next(const ExecContext& context) = 0;
  // Whether it is known already that no batch follows.
  [[nodiscard]] virtual bool IsAtEnd() const { return false; }
};

// Where the rows of a bulk insert come from. Called on the thread the insert runs on.
class BatchSource {
 public:
  virtual ~BatchSource() = default;
  // The next batch, or nullptr at the end.
  virtual Result<types::RecordBatchPtr> Next() = 0;
};

// Used by one caller at a time.
class Connection {
 public:
  virtual ~Connection() = default;

  // A read. Anything that would write is refused with InvalidQuery.
  virtual Async<std::unique_ptr<BatchStream>> Query(const Statement& statement,
                                                    const BatchLimits& limits,
                                                    const ExecContext& context) = 0;
  // A single statement that writes (DML or DDL), atomic by itself: failed, timed out or cancelled
  // it leaves nothing behind. A read is refused with InvalidQuery.
  virtual Async<ExecuteResult> Execute(const Statement& statement, const ExecContext& context) = 0;
  // The statement once for every set of values, all or nothing. Rows affected are those of all.
  virtual Async<ExecuteResult> ExecuteMany(std::string_view sql, const ParamSets& sets,
                                           const ExecContext& context) = 0;
  // All batches of `source` into columns of `table`, in one transaction, all or nothing. A batch's
  // columns are matched by position with `columns`. Returns the number of rows.
  virtual Async<std::int64_t> Insert(const TableName& table,
                                     const std::vector<std::string>& columns, BatchSource& source,
                                     const ExecContext& context) = 0;
  // Columns of a table or view with their types; InvalidQuery, with the nearest names, if there is
  // no such table.
  virtual Async<types::Schema> DescribeTable(const TableName& table,
                                             const ExecContext& context) = 0;
  virtual Async<std::vector<std::string>> TableNames(const ExecContext& context) = 0;
  // From here to kCommit or kRollback everything on this connection is one transaction; unless it
  // is read_only, Query may then write as well (INSERT … RETURNING).
  virtual Async<void> Begin(const TransactionOptions& options, const ExecContext& context) = 0;
  // kRollback works whatever has happened before, and ignores the context's cancel token and
  // deadline. DatabaseError 08007 if it is not known whether kCommit has taken effect.
  virtual Async<void> Control(TransactionStep step, int depth, const ExecContext& context) = 0;
  // Within a transaction, which must stay open while others read.
  virtual Async<ScanPlan> PlanScan(const TableName& table, int parts,
                                   const ExecContext& context) = 0;
  // How the engine would run (or, with analyze, has run) the statement, as text.
  virtual Async<std::string> Explain(const Statement& statement, bool analyze,
                                     const ExecContext& context) = 0;
};

}  // namespace molt::db
