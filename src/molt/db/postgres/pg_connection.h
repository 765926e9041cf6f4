// One session with a PostgreSQL server.
#pragma once

#include <atomic>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "molt/db/connection.h"
#include "molt/db/postgres/cancel_request.h"
#include "molt/db/postgres/copy_row.h"
#include "molt/db/postgres/link.h"
#include "molt/db/postgres/opening.h"
#include "molt/db/postgres/params.h"
#include "molt/db/postgres/pipeline.h"
#include "molt/db/postgres/request.h"
#include "molt/db/postgres/shared_state.h"

namespace molt::db::postgres {

class PgConnection final : public Connection {
 public:
  PgConnection(OpenedSession session, std::shared_ptr<SharedState> shared);

  Async<std::unique_ptr<BatchStream>> Query(const Statement& statement, const BatchLimits& limits,
                                            const ExecContext& context) override;
  Async<ExecuteResult> Execute(const Statement& statement, const ExecContext& context) override;
  Async<ExecuteResult> ExecuteMany(std::string_view sql, const ParamSets& sets,
                                   const ExecContext& context) override;
  Async<std::int64_t> Insert(const TableName& table, const std::vector<std::string>& columns,
                             BatchSource& source, const ExecContext& context) override;
  Async<types::Schema> DescribeTable(const TableName& table, const ExecContext& context) override;
  Async<std::vector<std::string>> TableNames(const ExecContext& context) override;
  Async<std::string> Explain(const Statement& statement, bool analyze,
                             const ExecContext& context) override;
  Async<ScanPlan> PlanScan(const TableName& table, int parts, const ExecContext& context) override;
  Async<void> Begin(const TransactionOptions& options, const ExecContext& context) override;
  Async<void> Control(TransactionStep step, int depth, const ExecContext& context) override;

  // Whether the next caller may have it as it is.
  [[nodiscard]] bool IsClean() const { return IsAnswered() && link_->IsDrained(); }
  [[nodiscard]] bool IsBroken() const { return link_->is_broken(); }
  // Whether it cannot be used any more, but its server is still at work.
  [[nodiscard]] bool IsCutShort() const { return link_->is_cut_short(); }
  // Makes it clean again: stops what runs, waits until nothing that was sent can still hit it,
  // ends the transaction, undoes what a session keeps. An error: it must be closed.
  Async<void> Recover(ExecContext context);
  // Whether something has come that nobody asked for: the server's farewell, most likely.
  [[nodiscard]] bool HasNews() const { return link_->transport().HasNews(); }

  // Sends a read behind those that are answered here; nothing if that cannot be now. On the thread
  // of the one that is answered.
  std::optional<SentRead> SendEarly(const Statement& statement, const BatchLimits& limits);
  // The next Query takes in the replies to this one.
  void BeginNext(SentRead read) {
    next_read_ = std::move(read);
    in_exchange_ = true;
  }
  // Replies will come that nobody wants.
  void AddOrphans(std::size_t exchanges) {
    if (exchanges == 0) return;
    orphans_ += exchanges - (in_exchange_ ? 0 : 1);
    in_exchange_ = true;
  }
  // Whether the request was answered to its end; then the next one's replies may follow already.
  [[nodiscard]] bool IsAnswered() const {
    return !link_->is_broken() && !in_exchange_ && transaction_ == 'I' && !needs_reset_;
  }
  std::deque<EarlyRead> early;  // what SendEarly() has sent; guarded by the pool's mutex

  Deadline::Clock::time_point opened_at = Deadline::Clock::now();
  Deadline::Clock::time_point idle_since;

 private:
  friend class PgStream;

  struct Prepared {
    std::string name;
    DescriptionPtr description;
  };
  // A statement ready to be bound: described, its parameters encoded.
  struct Ready {
    std::vector<Oid> declared;
    DescriptionPtr description;
    std::string name;     // at the server; empty for the unnamed statement
    bool is_new = false;  // to be parsed on this connection first
  };

