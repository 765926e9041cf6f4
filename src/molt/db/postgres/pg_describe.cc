// Asking the server what a statement takes and gives.
#include <algorithm>
#include <utility>

#include "molt/db/postgres/pg_connection.h"
#include "molt/db/postgres/protocol/data_row.h"
#include "molt/db/postgres/protocol/parameter_description.h"
#include "molt/db/postgres/protocol/row_description.h"

namespace molt::db::postgres {

namespace {

constexpr std::string_view kTypeNameSql = "SELECT format_type($1, NULL)";
constexpr Oid kOidOid = 26;

}  // namespace

bool SameColumns(std::string_view row_description, const Description& description) {
  const auto decoded = protocol::RowDescription::Decode(row_description);
  if (!decoded || decoded->fields.size() != description.column_types.size()) return false;
  for (std::size_t i = 0; i < decoded->fields.size(); ++i) {
    const protocol::FieldDescription& field = decoded->fields[i];
    if (field.type != description.column_types[i] ||
        field.typmod != description.column_typmods[i] ||
        field.name != (*description.schema)[i].name) {
      return false;
    }
  }
  return true;
}

// Within a read's own transaction, so that a pooler gives both halves the same server connection.
Async<DescriptionPtr> PgConnection::Describe(const StatementKeyView& key, Wrap wrap,
                                             const ExecContext& context) {
  request_.Begin(link_->out());
  if (wrap == Wrap::kReadOnly && transaction_ == 'I') {
    MOLT_CO_RETURN_IF_ERROR(request_.Parse("", "BEGIN READ ONLY", {}));
    MOLT_CO_RETURN_IF_ERROR(request_.Run(""));
  }
  MOLT_CO_RETURN_IF_ERROR(request_.Parse("", key.sql, key.declared));
  MOLT_CO_RETURN_IF_ERROR(request_.Add(protocol::Describe{protocol::kStatement, ""}, {}));
  const std::string expected = request_.TakeExpected();
  MOLT_CO_RETURN_IF_ERROR(co_await SendAll(context));
  Status replied = co_await ExpectAll(expected, context);
  if (!replied) {
    if (wrap == Wrap::kReadOnly) {
      [[maybe_unused]] const Status ended = co_await Rollback(context);
    }
    co_return Fail(std::move(replied).error());
  }
  MOLT_CO_ASSIGN(Description description, co_await ReadDescription(context));
  MOLT_CO_RETURN_IF_ERROR(co_await ExpectReady(context));
  MOLT_CO_RETURN_IF_ERROR(co_await LearnTypeNames(description.column_types, context));
  types::Schema schema = *description.schema;
  for (std::size_t i = 0; i < schema.size(); ++i) {
    const Oid type = description.column_types[i];
    const std::string name =
        IsKnownType(type) ? std::string() : shared_->descriptions.TypeName(type);
    Decoder decoder = DecoderFor(type, description.column_typmods[i], name);
    schema[i].type = decoder.type;
    description.result_formats.push_back(static_cast<std::int16_t>(decoder.format));
    description.decoders.push_back(std::move(decoder));
  }
  description.schema = std::make_shared<const types::Schema>(std::move(schema));
  auto shared = std::make_shared<const Description>(std::move(description));
  shared_->descriptions.Put(key, shared);
  co_return shared;
}

Async<Description> PgConnection::ReadDescription(const ExecContext& context) {
  Description description;
  MOLT_CO_ASSIGN(const protocol::Message params,
                 co_await Expect(protocol::kParameterDescription, context));
  MOLT_CO_ASSIGN(auto parameters, protocol::ParameterDescription::Decode(params.body));
  description.param_types = std::move(parameters.types);
  MOLT_CO_ASSIGN(const protocol::Message columns, co_await link_->Next(context));
  types::Schema schema;
  if (columns.type == protocol::kRowDescription) {
    description.gives_rows = true;
    MOLT_CO_ASSIGN(const auto rows, protocol::RowDescription::Decode(columns.body));
    for (const protocol::FieldDescription& field : rows.fields) {
      schema.push_back({field.name, {}, true});
      description.column_types.push_back(field.type);
      description.column_typmods.push_back(field.typmod);
    }
  } else if (columns.type != protocol::kNoData) {
    co_return Fail(Unexpected(columns.type));
  }
  description.schema = std::make_shared<const types::Schema>(std::move(schema));
  co_return description;
}

// For types of extensions and users, which are numbered differently on every server.
Async<void> PgConnection::LearnTypeNames(const std::vector<Oid>& column_types,
                                         const ExecContext& context) {
  for (const Oid type : column_types) {
    if (IsKnownType(type) || !shared_->descriptions.TypeName(type).empty()) continue;
    request_.Begin(link_->out());
    const std::string text = std::to_string(type);
    const std::vector<Oid> declared = {kOidOid};
    const std::vector<std::optional<std::string_view>> values = {text};
    MOLT_CO_RETURN_IF_ERROR(request_.Parse("", kTypeNameSql, declared));
    const protocol::Bind bind{"", "", {}, values, {}};
    MOLT_CO_RETURN_IF_ERROR(request_.Add(bind, {&protocol::kBindComplete, 1}));
    MOLT_CO_RETURN_IF_ERROR(request_.Add(protocol::Execute{}, {&protocol::kDataRow, 1}));
    std::string expected = request_.TakeExpected();
    expected.pop_back();
    MOLT_CO_RETURN_IF_ERROR(co_await SendAll(context));
    MOLT_CO_RETURN_IF_ERROR(co_await ExpectAll(expected, context));
    MOLT_CO_ASSIGN(const protocol::Message row, co_await Expect(protocol::kDataRow, context));
    protocol::DataRowReader reader;
    std::int16_t count = 0;
    bool is_null = true;
    std::string_view name;
    if (!reader.Open(row.body, count) || count != 1 || !reader.Next(is_null, name)) {
      link_->Break();
      co_return protocol::Malformed("DataRow");
    }
    shared_->descriptions.PutTypeName(type, is_null ? "unknown" : std::string(name));
    MOLT_CO_RETURN_IF_ERROR(co_await ExpectAll({&protocol::kCommandComplete, 1}, context));
    MOLT_CO_RETURN_IF_ERROR(co_await ExpectReady(context));
  }
  co_return Status();
}

}  // namespace molt::db::postgres
