#include "molt/db/sqlite/sqlite_stream.h"

#include <algorithm>
#include <string>
#include <utility>

#include "molt/db/sqlite/sqlite_connection.h"

namespace molt::db::sqlite {

namespace {

std::string Count(std::size_t count, const char* thing) {
  return std::to_string(count) + " " + thing + (count == 1 ? "" : "s");
}

// Values up to bytes are bound as they are, later kinds as text made for it.
const std::size_t kLastPlainIndex = types::Value(types::Bytes{}).index();

// Large results are rare, and their buffers grow by moving pages.
constexpr std::size_t kRememberedBytesMax = std::size_t{64} << 10;

void RememberSizes(const types::RecordBatch& batch, std::vector<ResultShape::Sizes>& sizes) {
  sizes.clear();
  sizes.reserve(batch.columns.size());
  for (const types::Column& column : batch.columns) {
    // Texts vary in length.
    const std::size_t data = column.data.size();
    sizes.push_back({std::min(column.offsets.empty() ? data : data + data / 8, kRememberedBytesMax),
                     std::min(column.offsets.size(), kRememberedBytesMax)});
  }
}

bool NeedsFormatting(const types::Value& value) { return value.index() > kLastPlainIndex; }

}  // namespace

Status BindAll(const PreparedStatement& statement, std::span<const types::Value> params,
               std::vector<Parameter>& formatted) {
  if (static_cast<std::size_t>(statement.parameter_count) != params.size()) {
    return InvalidQuery("the SQL has " + Count(statement.parameter_count, "parameter") + ", " +
                        Count(params.size(), "value") +
                        (params.size() == 1 ? " was given" : " were given"));
  }
  // Reserved at once: SQLite keeps pointers to the texts inside.
  formatted.reserve(
      static_cast<std::size_t>(std::count_if(params.begin(), params.end(), NeedsFormatting)));
  Parameter plain;
  int index = 0;
  for (const types::Value& value : params) {
    Parameter& parameter = NeedsFormatting(value) ? formatted.emplace_back() : plain;
    if (Status bound = parameter.Bind(statement.handle.get(), ++index, value); !bound) {
      Error error = std::move(bound).error();
      error.message = "parameter " + std::to_string(index) + " " + error.message;
      return Fail(std::move(error));
    }
  }
  return {};
}

Async<types::RecordBatchPtr> SqliteStream::Next(const ExecContext& context) {
  co_return Read(context);
}

Result<types::RecordBatchPtr> SqliteStream::Read(const ExecContext& context) {
  if (failed_) return Closed("the query has already failed");
  if (!lease_) return types::RecordBatchPtr();
  auto batch = ReadBatch(context);
  if (!batch) {
    failed_ = true;
    lease_.Release();
  }
  return batch;
}

Result<types::RecordBatchPtr> SqliteStream::ReadBatch(const ExecContext& context) {
  MOLT_RETURN_IF_ERROR(CheckContext(context));
  const Guard::Scope scope(connection_.guard_, context, Rights::kRead);
  sqlite3_stmt* const handle = lease_.handle();
  // SQLite prepares anew in here if the tables have changed, so the columns are known only then.
  int code = sqlite3_step(handle);
  const bool first = !decoder_.has_value();
  if (first && (code == SQLITE_ROW || code == SQLITE_DONE)) Plan();
  const std::int64_t rows_max = std::min(limits_.RowsMax(), rows_left_);
  const std::size_t bytes_max = limits_.BytesMax();
  while (code == SQLITE_ROW) {
    decoder_->AppendRow(handle);
    if (decoder_->rows() >= rows_max || decoder_->bytes() >= bytes_max) break;
    code = sqlite3_step(handle);
  }
  if (code != SQLITE_ROW && code != SQLITE_DONE) {
    return Fail(connection_.Describe(code, statement_.sql, statement_.params));
  }
  rows_left_ -= decoder_->rows();
  types::RecordBatchPtr batch;
  if (first || decoder_->rows() > 0) batch = MakeBatch();
  // Ends the read transaction, which would keep others from writing.
  if (code == SQLITE_DONE || rows_left_ == 0) lease_.Release();
  return batch;
}

// Decides what each column is decoded as. The result is kept with the statement.
void SqliteStream::Plan() {
  sqlite3_stmt* const handle = lease_.handle();
  ResultShape& shape = lease_->shape;
  const int reprepares = sqlite3_stmt_status(handle, SQLITE_STMTSTATUS_REPREPARE, 0);
  if (shape.reprepares != reprepares ||
      !std::equal(shape.hints.begin(), shape.hints.end(), statement_.column_types.begin(),
                  statement_.column_types.end())) {
    shape.reprepares = reprepares;
    shape.hints.assign(statement_.column_types.begin(), statement_.column_types.end());
    shape.planned.clear();
    shape.found.reset();
    shape.sizes.clear();
    const int columns = sqlite3_column_count(handle);
    for (int i = 0; i < columns; ++i) {
      const auto index = static_cast<std::size_t>(i);
      types::LogicalType type;
      if (index < shape.hints.size()) type = StoredType(shape.hints[index]);
      if (!type.IsKnown()) type = TypeFromDeclaration(sqlite3_column_decltype(handle, i));
      const char* name = sqlite3_column_name(handle, i);
      shape.planned.push_back({name == nullptr ? "" : name, type, true});
    }
  }
  decoder_.emplace(shape.planned);
  if (!shape.sizes.empty()) decoder_->Reserve(shape.sizes);
}

types::RecordBatchPtr SqliteStream::MakeBatch() {
  auto batch = std::make_shared<types::RecordBatch>();
  batch->num_rows = decoder_->rows();
  batch->columns = decoder_->Finish();
  if (!schema_) {
    ResultShape& shape = lease_->shape;
    RememberSizes(*batch, shape.sizes);
    bool same = shape.found != nullptr;
    for (std::size_t i = 0; same && i < batch->columns.size(); ++i) {
      same = (*shape.found)[i].type == batch->columns[i].type;
    }
    if (!same) {
      types::Schema found = shape.planned;
      for (std::size_t i = 0; i < found.size(); ++i) found[i].type = batch->columns[i].type;
      shape.found = std::make_shared<const types::Schema>(std::move(found));
    }
    schema_ = shape.found;
  }
  batch->schema = schema_;
  return batch;
}

}  // namespace molt::db::sqlite
