#include "molt/worker/entry.h"
#include "molt/worker/server.h"

namespace molt::worker {

Async<Answer> RunHealth(CallPtr call) {
  types::Document::Map databases;
  for (const auto& [name, alias] : call->offer->aliases()) {
    databases.emplace_back(
        name, types::Document::Map{{"engine", alias->database->dialect().name},
                                   {"running", static_cast<std::int64_t>(alias->gate.running())},
                                   {"waiting", static_cast<std::int64_t>(alias->gate.waiting())}});
  }
  co_return DocumentAnswer(
      *call, types::Document::Map{{"ok", true},
                                  {"draining", call->server.IsStopping()},
                                  {"databases", types::Document(std::move(databases))}});
}

}  // namespace molt::worker
