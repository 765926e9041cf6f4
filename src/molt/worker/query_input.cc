#include "molt/worker/query_input.h"

#include <optional>
#include <utility>
#include <vector>

#include "molt/codec/columns_format.h"
#include "molt/query/serialize.h"
#include "molt/wire/frame.h"
#include "molt/worker/fields.h"
#include "molt/worker/named_params.h"
#include "molt/worker/value_types.h"

namespace molt::worker {

namespace {

using types::Document;
using types::Value;

constexpr std::size_t kEnvelopeBytes = std::size_t{64} << 10;
constexpr std::size_t kEncodedValuesMax = std::size_t{1} << 20;

Result<std::vector<Value>> ReadPositional(const Document::Array& array) {
  std::vector<Value> values;
  values.reserve(array.size());
  for (const Document& item : array) {
    auto value = ReadParam(item);
    if (!value) {
      return InvalidQuery("params.values[" + std::to_string(values.size()) + "] " +
                          value.error().message);
    }
    values.push_back(std::move(*value));
  }
  return values;
}

// As columns_value.cc has them, one after the other.
Result<std::vector<Value>> ReadEncoded(std::string_view bytes) {
  codec::ColumnsReader in(bytes, kEncodedValuesMax);
  std::vector<Value> values;
  while (!in.IsAtEnd()) values.push_back(in.Value());
  if (in.is_spoiled()) return InvalidQuery("\"params.values\" are not encoded as they must be");
  return values;
}

Result<NamedValues> ReadNamed(const Document::Array& array) {
  NamedValues values;
  values.reserve(array.size());
  for (const Document& item : array) {
    const std::string where = "params.values[" + std::to_string(values.size()) + "] ";
    const Document* name = item.Find("name");
    if (name == nullptr || name->AsString() == nullptr) {
      return InvalidQuery(where + "must be a map with a \"name\"");
    }
    const Document* plain = item.Find("value");
    if (plain == nullptr) return InvalidQuery(where + "has no \"value\"");
    auto value = ReadParam(item);
    if (!value) return InvalidQuery(where + value.error().message);
    values.emplace_back(*name->AsString(), std::move(*value));
  }
  return values;
}

Result<engine::NativeSql> ReadSql(const std::string& sql, const Document& payload,
                                  const Alias& alias) {
  const Document* params = Given(payload, "params");
  if (params == nullptr) return engine::NativeSql{sql, {}, {}};
  if (params->AsMap() == nullptr) return Wrong("params", "a map", *params);
  MOLT_ASSIGN(const auto mode, Text(*params, "mode"));
  const Document* values = Given(*params, "values");
  if (mode == "encoded") {
    const types::Bytes* bytes = values == nullptr ? nullptr : values->AsBytes();
    if (bytes == nullptr) return InvalidQuery("\"params.values\" of encoded params must be bytes");
    MOLT_ASSIGN(auto list, ReadEncoded(bytes->data));
    return engine::NativeSql{sql, std::move(list), {}};
  }
  if (values == nullptr || values->AsArray() == nullptr) {
    return InvalidQuery("\"params.values\" must be an array");
  }
  if (mode == "positional") {
    MOLT_ASSIGN(auto list, ReadPositional(*values->AsArray()));
    return engine::NativeSql{sql, std::move(list), {}};
  }
  if (mode != "named") {
    return InvalidQuery("\"params.mode\" must be positional, named or encoded");
  }
  MOLT_ASSIGN(NamedValues named, ReadNamed(*values->AsArray()));
  MOLT_ASSIGN(Positional made, ToPositional(sql, std::move(named), PlaceholderMark(alias)));
  return engine::NativeSql{std::move(made.sql), std::move(made.params), {}};
}

Result<std::vector<types::LogicalType>> ReadColumnTypes(const Document& payload) {
  std::vector<types::LogicalType> types;
  const Document* names = Given(payload, "column_types");
  if (names == nullptr) return types;
  if (names->AsArray() == nullptr) return Wrong("column_types", "an array", *names);
  for (const Document& name : *names->AsArray()) {
    const auto type =
        name.AsString() == nullptr ? std::nullopt : types::TypeFromName(*name.AsString());
    if (!type) return InvalidQuery("\"column_types\" must be an array of names of types");
    types.push_back(*type);
  }
  return types;
}

Result<engine::Source> ReadSource(const Document& payload, const Alias& alias) {
  MOLT_ASSIGN(const auto sql, Text(payload, "sql"));
  const Document* query = Given(payload, "query");
  if (sql.has_value() == (query != nullptr)) {
    return InvalidQuery(sql ? "there are both \"sql\" and \"query\"; give one of them"
                            : "\"sql\" is missing");
  }
  if (sql) {
    MOLT_ASSIGN(engine::NativeSql native, ReadSql(*sql, payload, alias));
    MOLT_ASSIGN(native.column_types, ReadColumnTypes(payload));
    return engine::Source(std::move(native));
  }
  if (Given(payload, "params") != nullptr) {
    return InvalidQuery("a \"query\" has its values inside; \"params\" are for \"sql\"");
  }
  MOLT_ASSIGN(query::Query read, query::FromDocument(*query));
  return engine::Source(std::move(read));
}

Result<engine::EncodeSpec> ReadSpec(const Document& payload, const Offer& offer,
                                    const Alias& alias) {
  engine::EncodeSpec spec;
  spec.rows_max = alias.options.rows_max.value_or(offer.options().rows_max);
  if (const Document* rows = Given(payload, "max_rows")) {
    const auto count = rows->AsInt64();
    if (!count || *count < 0) return Wrong("max_rows", "an integer, 0 or more", *rows);
    spec.rows_max = *count;
  }
  if (const Document* rows = Given(payload, "batch_rows")) {
    const auto count = rows->AsInt64();
    if (!count || *count < 1) return Wrong("batch_rows", "an integer, 1 or more", *rows);
    spec.batch_rows = *count;
  }
  MOLT_ASSIGN(const auto format, Text(payload, "result_format"));
  if (format) {
    const auto known = codec::ResultFormatFromName(*format);
    if (!known) {
      return InvalidQuery(
          "\"result_format\" must be json, msgpack, arrow_ipc, json_rows, jsonl, csv or "
          "columns, not \"" +
          *format + "\"");
    }
    spec.format = *known;
  }
  MOLT_ASSIGN(const auto arrow_types, Text(payload, "arrow_types"));
  if (arrow_types && *arrow_types != "native") {
    return InvalidQuery("\"arrow_types\" must be native");
  }
  spec.options.native_arrow_types = arrow_types.has_value();
  return spec;
}

}  // namespace

Result<Value> ReadParam(const Document& document) {
  if (document.IsNull()) {
    return InvalidQuery("is null: a null needs a type, {\"value\": null, \"type\": \"text\"}");
  }
  if (document.AsMap() == nullptr) return PlainValue(document);
  const Document* value = document.Find("value");
  if (value == nullptr) return InvalidQuery("is a map without \"value\"");
  const Document* type_name = Given(document, "type");
  if (type_name == nullptr) {
    if (value->IsNull()) return InvalidQuery("is null: a null needs a \"type\"");
    return PlainValue(*value);
  }
  if (type_name->AsString() == nullptr) return Wrong("type", "a string", *type_name);
  const auto type = ValueType(*type_name->AsString());
  if (!type) return InvalidQuery("has a type that is not known: " + *type_name->AsString());
  return ValueOfType(*type, *value);
}

char PlaceholderMark(const Alias& alias) {
  return alias.database->dialect().name == "postgres" ? '$' : '?';
}

wire::PayloadCodec CodecOf(codec::ResultFormat format) {
  switch (format) {
    case codec::ResultFormat::kJson:
    case codec::ResultFormat::kJsonRows:
      return wire::PayloadCodec::kJson;
    case codec::ResultFormat::kMsgPack:
      return wire::PayloadCodec::kMsgPack;
    case codec::ResultFormat::kArrowIpc:
      return wire::PayloadCodec::kArrowIpc;
    case codec::ResultFormat::kJsonLines:
    case codec::ResultFormat::kCsv:
    case codec::ResultFormat::kColumns:
      break;
  }
  return wire::PayloadCodec::kRaw;
}

std::size_t PayloadBytesMax(wire::WireFormat format) {
  const std::size_t bytes = wire::kFrameBytesMax - kEnvelopeBytes;
  return format == wire::WireFormat::kJson ? bytes / 4 * 3 : bytes;
}

Result<db::ParamSets> ReadParamSets(std::string_view bytes) {
  codec::ColumnsReader in(bytes, kEncodedValuesMax);
  db::ParamSets sets;
  while (!in.IsAtEnd()) {
    std::vector<Value>& set = sets.emplace_back(in.Count(1));
    for (Value& value : set) value = in.Value();
  }
  if (in.is_spoiled()) return InvalidQuery("\"param_sets\" are not encoded as they must be");
  return sets;
}

Result<QueryInput> ReadQueryInput(const Document& payload, const Offer& offer) {
  if (payload.AsMap() == nullptr) return InvalidQuery("the payload must be a map");
  QueryInput input;
  MOLT_ASSIGN(auto alias, Text(payload, "db_alias"));
  MOLT_ASSIGN(input.alias, offer.FindAlias(alias.value_or("default")));
  MOLT_ASSIGN(input.source, ReadSource(payload, *input.alias));
  MOLT_ASSIGN(input.spec, ReadSpec(payload, offer, *input.alias));
  MOLT_ASSIGN(input.allows_write, Flag(payload, "allow_write"));
  MOLT_ASSIGN(auto tag, Text(payload, "tag"));
  input.tag = std::move(tag).value_or("");
  if (const auto* native = std::get_if<engine::NativeSql>(&input.source)) {
    input.bytes_in = native->sql.size();
    for (const Value& value : native->params) {
      input.bytes_in += sizeof(std::int64_t) + types::HeapBytes(value);
    }
  }
  return input;
}

}  // namespace molt::worker
