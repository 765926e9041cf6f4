// Several reads in one request.
#include <utility>
#include <vector>

#include "molt/worker/entry.h"
#include "molt/worker/run_query.h"

namespace molt::worker {

namespace {

using types::Document;

constexpr std::size_t kQueriesMax = 64;

Document Refused(const Error& error) {
  return Document::Map{{"status", wire::ResponseStatusName(wire::StatusOf(error.code))},
                       {"codec", "raw"},
                       {"error", error.message}};
}

Async<engine::Encoded> RunOne(CallPtr call, const Document& query) {
  MOLT_CO_ASSIGN(QueryInput input, ReadQueryInput(query, call->server));
  if (input.allows_write) co_return InvalidQuery("db_batch only reads");
  input.spec.bytes_max = PayloadBytesMax(call->format);
  co_return co_await FetchEncodedFor(call, *input.alias, std::move(input.source), input.spec);
}

}  // namespace

Async<Answer> RunDbBatch(CallPtr call) {
  MOLT_CO_ASSIGN(const Document payload, ReadPayload(*call));
  const Document* queries = payload.Find("queries");
  if (queries == nullptr || queries->AsArray() == nullptr) {
    co_return InvalidQuery("\"queries\" must be an array of what db_query takes");
  }
  if (queries->AsArray()->size() > kQueriesMax) {
    co_return InvalidQuery("there may be 64 queries in a batch at most");
  }
  Document::Array answers;
  std::size_t bytes = 0;
  for (const Document& query : *queries->AsArray()) {
    auto encoded = co_await RunOne(call, query);
    call->metrics = {};  // those of one query alone would mislead
    if (!encoded) {
      const ErrorCode code = encoded.error().code;
      if (code == ErrorCode::kCancelled || code == ErrorCode::kTimeout) {
        co_return Fail(std::move(encoded).error());
      }
      answers.push_back(Refused(encoded.error()));
      continue;
    }
    bytes += encoded->bytes.size();
    if (bytes > PayloadBytesMax(call->format)) {
      co_return InvalidQuery("the results together are larger than a reply can be");
    }
    const Document* format = query.Find("result_format");
    const auto known = format == nullptr || format->AsString() == nullptr
                           ? codec::ResultFormat::kJson
                           : *codec::ResultFormatFromName(*format->AsString());
    answers.push_back(
        Document::Map{{"status", "Ok"},
                      {"codec", wire::PayloadCodecName(CodecOf(known))},
                      {"payload", Document(types::Bytes{std::move(encoded->bytes)})}});
  }
  co_return DocumentAnswer(*call, Document(std::move(answers)));
}

}  // namespace molt::worker
