// Exports that are queries: called by name, with values for their parameters.
#include <utility>

#include "molt/base/nearest_names.h"
#include "molt/worker/entry.h"
#include "molt/worker/named_params.h"
#include "molt/worker/run_query.h"
#include "molt/worker/value_types.h"

namespace molt::worker {

namespace {

using types::Document;

Result<NamedValues> ReadValues(const NamedQuery& named, const Document& payload) {
  static const Document none{Document::Map()};
  const Document* given = payload.Find("params");
  if (given == nullptr || given->IsNull()) given = &none;
  if (given->AsMap() == nullptr) return InvalidQuery("\"params\" must be a map of names to values");
  std::vector<std::string> names;
  for (const NamedQuery::Param& param : named.params) names.push_back(param.name);
  for (const auto& [name, value] : *given->AsMap()) {
    if (std::find(names.begin(), names.end(), name) == names.end()) {
      return InvalidQuery("there is no parameter \"" + name + "\"" + NearestNames(name, names));
    }
  }
  NamedValues values;
  for (const NamedQuery::Param& param : named.params) {
    const Document* value = given->Find(param.name);
    if (value == nullptr) return InvalidQuery("the parameter \"" + param.name + "\" is missing");
    auto read = ValueOfType(param.type, *value);
    if (!read) {
      return InvalidQuery("the parameter \"" + param.name + "\": " + read.error().message);
    }
    values.emplace_back(param.name, std::move(*read));
  }
  return values;
}

Result<codec::ResultFormat> FormatOf(const Export& exported) {
  switch (exported.codec_out.value_or(wire::PayloadCodec::kJson)) {
    case wire::PayloadCodec::kJson:
      return codec::ResultFormat::kJson;
    case wire::PayloadCodec::kMsgPack:
      return codec::ResultFormat::kMsgPack;
    case wire::PayloadCodec::kArrowIpc:
      return codec::ResultFormat::kArrowIpc;
    case wire::PayloadCodec::kRaw:
      break;
  }
  return Internal("the export \"" + exported.name + "\" has codec_out raw, which no query gives");
}

}  // namespace

Async<Answer> RunNamedQuery(CallPtr call) {
  const Export& exported = *call->callable.exported;
  const NamedQuery& named = *exported.named;
  MOLT_CO_ASSIGN(const Document payload, ReadPayload(*call));
  QueryInput input;
  MOLT_CO_ASSIGN(input.alias, call->offer->FindAlias(named.alias));
  MOLT_CO_ASSIGN(input.spec.format, FormatOf(exported));
  input.spec.rows_max = named.rows_max.value_or(
      input.alias->options.rows_max.value_or(call->offer->options().rows_max));
  MOLT_CO_ASSIGN(NamedValues values, ReadValues(named, payload));
  if (named.query) {
    input.source = *named.query;
  } else {
    MOLT_CO_ASSIGN(Positional made,
                   ToPositional(named.sql, std::move(values), PlaceholderMark(*input.alias)));
    input.bytes_in = made.sql.size();
    input.source = engine::NativeSql{std::move(made.sql), std::move(made.params), {}};
  }
  input.tag = call->request.entry;
  co_return co_await AnswerQuery(call, std::move(input));
}

}  // namespace molt::worker
