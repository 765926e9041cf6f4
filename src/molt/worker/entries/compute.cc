// An example of an entry without a database.
#include <utility>

#include "molt/worker/entry.h"
#include "molt/worker/fields.h"

namespace molt::worker {

namespace {

using types::Document;

Result<double> Number(const Document& payload, std::string_view key, double otherwise) {
  const Document* value = Given(payload, key);
  if (value == nullptr) return otherwise;
  if (const auto number = value->AsDouble()) return *number;
  return InvalidQuery("\"" + std::string(key) + "\" must be a number");
}

}  // namespace

Async<Answer> RunCompute(CallPtr call) {
  MOLT_CO_ASSIGN(const Document payload, ReadPayload(*call));
  const Document* values = payload.Find("values");
  if (values == nullptr || values->AsArray() == nullptr) {
    co_return InvalidQuery("\"values\" must be an array of numbers");
  }
  MOLT_CO_ASSIGN(const double scale, Number(payload, "scale", 1));
  MOLT_CO_ASSIGN(const double offset, Number(payload, "offset", 0));
  double sum = 0;
  Document::Array scaled;
  scaled.reserve(values->AsArray()->size());
  for (const Document& value : *values->AsArray()) {
    const auto number = value.AsDouble();
    if (!number) {
      co_return InvalidQuery("values[" + std::to_string(scaled.size()) + "] is " +
                             std::string(value.KindName()) + ", not a number");
    }
    scaled.emplace_back(*number * scale + offset);
    sum += *scaled.back().AsDouble();
  }
  const auto count = static_cast<std::int64_t>(scaled.size());
  co_return DocumentAnswer(
      *call,
      Document::Map{{"count", count}, {"sum", sum}, {"scaled", Document(std::move(scaled))}});
}

}  // namespace molt::worker
