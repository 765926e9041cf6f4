// An example of an entry with a query: a page of a user's items. To add one like it, write such a
// file and its line in entry.cc.
#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "molt/codec/json_cell.h"
#include "molt/codec/json_string.h"
#include "molt/codec/msgpack_cell.h"
#include "molt/codec/number_text.h"
#include "molt/query/query.h"
#include "molt/types/msgpack_out.h"
#include "molt/worker/cursor.h"
#include "molt/worker/entry.h"
#include "molt/worker/fields.h"
#include "molt/worker/run_query.h"

namespace molt::worker {

namespace {

using query::Expr;
using types::Document;
using types::Value;

constexpr std::int64_t kLimitDefault = 50;
constexpr std::int64_t kLimitMax = 500;
constexpr std::string_view kAnyStatus = "any";

enum Column : std::size_t { kId, kCreatedAt, kStatus, kTitle, kScore, kUnread, kColumns };
constexpr std::array<std::string_view, kColumns> kNames = {"id",    "created_at", "status",
                                                           "title", "score",      "unread"};

struct Input {
  std::int64_t user_id = 0;
  std::string title_part;
  std::string status;
  std::int64_t limit = kLimitDefault;
  std::optional<std::int64_t> after;
};

Result<Input> ReadInput(const Document& payload, std::string_view cursor_key) {
  Input input;
  const Document* user = payload.Find("user_id");
  const auto user_id = user == nullptr ? std::nullopt : user->AsInt64();
  if (!user_id) return InvalidQuery("\"user_id\" must be an integer");
  input.user_id = *user_id;
  MOLT_ASSIGN(auto title_part, Text(payload, "q"));
  MOLT_ASSIGN(auto status, Text(payload, "status"));
  input.title_part = std::move(title_part).value_or("");
  input.status = std::move(status).value_or("");
  if (const Document* limit = Given(payload, "limit")) {
    const auto count = limit->AsInt64();
    if (!count || *count < 0) return InvalidQuery("\"limit\" must be an integer, 0 or more");
    input.limit = std::min(*count, kLimitMax);
  }
  MOLT_ASSIGN(const auto cursor, Text(payload, "cursor"));
  if (cursor && !cursor->empty()) {
    MOLT_ASSIGN(input.after, ReadCursor(*cursor, cursor_key));
  }
  return input;
}

// Anywhere in the title, ignoring case as the engine does; `%` and `_` are plain characters. Not
// the builder's IContains, which refuses what SQLite would not fold.
Expr TitleHas(const Expr& title, std::string_view part, std::string_view dialect) {
  std::string pattern = "%";
  for (const char c : part) {
    if (c == '%' || c == '_' || c == '!') pattern += '!';
    pattern += c;
  }
  pattern += '%';
  const bool has_ilike = dialect == "postgres";
  return Expr::Raw(
      has_ilike ? "{title} ILIKE {pattern} ESCAPE '!'" : "{title} LIKE {pattern} ESCAPE '!'",
      {{"title", title}, {"pattern", Expr(pattern)}});
}

query::Query MakeQuery(const Input& input, std::string_view dialect) {
  static const query::Table items("items");
  // Made once: each request adds its conditions.
  static const query::Query all = [] {
    std::vector<Expr> columns;
    for (const std::string_view name : kNames) columns.push_back(items[name]);
    const std::vector<query::Ordering> order = {items["id"].Asc()};
    return query::From(items).Select(columns).OrderBy(order);
  }();
  std::vector<Expr> conditions = {items["user_id"] == Expr(input.user_id)};
  if (!input.status.empty() && input.status != kAnyStatus) {
    conditions.push_back(items["status"] == Expr(input.status));
  }
  if (!input.title_part.empty()) {
    conditions.push_back(TitleHas(items["title"], input.title_part, dialect));
  }
  if (input.after) conditions.push_back(items["id"] > Expr(*input.after));
  return all.Where(conditions).Limit(input.limit);
}

// What the contract promises, whatever the table's columns are declared as.
Value Normal(std::size_t column, Value value) {
  const auto* integer = std::get_if<std::int64_t>(&value);
  if (integer == nullptr) return value;
  if (column == kScore) return static_cast<double>(*integer);
  if (column == kUnread) return *integer != 0;
  return value;
}

struct Page {
  types::ByteOut items;  // the rows, one after the other
  std::int64_t rows = 0;
  std::int64_t open = 0;
  std::int64_t closed = 0;
  std::optional<std::int64_t> last_id;
};

template <class WriteRow>
void ForEachRow(const types::RecordBatch& batch, Page& page, WriteRow write_row) {
  const types::Column& status = batch.columns[kStatus];
  const bool is_text = !status.IsMixed() && types::HasBytes(status.type.id);
  for (std::int64_t row = 0; row < batch.num_rows; ++row) {
    if (is_text && !status.IsNull(row)) {
      page.open += status.BytesAt(row) == "open" ? 1 : 0;
      page.closed += status.BytesAt(row) == "closed" ? 1 : 0;
    }
    write_row(row);
    ++page.rows;
  }
  if (batch.num_rows > 0) {
    const Value id = batch.columns[kId].ValueAt(batch.num_rows - 1);
    if (const auto* last = std::get_if<std::int64_t>(&id)) page.last_id = *last;
  }
}

bool NeedsNormal(const types::Column& cells, std::size_t column) {
  if (column != kScore && column != kUnread) return false;
  return cells.IsMixed() || cells.type.id == types::TypeId::kInt64;
}

void WriteJson(const types::RecordBatch& batch, Page& page) {
  ForEachRow(batch, page, [&](std::int64_t row) {
    if (page.rows > 0) page.items += ',';
    for (std::size_t i = 0; i < kColumns; ++i) {
      page.items += i == 0 ? "{\"" : ",\"";
      page.items += kNames[i];
      page.items += "\":";
      const types::Column& cells = batch.columns[i];
      if (NeedsNormal(cells, i)) {
        codec::AppendJsonValue(Normal(i, cells.ValueAt(row)), page.items);
      } else {
        codec::AppendJsonCell(cells, row, page.items);
      }
    }
    page.items += '}';
  });
}

void WriteMsgPack(const types::RecordBatch& batch, Page& page) {
  codec::PackOut out(page.items);
  ForEachRow(batch, page, [&](std::int64_t row) {
    out.Map(kColumns);
    for (std::size_t i = 0; i < kColumns; ++i) {
      out.String(kNames[i]);
      const types::Column& cells = batch.columns[i];
      if (NeedsNormal(cells, i)) {
        codec::PackValue(Normal(i, cells.ValueAt(row)), out);
      } else {
        codec::PackCell(cells, row, out);
      }
    }
  });
}

std::string JsonPage(const Page& page, const std::string& cursor) {
  types::ByteOut json;
  json += R"({"items":[)";
  json += page.items.view();
  json += R"(],"next_cursor":)";
  if (cursor.empty()) {
    json += "null";
  } else {
    codec::AppendJsonString(cursor, json);
  }
  json += R"(,"counts":{"open":)";
  codec::AppendInteger(page.open, json);
  json += R"(,"closed":)";
  codec::AppendInteger(page.closed, json);
  json += "}}";
  return json.Take();
}

std::string MsgPackPage(const Page& page, const std::string& cursor) {
  std::string bytes;
  types::MsgPackOut out(bytes);
  out.Map(3);
  out.String("items");
  out.Array(static_cast<std::size_t>(page.rows));
  bytes += page.items.view();
  out.String("next_cursor");
  if (cursor.empty()) {
    out.Nil();
  } else {
    out.String(cursor);
  }
  out.String("counts");
  out.Map(2);
  out.String("open");
  out.Int(page.open);
  out.String("closed");
  out.Int(page.closed);
  return bytes;
}

struct PageSpec {
  std::int64_t limit = 0;
  bool is_json = false;
  std::string cursor_key;
};

// The page, batch by batch: so it is bounded as every other result is.
class PageEncoder final : public codec::Encoder {
 public:
  explicit PageEncoder(PageSpec spec) : spec_(std::move(spec)) {}

