#include "molt/worker/manifest.h"

#include <utility>

#include "molt/query/serialize.h"
#include "molt/worker/value_types.h"

namespace molt::worker {

namespace {

using types::Document;

Result<std::string> TextField(const Document& map, std::string_view key) {
  const Document* value = map.Find(key);
  if (value == nullptr) return InvalidQuery("\"" + std::string(key) + "\" is missing");
  if (const std::string* text = value->AsString()) return *text;
  return InvalidQuery("\"" + std::string(key) + "\" must be a string");
}

Result<std::vector<NamedQuery::Param>> ReadParams(const Document& document) {
  std::vector<NamedQuery::Param> params;
  const Document* list = document.Find("params");
  if (list == nullptr || list->IsNull()) return params;
  if (list->AsArray() == nullptr) return InvalidQuery("\"params\" must be an array");
  for (const Document& item : *list->AsArray()) {
    MOLT_ASSIGN(std::string name, TextField(item, "name"));
    MOLT_ASSIGN(const std::string type_name, TextField(item, "type"));
    const auto type = ValueType(type_name);
    if (!type) return InvalidQuery("parameter \"" + name + "\" is of no known type");
    params.push_back({std::move(name), *type});
  }
  return params;
}

Result<std::optional<NamedQuery>> ReadNamed(const Document& document) {
  const Document* sql = document.Find("sql");
  const Document* query = document.Find("query");
  if (sql == nullptr && query == nullptr) return std::nullopt;
  if (sql != nullptr && query != nullptr) {
    return InvalidQuery("it has both \"sql\" and \"query\"; there must be one");
  }
  NamedQuery named;
  if (sql != nullptr) {
    if (sql->AsString() == nullptr) return InvalidQuery("\"sql\" must be a string");
    named.sql = *sql->AsString();
  } else {
    MOLT_ASSIGN(named.query, query::FromDocument(*query));
  }
  MOLT_ASSIGN(named.params, ReadParams(document));
  if (named.query && !named.params.empty()) {
    return InvalidQuery("a \"query\" has its values inside; \"params\" are for \"sql\"");
  }
  if (const Document* alias = document.Find("db_alias"); alias != nullptr && !alias->IsNull()) {
    if (alias->AsString() == nullptr) return InvalidQuery("\"db_alias\" must be a string");
    named.alias = *alias->AsString();
  }
  if (const Document* rows = document.Find("max_rows"); rows != nullptr && !rows->IsNull()) {
    const auto count = rows->AsInt64();
    if (!count || *count < 1) return InvalidQuery("\"max_rows\" must be at least 1");
    named.rows_max = count;
  }
  return named;
}

Result<Export> ReadExport(const Document& document) {
  if (document.AsMap() == nullptr) return InvalidQuery("it is no map");
  Export exported;
  MOLT_ASSIGN(exported.name, TextField(document, "name"));
  if (exported.name.empty()) return InvalidQuery("its name is empty");
  if (exported.name.starts_with("__")) return InvalidQuery("names that start with __ are taken");
  for (const std::string_view key : {"codec_in", "codec_out"}) {
    MOLT_ASSIGN(const std::string name, TextField(document, key));
    const auto codec = wire::PayloadCodecFromName(name);
    if (!codec) return InvalidQuery("\"" + std::string(key) + "\" is no codec: " + name);
    if (key == "codec_out") exported.codec_out = codec;
  }
  MOLT_ASSIGN(exported.named, ReadNamed(document));
  return exported;
}

}  // namespace

Result<Manifest> Manifest::Parse(std::string_view json, std::vector<std::string>& warnings) {
  MOLT_ASSIGN(const Document document, types::ParseJson(json));
  const Document* exports = document.Find("exports");
  if (exports == nullptr || exports->AsArray() == nullptr) {
    return InvalidQuery("a manifest is an object with \"abi_version\" and \"exports\", an array");
  }
  Manifest manifest;
  manifest.is_closed_ = true;
  std::size_t index = 0;
  for (const Document& item : *exports->AsArray()) {
    const std::string where = "exports[" + std::to_string(index++) + "]";
    Result<Export> exported = ReadExport(item);
    if (!exported) {
      warnings.push_back(where + " is left out: " + exported.error().message);
      continue;
    }
    std::string name = exported->name;
    if (!manifest.exports_.try_emplace(name, std::move(*exported)).second) {
      warnings.push_back(where + " is left out: there is one called " + name + " already");
    }
  }
  return manifest;
}

const Export* Manifest::Find(const std::string& name) const {
  const auto found = exports_.find(name);
  return found == exports_.end() ? nullptr : &found->second;
}

std::vector<std::string> Manifest::Names() const {
  std::vector<std::string> names;
  for (const auto& [name, exported] : exports_) names.push_back(name);
  return names;
}

}  // namespace molt::worker
