// An example of an entry that makes rows.
#include <algorithm>
#include <utility>

#include "molt/worker/entry.h"

namespace molt::worker {

namespace {

using types::Document;

constexpr std::int64_t kRowsMax = 50'000;
constexpr std::int64_t kSampleRows = 8;
constexpr std::int64_t kValues = 7;

}  // namespace

Async<Answer> RunOffloadTable(CallPtr call) {
  MOLT_CO_ASSIGN(const Document payload, ReadPayload(*call));
  const Document* asked = payload.Find("rows");
  const auto count = asked == nullptr ? std::nullopt : asked->AsInt64();
  if (!count || *count < 0) {
    co_return InvalidQuery("\"rows\" must be an integer, 0 or more");
  }
  const std::int64_t rows = std::min(*count, kRowsMax);
  Document::Array sample;
  for (std::int64_t id = 0; id < std::min(rows, kSampleRows); ++id) {
    sample.push_back(Document::Map{{"id", id}, {"value", id % kValues}});
  }
  co_return DocumentAnswer(*call,
                           Document::Map{{"rows", rows}, {"sample", Document(std::move(sample))}});
}

}  // namespace molt::worker
