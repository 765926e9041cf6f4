#include "molt/wire/frame.h"
#include "molt/worker/entry.h"
#include "molt/worker/server.h"

namespace molt::worker {

namespace {

constexpr std::int64_t kProtocol = 1;

}  // namespace

Async<Answer> RunHello(CallPtr call) {
  using types::Document;
  const Offer& offer = *call->offer;
  Document::Array entries;
  for (const std::string& name : offer.EntryNames()) entries.emplace_back(name);
  Document::Map aliases;
  for (const auto& [name, alias] : offer.aliases()) {
    aliases.emplace_back(name, Document(alias->database->dialect().name));
  }
  const Document::Map limits = {
      {"frame_bytes", static_cast<std::int64_t>(wire::kFrameBytesMax)},
      {"queue", static_cast<std::int64_t>(offer.options().queue_max)},
      {"in_flight", static_cast<std::int64_t>(offer.options().in_flight_max)},
      {"max_rows", offer.options().rows_max},
      {"stream_window", std::int64_t{wire::kStreamWindowMax}}};
  co_return DocumentAnswer(*call,
                           Document::Map{{"protocol", kProtocol},
                                         {"server", "molt-worker " + offer.options().version},
                                         {"entries", Document(std::move(entries))},
                                         {"aliases", Document(std::move(aliases))},
                                         {"limits", Document(limits)}});
}

}  // namespace molt::worker
