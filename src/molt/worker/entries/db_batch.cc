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

Async<Answer> RunOne(CallPtr call, const Document& query) {
  MOLT_CO_ASSIGN(QueryInput input, ReadQueryInput(query, *call->offer));
  if (input.allows_write) co_return InvalidQuery("db_batch only reads");
  input.spec.bytes_max = PayloadBytesMax(call->format);
  MOLT_CO_ASSIGN(engine::Encoded encoded,
                 co_await FetchEncodedFor(call, *input.alias, std::move(input.source), input.spec));
  co_return Answer{CodecOf(input.spec.format), std::move(encoded.bytes)};
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
    auto answer = co_await RunOne(call, query);
    call->metrics = {};  // those of one query alone would mislead
    if (!answer) {
      const ErrorCode code = answer.error().code;
      if (code == ErrorCode::kCancelled || code == ErrorCode::kTimeout ||
          call->share.WasRefused()) {
        co_return Fail(std::move(answer).error());
      }
      answers.push_back(Refused(answer.error()));
      continue;
    }
    bytes += answer->payload.size();
    call->share.Keep(answer->payload.size());
    if (bytes > PayloadBytesMax(call->format)) {
      co_return InvalidQuery("the results together are larger than a reply can be");
    }
    answers.push_back(
        Document::Map{{"status", "Ok"},
                      {"codec", wire::PayloadCodecName(answer->codec)},
                      {"payload", Document(types::Bytes{std::move(answer->payload)})}});
  }
  co_return DocumentAnswer(*call, Document(std::move(answers)));
}

}  // namespace molt::worker
