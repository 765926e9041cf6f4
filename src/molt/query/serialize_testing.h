// For tests and fuzzers of the serialized form.
#pragma once

#include <string>

#include "molt/query/serialize.h"
#include "molt/query/structure.h"

namespace molt::query {

// What differs between two queries, values included; empty if nothing does.
inline std::string Difference(const Query& a, const Query& b) {
  if (!SameStructure(a, b)) return "structure";
  if (StructureHash(a) != StructureHash(b)) return "hash of the same structure";
  Literals of_a;
  Literals of_b;
  CollectLiterals(a, of_a);
  CollectLiterals(b, of_b);
  if (of_a.size() != of_b.size()) return "number of literals";
  for (std::size_t i = 0; i < of_a.size(); ++i) {
    // As expressions, because they compare floats bit for bit.
    if (!Identical(*of_a[i], *of_b[i])) return "literal " + std::to_string(i);
  }
  return {};
}

// What is lost when a query is written and read in both formats, and written again; empty if
// nothing is.
inline std::string LostInRoundTrip(const Query& query) {
  const auto json = ToJson(query);
  if (!json) return "not written as JSON: " + json.error().message;
  const auto msgpack = ToMsgPack(query);
  if (!msgpack) return "not written as MsgPack: " + msgpack.error().message;
  const auto from_json = FromJson(*json);
  if (!from_json) return "not read as JSON: " + from_json.error().message + " in " + *json;
  const auto from_msgpack = FromMsgPack(*msgpack);
  if (!from_msgpack) return "not read as MsgPack: " + from_msgpack.error().message;
  for (const Query& read : {*from_json, *from_msgpack}) {
    if (std::string lost = Difference(query, read); !lost.empty()) return lost + " of " + *json;
    const auto json_again = ToJson(read);
    if (!json_again || *json_again != *json) return "other JSON than " + *json;
    const auto msgpack_again = ToMsgPack(read);
    if (!msgpack_again || *msgpack_again != *msgpack) return "other MsgPack than of " + *json;
  }
  return {};
}

}  // namespace molt::query