  // -- Requests: composed into link_->out(), sent, and their replies awaited in the same order.
  enum class Wrap : std::uint8_t { kNone, kReadOnly };
  // `declared`: parameter types that are known to be needed.
  Async<Ready> MakeReady(const Statement& statement, Wrap wrap, std::vector<Oid> declared,
                         const ExecContext& context);
  Async<Ready> MakeReadyForAll(std::string_view sql, const ParamSets& sets,
                               const ExecContext& context);
  Async<ExecuteResult> RunExecuteMany(std::string_view sql, const ParamSets& sets,
                                      const ExecContext& context);
  Async<DescriptionPtr> Describe(const StatementKeyView& key, Wrap wrap,
                                 const ExecContext& context);
  Async<Description> ReadDescription(const ExecContext& context);
  Async<void> LearnTypeNames(const std::vector<Oid>& column_types, const ExecContext& context);
  Async<std::unique_ptr<BatchStream>> RunRead(const Statement& statement, const BatchLimits& limits,
                                              const ExecContext& context);
  asio::awaitable<void> GiveUp(const ExecContext& given);
  Async<std::unique_ptr<BatchStream>> StartRead(const Statement& statement,
                                                const BatchLimits& limits,
                                                const ExecContext& context);
  Async<ExecuteResult> RunExecute(const Statement& statement, const ExecContext& context);
  Async<ExecuteResult> Settle(Error cause, const ExecContext& context);
  Async<protocol::Message> NextOrCancelAgain(const ExecContext& given);
  void DropPipeline();
  Result<SentRead> ComposeRead(const Statement& statement, Ready& ready, const BatchLimits& limits);
  Async<std::unique_ptr<BatchStream>> TakeRead(SentRead read, const BatchLimits& limits,
                                               const ExecContext& context);
  Status ComposeStatement(const Statement& statement, Ready& ready, std::int32_t max_rows);
  Status ParseIfNew(std::string_view sql, const Ready& ready);
  // After it has run.
  void KeepIfNew(std::string_view sql, const Ready& ready);
  Status MakeSurplusStatementsGo();
  Async<void> SendAll(const ExecContext& context);
  // Waits awake for a reply that is likely to come at once.
  Status PollForReply(const Description& description, const ExecContext& context);
  // The reply of this type, or the server's error, after which all replies up to ReadyForQuery have
  // been read.
  Async<protocol::Message> Expect(char type, const ExecContext& context);
  Async<void> ExpectAll(std::string_view types, const ExecContext& context);
  Async<void> ExpectReady(const ExecContext& context);
  Status TakeReady(const protocol::Message& message);
  Async<Error> ServerError(const protocol::Message& message, const ExecContext& context);
  [[nodiscard]] Error Unexpected(char type);
  // One of the driver's own statements, such as COMMIT.
  Async<void> RunControl(std::string_view sql, const ExecContext& context);
  Async<void> Commit(const ExecContext& context);
  Status CheckQuery(std::string_view sql);
  Async<void> MakeStringsStandard(const ExecContext& context);
  [[nodiscard]] bool ReadsStandardStrings() const;
  [[nodiscard]] bool IsQuick(const Description& description) const;
  // Ends a read's own transaction.
  Async<void> Rollback(const ExecContext& context);
  // Up to the next ReadyForQuery, and up to the last one.
  Async<void> SkipToReady(const ExecContext& context);
  Async<void> DrainToReady(const ExecContext& context);
  // Reads what is left of a stream that was not read to its end. DatabaseError if a statement of
  // the transaction was given up: then only a rollback can follow.
  Async<void> FinishExchange(const ExecContext& context);
  Async<void> ResetSession(const ExecContext& context);

  // The driver's own questions to the catalog.
  Async<std::vector<types::RecordBatchPtr>> ReadCatalog(std::string_view sql,
                                                        std::span<const types::Value> params,
                                                        std::span<const types::TypeId> expected,
                                                        const ExecContext& context);
  Async<std::vector<TableColumn>> ReadColumns(const TableName& table, const ExecContext& context);

  // -- COPY … FROM STDIN, in this order.
  Async<ExecuteResult> RunCopy(const std::string& sql, const std::vector<TableColumn>& columns,
                               BatchSource& source, const ExecContext& context);
  Async<void> BeginCopy(const std::string& sql, const ExecContext& context);
  Async<void> SendRows(const std::vector<TableColumn>& columns, BatchSource& source,
                       const ExecContext& context);
  Async<void> CheckCopy(const ExecContext& context);
  Async<void> CopyRefused(const protocol::Message& message, const ExecContext& context);
  Async<void> FailCopy(const ExecContext& context);
  Async<ExecuteResult> EndCopy(const ExecContext& context);

  // Whether the failure is that of a statement the server no longer has as we know it.
  [[nodiscard]] bool IsStale(const Error& error) const;
  void Forget(std::string_view sql);
  [[nodiscard]] Status CheckRole() const;
  [[nodiscard]] bool keeps_statements() const { return shared_->options.statement_cache_size > 0; }

  const std::shared_ptr<SharedState> shared_;
  std::unique_ptr<Link> link_;
  const BackendKey key_;
  const std::string server_;
  StatementMap<Prepared> prepared_;
  std::string parsing_;                // the name of a statement that runs for the first time here
  std::vector<std::string> to_close_;  // names of statements that nobody asks for any more
  std::uint64_t next_name_ = 1;
  bool described_now_ = false;  // what MakeReady() found, it had asked the server for
  EncodedParams params_;
  Request request_;
  Statement current_;                  // what runs, for the server's errors
  bool in_exchange_ = false;           // something was sent whose ReadyForQuery has not come
  bool needs_sync_ = false;            // and its Sync has not been sent yet
  std::size_t orphans_ = 0;            // ReadyForQuery that will come after that one, for nobody
  std::optional<SentRead> next_read_;  // sent before the connection came to who asks it
  std::atomic<bool> accepts_early_ = false;  // another read may be sent now
  Deadline::Clock::time_point asked_at_;     // when the server could begin with what it answers
  bool given_up_ = false;                    // and whoever waited for it does so no more
  char transaction_ = 'I';                   // as ReadyForQuery said last: I idle, T open, E failed
  bool in_block_ = false;                    // a transaction that the caller has begun
  bool block_writes_ = false;                // and it may write
  bool block_ends_in_commit_ = false;        // if all goes well
  bool needs_reset_ = false;                 // a statement may have left something in the session
};

}  // namespace molt::db::postgres