  Status Add(const types::RecordBatchPtr& batch) override {
    MOLT_RETURN_IF_ERROR(codec::CheckText(*batch, page_.rows));
    if (spec_.is_json) {
      WriteJson(*batch, page_);
    } else {
      WriteMsgPack(*batch, page_);
    }
    return {};
  }
  Status Finish() override {
    std::string cursor;
    if (page_.rows > 0 && page_.rows == spec_.limit && page_.last_id) {
      cursor = MakeCursor(*page_.last_id, spec_.cursor_key);
    }
    done_ = spec_.is_json ? JsonPage(page_, cursor) : MsgPackPage(page_, cursor);
    return {};
  }
  [[nodiscard]] std::size_t size() const override { return page_.items.size(); }
  [[nodiscard]] std::string Take() override { return std::exchange(done_, {}); }

 private:
  const PageSpec spec_;
  Page page_;
  std::string done_;
};

}  // namespace

Async<Answer> RunListItems(CallPtr call) {
  const std::string& cursor_key = call->offer->options().cursor_key;
  MOLT_CO_ASSIGN(const Document payload, ReadPayload(*call));
  MOLT_CO_ASSIGN(const Input input, ReadInput(payload, cursor_key));
  MOLT_CO_ASSIGN(Alias * alias, call->offer->FindAlias("default"));
  Answer answer;
  answer.codec = AnswerCodec(*call);
  const bool is_json = answer.codec == wire::PayloadCodec::kJson;
  engine::EncodeSpec spec;
  spec.bytes_max = PayloadBytesMax(call->format);
  spec.make_encoder = [page = PageSpec{input.limit, is_json, cursor_key}] {
    return std::make_unique<PageEncoder>(page);
  };
  engine::Source source = MakeQuery(input, alias->database->dialect().name);
  MOLT_CO_ASSIGN(engine::Encoded encoded,
                 co_await FetchEncodedFor(call, *alias, std::move(source), spec));
  answer.payload = std::move(encoded.bytes);
  wire::DatabaseMetrics& metrics = call->metrics.database.emplace();
  metrics.alias = alias->options.name;
  metrics.tag = call->request.entry;
  metrics.result_format = is_json ? "json" : "msgpack";
  metrics.row_count = encoded.rows;
  metrics.bytes_out = static_cast<std::int64_t>(answer.payload.size());
  CountPool(*call, *alias);
  co_return answer;
}

}  // namespace molt::worker
