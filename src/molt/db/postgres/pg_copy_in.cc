// Bulk inserts: COPY … FROM STDIN in binary format.
#include <utility>

#include "molt/base/nearest_names.h"
#include "molt/db/postgres/copy_row.h"
#include "molt/db/postgres/pg_connection.h"
#include "molt/db/postgres/protocol/command_complete.h"
#include "molt/db/postgres/protocol/copy_data.h"
#include "molt/db/postgres/protocol/copy_fail.h"

namespace molt::db::postgres {

namespace {

constexpr std::size_t kChunkBytes = std::size_t{128} << 10;

std::string Quoted(std::string_view name) {
  std::string quoted = "\"";
  for (const char c : name) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + "\"";
}

std::string CopySql(const TableName& table, const std::vector<std::string>& columns) {
  std::string sql = "COPY ";
  if (!table.schema.empty()) sql += Quoted(table.schema) + ".";
  sql += Quoted(table.name) + " (";
  for (std::size_t i = 0; i < columns.size(); ++i) {
    sql += (i == 0 ? "" : ", ") + Quoted(columns[i]);
  }
  return sql + ") FROM STDIN (FORMAT BINARY)";
}

Result<std::vector<TableColumn>> Chosen(const std::vector<TableColumn>& all,
                                        const std::vector<std::string>& names,
                                        const TableName& table) {
  std::vector<TableColumn> chosen;
  for (const std::string& name : names) {
    const auto found = std::find_if(all.begin(), all.end(),
                                    [&](const TableColumn& column) { return column.name == name; });
    if (found == all.end()) {
      std::vector<std::string> known;
      for (const TableColumn& column : all) known.push_back(column.name);
      return InvalidQuery("table \"" + table.name + "\" has no column \"" + name + "\"" +
                          NearestNames(name, known));
    }
    chosen.push_back(*found);
  }
  return chosen;
}

}  // namespace

Async<std::int64_t> PgConnection::Insert(const TableName& table,
                                         const std::vector<std::string>& columns,
                                         BatchSource& source, const ExecContext& context) {
  MOLT_CO_RETURN_IF_ERROR(CheckContext(context));
  MOLT_CO_ASSIGN(const auto all, co_await ReadColumns(table, context));
  MOLT_CO_ASSIGN(const auto chosen, Chosen(all, columns, table));
  const std::string sql = CopySql(table, columns);
  current_ = Statement{sql, {}, {}};
  needs_reset_ = true;
  auto result = co_await RunCopy(sql, chosen, source, context);
  current_ = {};
  if (result) co_return result->rows_affected;
  co_await GiveUp(context);
  co_return Fail(std::move(result).error());
}

Async<ExecuteResult> PgConnection::RunCopy(const std::string& sql,
                                           const std::vector<TableColumn>& columns,
                                           BatchSource& source, const ExecContext& context) {
  MOLT_CO_RETURN_IF_ERROR(co_await BeginCopy(sql, context));
  if (Status sent = co_await SendRows(columns, source, context); !sent) {
    // Nothing stays of what was sent.
    if (in_exchange_ && !link_->is_broken()) {
      [[maybe_unused]] const Status ended = co_await FailCopy(context);
    }
    co_return Fail(std::move(sent).error());
  }
  co_return co_await EndCopy(context);
}

// Without Sync, which would end it at once.
Async<void> PgConnection::BeginCopy(const std::string& sql, const ExecContext& context) {
  request_.Begin(link_->out());
  MOLT_CO_RETURN_IF_ERROR(request_.Parse("", sql, {}));
  const protocol::Bind bind;
  MOLT_CO_RETURN_IF_ERROR(request_.Add(bind, {&protocol::kBindComplete, 1}));
  MOLT_CO_RETURN_IF_ERROR(request_.Add(protocol::Execute{}, {&protocol::kCopyInResponse, 1}));
  MOLT_CO_RETURN_IF_ERROR(request_.Add(protocol::Flush{}, {}));
  const std::string expected = request_.TakeExpected();
  in_exchange_ = true;
  needs_sync_ = true;
  MOLT_CO_RETURN_IF_ERROR(co_await link_->Send(context));
  for (const char type : expected) {
    MOLT_CO_ASSIGN(const protocol::Message message, co_await link_->Next(context));
    if (message.type == type) continue;
    if (message.type != protocol::kErrorResponse) co_return Fail(Unexpected(message.type));
    MOLT_CO_RETURN_IF_ERROR(co_await CopyRefused(message, context));
  }
  co_return Status();
}

// The server has ended the COPY by itself; it is ready again after a Sync.
Async<void> PgConnection::CopyRefused(const protocol::Message& message,
                                      const ExecContext& context) {
  const std::string body(message.body);  // sending may move what was received
  request_.Begin(link_->out());
  MOLT_CO_RETURN_IF_ERROR(co_await SendAll(context));
  const protocol::Message copy{message.type, body};
  MOLT_CO_ASSIGN(Error error, co_await ServerError(copy, context));
  co_return Fail(std::move(error));
}

Async<void> PgConnection::SendRows(const std::vector<TableColumn>& columns, BatchSource& source,
                                   const ExecContext& context) {
  std::string& out = link_->out();
  std::size_t chunk = protocol::BeginMessage(out, protocol::kCopyData);
  PutCopyHeader(out);
  std::int64_t rows_before = 0;
  while (true) {
    auto next = source.Next();
    if (!next) {
      out.clear();  // a part of a message that was never sent
      co_return Fail(std::move(next).error());
    }
    const types::RecordBatchPtr batch = std::move(*next);
    if (!batch) break;
    if (batch->columns.size() != columns.size()) {
      out.clear();
      co_return Internal("a batch does not have the columns of its insert");
    }
    std::vector<PutCell> put;
    for (std::size_t i = 0; i < columns.size(); ++i) {
      put.push_back(PutCellFor(batch->columns[i], columns[i]));
    }
    for (std::int64_t row = 0; row < batch->num_rows; ++row) {
      protocol::PutInt16(out, static_cast<std::int16_t>(columns.size()));
      for (std::size_t i = 0; i < columns.size(); ++i) {
        const types::Column& cells = batch->columns[i];
        if (cells.IsNull(row)) {
          protocol::PutInt32(out, -1);
        } else if (!put[i](cells, row, columns[i], out)) [[unlikely]] {
          out.clear();
          const types::Value value = cells.ValueAt(row);
          const bool is_text = std::holds_alternative<std::string>(value);
          co_return InvalidQuery(
              "row " + std::to_string(rows_before + row + 1) + ", column \"" + columns[i].name +
              "\": a value of type " + std::string(types::TypeName(types::TypeOf(value))) +
              " does not fit the column's type, " + columns[i].type_name +
              (is_text ? "; execute_many() sends it as text, for the server to read" : ""));
        }
      }
      if (out.size() < kChunkBytes) continue;
      protocol::EndMessage(out, chunk);
      MOLT_CO_RETURN_IF_ERROR(CheckContext(context));
      MOLT_CO_RETURN_IF_ERROR(co_await link_->Send(context));
      MOLT_CO_RETURN_IF_ERROR(co_await CheckCopy(context));
      chunk = protocol::BeginMessage(out, protocol::kCopyData);
    }
    rows_before += batch->num_rows;
    MOLT_CO_RETURN_IF_ERROR(CheckContext(context));
  }
  PutCopyTrailer(out);
  protocol::EndMessage(out, chunk);
  co_return Status();
}

// Whether the server has refused the rows so far.
Async<void> PgConnection::CheckCopy(const ExecContext& context) {
  if (!link_->transport().HasNews() && link_->IsDrained()) co_return Status();
  MOLT_CO_ASSIGN(const protocol::Message message, co_await link_->Next(context));
  if (message.type != protocol::kErrorResponse) co_return Fail(Unexpected(message.type));
  co_return co_await CopyRefused(message, context);
}

Async<void> PgConnection::FailCopy(const ExecContext& given) {
  ExecContext context;
  context.reactor = given.reactor;
  context.deadline = Deadline::After(Seconds(2));
  request_.Begin(link_->out());
  const protocol::CopyFail fail{"the client gave up"};
  MOLT_CO_RETURN_IF_ERROR(request_.Add(fail, {}));
  MOLT_CO_RETURN_IF_ERROR(co_await SendAll(context));
  co_return co_await DrainToReady(context);
}

Async<ExecuteResult> PgConnection::EndCopy(const ExecContext& context) {
  // Appended to the last rows, so not by request_.Begin().
  MOLT_CO_RETURN_IF_ERROR(protocol::CopyDone{}.Encode(link_->out()));
  MOLT_CO_RETURN_IF_ERROR(protocol::Sync{}.Encode(link_->out()));
  needs_sync_ = false;
  Status replied = co_await link_->Send(context);
  ExecuteResult result;
  if (replied) {
    auto message = co_await Expect(protocol::kCommandComplete, context);
    if (message) {
      MOLT_CO_ASSIGN(const auto complete, protocol::CommandComplete::Decode(message->body));
      result.rows_affected = complete.Rows();
      replied = co_await ExpectReady(context);
    } else {
      replied = Fail(std::move(message).error());
    }
  }
  if (replied) co_return result;
  if (!in_exchange_) co_return Fail(std::move(replied).error());
  co_return co_await Settle(std::move(replied).error(), context);
}

}  // namespace molt::db::postgres
