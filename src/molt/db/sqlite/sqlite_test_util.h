// For tests: runs the driver's coroutines, and temporary files.
#pragma once

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <filesystem>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>

#include "molt/db/sqlite/sqlite_pool.h"
#include "molt/types/column_builder.h"

namespace molt::db::sqlite {

template <class T>
Result<T> Await(Async<T> request) {
  asio::io_context loop;
  std::optional<Result<T>> outcome;
  asio::co_spawn(loop, std::move(request),
                 [&](const std::exception_ptr& failure, Result<T> result) {
                   if (failure) std::rethrow_exception(failure);
                   outcome = std::move(result);
                 });
  loop.run();
  return std::move(*outcome);
}

// A folder that goes with its contents.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "molt-test-XXXXXX").string();
    path_ = mkdtemp(name.data());
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  [[nodiscard]] std::string File(std::string_view name) const {
    return path_ + "/" + std::string(name);
  }

 private:
  std::string path_;
};

using Rows = std::vector<std::vector<types::Value>>;

// All of a result, by value.
struct Answer {
  types::Schema schema;
  Rows rows;
  std::vector<bool> mixed;  // by column, in any batch
  std::vector<std::int64_t> batch_rows;
};

inline void AddBatch(const types::RecordBatch& batch, Answer& answer) {
  answer.schema = *batch.schema;
  answer.mixed.resize(batch.columns.size());
  answer.batch_rows.push_back(batch.num_rows);
  for (std::int64_t row = 0; row < batch.num_rows; ++row) {
    std::vector<types::Value>& values = answer.rows.emplace_back();
    for (const types::Column& column : batch.columns) values.push_back(column.ValueAt(row));
  }
  for (std::size_t i = 0; i < batch.columns.size(); ++i) {
    EXPECT_EQ(batch.columns[i].length, batch.num_rows);
    if (batch.columns[i].IsMixed()) answer.mixed[i] = true;
  }
}

inline Result<Answer> Drain(BatchStream& stream, const ExecContext& context = {}) {
  Answer answer;
  while (true) {
    MOLT_ASSIGN(const types::RecordBatchPtr batch, Await(stream.Next(context)));
    if (!batch) return answer;
    AddBatch(*batch, answer);
  }
}

inline Result<Lease> Acquire(Pool& pool, Access access, const ExecContext& context = {}) {
  return Await(pool.Acquire(access, context));
}

inline Result<Answer> Query(Pool& pool, std::string_view sql,
                            const std::vector<types::Value>& params = {},
                            const std::vector<types::LogicalType>& column_types = {},
                            const BatchLimits& limits = {}, const ExecContext& context = {}) {
  MOLT_ASSIGN(const Lease lease, Acquire(pool, Access::kRead, context));
  MOLT_ASSIGN(const std::unique_ptr<BatchStream> stream,
              Await(lease->Query({sql, params, column_types}, limits, context)));
  return Drain(*stream, context);
}

inline Result<ExecuteResult> Execute(Pool& pool, std::string_view sql,
                                     const std::vector<types::Value>& params = {},
                                     const ExecContext& context = {}) {
  MOLT_ASSIGN(const Lease lease, Acquire(pool, Access::kWrite, context));
  return Await(lease->Execute({sql, params, {}}, context));
}

inline std::shared_ptr<Pool> OpenMemory(SqliteOptions options = {}) {
  options.memory = true;
  auto pool = OpenSqlite(options);
  EXPECT_TRUE(pool.has_value()) << pool.error().message;
  return *pool;
}

inline std::shared_ptr<Pool> OpenFile(const std::string& path, SqliteOptions options = {}) {
  options.path = path;
  options.mode = OpenMode::kReadWriteCreate;
  auto pool = OpenSqlite(options);
  EXPECT_TRUE(pool.has_value()) << pool.error().message;
  return *pool;
}

// The only value of a result of one row and one column.
inline types::Value Scalar(Pool& pool, std::string_view sql,
                           const std::vector<types::Value>& params = {}) {
  const auto answer = Query(pool, sql, params);
  EXPECT_TRUE(answer.has_value()) << answer.error().message;
  return answer->rows.at(0).at(0);
}

// Gives the batches it was made of.
class VectorSource : public BatchSource {
 public:
  explicit VectorSource(std::vector<types::RecordBatchPtr> batches)
      : batches_(std::move(batches)) {}
  Result<types::RecordBatchPtr> Next() override {
    if (next_ == batches_.size()) return types::RecordBatchPtr();
    return batches_[next_++];
  }

 private:
  std::vector<types::RecordBatchPtr> batches_;
  std::size_t next_ = 0;
};

inline types::RecordBatchPtr MakeBatch(const types::Schema& schema, const Rows& rows) {
  auto batch = std::make_shared<types::RecordBatch>();
  batch->schema = std::make_shared<const types::Schema>(schema);
  batch->num_rows = static_cast<std::int64_t>(rows.size());
  for (std::size_t i = 0; i < schema.size(); ++i) {
    types::ColumnBuilder builder(schema[i].type);
    for (const auto& row : rows) builder.AppendValue(row[i]);
    batch->columns.push_back(builder.Finish());
  }
  return batch;
}

inline Result<std::int64_t> Insert(Pool& pool, const std::string& table,
                                   const std::vector<std::string>& columns, BatchSource& source,
                                   const ExecContext& context = {}) {
  MOLT_ASSIGN(const Lease lease, Acquire(pool, Access::kWrite, context));
  return Await(lease->Insert({"", table}, columns, source, context));
}

}  // namespace molt::db::sqlite
