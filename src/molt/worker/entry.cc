#include "molt/worker/entry.h"

#include <array>

#include "molt/wire/frame.h"
#include "molt/worker/server.h"

namespace molt::worker {

namespace {

// clang-format off: a line for each
constexpr std::array kEntries = {
    Entry{"health", RunHealth, false, true},
    Entry{"__hello__", RunHello, false, true},
    Entry{"db_query", RunDbQuery, true},
    Entry{"db_exec", RunDbExec, true},
    Entry{"db_batch", RunDbBatch, true},
    Entry{"db_tables", RunDbTables, true},
    Entry{"db_describe", RunDbDescribe, true},
    Entry{"db_explain", RunDbExplain, true},
    Entry{"list_items", RunListItems},
    Entry{"compute", RunCompute},
    Entry{"offload_table", RunOffloadTable},
};
// clang-format on

// What a frame can hold may be a payload.
constexpr types::DocumentLimits kPayloadLimits{.size_bytes_max = wire::kFrameBytesMax};

constexpr Entry kNamedQuery = {"a named query", RunNamedQuery};

}  // namespace

std::span<const Entry> BuiltInEntries() { return kEntries; }

const Entry& NamedQueryEntry() { return kNamedQuery; }

namespace {

Result<types::Document> Decode(const wire::Request& request) {
  switch (request.codec) {
    case wire::PayloadCodec::kMsgPack:
      return types::ParseMsgPack(request.payload, kPayloadLimits);
    case wire::PayloadCodec::kJson:
      return types::ParseJson(request.payload, kPayloadLimits);
    default:
      return InvalidQuery("the payload of " + request.entry + " must be msgpack or json, not " +
                          std::string(wire::PayloadCodecName(request.codec)));
  }
}

}  // namespace

Result<types::Document> ReadPayload(const Call& call) {
  if (call.request.payload.empty()) return types::Document(types::Document::Map());
  MOLT_ASSIGN(types::Document payload, Decode(call.request));
  if (payload.AsMap() == nullptr) return InvalidQuery("the payload must be a map");
  return payload;
}

wire::PayloadCodec AnswerCodec(const Call& call) {
  const Export* exported = call.callable.exported;
  wire::PayloadCodec codec = call.request.codec;
  if (exported != nullptr && exported->codec_out) codec = *exported->codec_out;
  if (codec == wire::PayloadCodec::kJson || codec == wire::PayloadCodec::kMsgPack) return codec;
  return call.format == wire::WireFormat::kJson ? wire::PayloadCodec::kJson
                                                : wire::PayloadCodec::kMsgPack;
}

Answer Render(const types::Document& document, wire::PayloadCodec codec) {
  return {codec, codec == wire::PayloadCodec::kJson ? types::ToJson(document)
                                                    : types::ToMsgPack(document)};
}

Answer DocumentAnswer(const Call& call, const types::Document& document) {
  return Render(document, AnswerCodec(call));
}

}  // namespace molt::worker
