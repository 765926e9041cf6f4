#include "molt/db/worker/worker_pool.h"

#include <array>
#include <chrono>
#include <cstddef>
#include <mutex>
#include <string_view>
#include <utility>

#include <asio/co_spawn.hpp>

#include "molt/base/inline_executor.h"
#include "molt/db/worker/requests.h"
#include "molt/db/worker/worker_connection.h"

namespace molt::db::worker {

namespace {

class WorkerPool final : public Pool {
 public:
  WorkerPool(std::shared_ptr<client::Client> client, std::string alias, std::string dialect)
      : client_(std::move(client)), alias_(std::move(alias)), dialect_(std::move(dialect)) {}
  ~WorkerPool() override { WorkerPool::Close(); }

  Async<Lease> Acquire(Access access, const ExecContext& context) override {
    if (context.cancel.IsCancelled()) co_return Cancelled("the request was cancelled");
    if (alias_.empty()) co_return InvalidQuery("no database of the worker was named: ?alias=NAME");
    const std::lock_guard lock(mutex_);
    if (is_closed_) co_return Closed("the database is closed");
    ++leased_;
    co_return Lease(shared_from_this(), std::make_unique<WorkerConnection>(client_, alias_),
                    access);
  }
  // What is under way comes to its end, and with it the client.
  void Close() override {
    const std::lock_guard lock(mutex_);
    is_closed_ = true;
    if (leased_ == 0) client_->Close();
  }
  // None is open without a request: all share the client's.
  [[nodiscard]] PoolUse Use() const override {
    const std::lock_guard lock(mutex_);
    return {static_cast<int>(leased_), 0};
  }
  [[nodiscard]] bool IsBlocking() const override { return false; }
  [[nodiscard]] Reactor* BulkReactor() override { return &bulk_.Get(); }
  [[nodiscard]] std::string_view DialectName() const override { return dialect_; }
  [[nodiscard]] bool IsProcessLocal() const override { return false; }

 protected:
  void GiveBack(std::unique_ptr<Connection> connection, Access /*access*/) override {
    connection.reset();
    const std::lock_guard lock(mutex_);
    --leased_;
    if (is_closed_ && leased_ == 0) client_->Close();
  }

 private:
  const std::shared_ptr<client::Client> client_;
  const std::string alias_;
  const std::string dialect_;
  mutable std::mutex mutex_;  // guards the next two
  std::size_t leased_ = 0;
  bool is_closed_ = false;
  ReactorThread bulk_;
};

// On the calling thread, which blocks.
Result<client::Reply> AskNow(std::shared_ptr<client::Client> client, client::CallSpec spec,
                             const Deadline& deadline) {
  asio::execution_context context;
  std::optional<Result<client::Reply>> reply;
  client::Patience patience;
  patience.deadline = deadline;
  asio::co_spawn(InlineExecutor(context),
                 client::Client::Ask(std::move(client), std::move(spec), std::move(patience)),
                 [&](const std::exception_ptr& failure, Result<client::Reply> result) {
                   if (failure) std::rethrow_exception(failure);
                   reply = std::move(result);
                 });
  return std::move(*reply);
}

constexpr std::array<std::string_view, 3> kDialects = {"sqlite", "postgres", "duckdb"};

Result<std::string> DialectOf(const client::Reply& hello, const std::string& alias) {
  if (alias.empty()) return std::string(kDialects.front());  // nothing is compiled
  const auto document = types::ParseMsgPack(hello.payload);
  const types::Document* aliases = document ? document->Find("aliases") : nullptr;
  if (aliases == nullptr || aliases->AsMap() == nullptr) {
    return Protocol("what answers is no molt-worker, or one of another version");
  }
  std::string known;
  for (const auto& [name, dialect] : *aliases->AsMap()) {
    if (name == alias && dialect.AsString() != nullptr) {
      for (const std::string_view one : kDialects) {
        if (one == *dialect.AsString()) return *dialect.AsString();
      }
      return Protocol("the worker's database is of an unknown kind: " + *dialect.AsString());
    }
    known += (known.empty() ? "" : ", ") + name;
  }
  return InvalidQuery("the worker serves no database called \"" + alias + "\"" +
                      (known.empty() ? "; it serves none" : "; there is " + known));
}

}  // namespace

Result<std::shared_ptr<Pool>> OpenWorker(const std::shared_ptr<client::Client>& client,
                                         const WorkerOptions& options) {
  client::CallSpec hello;
  hello.entry = "__hello__";
  MOLT_ASSIGN(const client::Reply reply,
              AskNow(client, std::move(hello),
                     Deadline::After(std::chrono::duration<double>(options.connect_timeout))));
  MOLT_ASSIGN(std::string dialect, DialectOf(reply, options.alias));
  return std::make_shared<WorkerPool>(client, options.alias, std::move(dialect));
}

}  // namespace molt::db::worker
