#include "molt/wire/frame.h"
#include "molt/worker/entry.h"
#include "molt/worker/server.h"

namespace molt::worker {

namespace {

constexpr std::int64_t kProtocol = 1;

}  // namespace

Async<Answer> RunHello(CallPtr call) {
  using types::Document;
  const Server& server = call->server;
  Document::Array entries;
  for (const std::string& name : server.EntryNames()) entries.emplace_back(name);
  Document::Map aliases;
  for (const auto& [name, alias] : server.aliases()) {
    aliases.emplace_back(name, Document(alias->database->dialect().name));
  }
  const Document::Map limits = {{"frame_bytes", static_cast<std::int64_t>(wire::kFrameBytesMax)},
                                {"queue", static_cast<std::int64_t>(server.options().queue_max)},
                                {"max_rows", server.options().rows_max},
                                {"stream_window", std::int64_t{wire::kStreamWindowMax}}};
  co_return DocumentAnswer(*call,
                           Document::Map{{"protocol", kProtocol},
                                         {"server", "molt-worker " + server.options().version},
                                         {"entries", Document(std::move(entries))},
                                         {"aliases", Document(std::move(aliases))},
                                         {"limits", Document(limits)}});
}

}  // namespace molt::worker
