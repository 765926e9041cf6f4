// What can be called by name. An entry is one file in entries/ and one line in entry.cc.
#pragma once

#include <span>
#include <string_view>

#include "molt/types/document.h"
#include "molt/worker/call.h"

namespace molt::worker {

struct Entry {
  std::string_view name;
  // Runs as a coroutine on the server's thread, which it must not keep for long.
  Async<Answer> (*run)(CallPtr call);
  // Free SQL: not callable where only exports are.
  bool is_free_sql = false;
  // Little, and made at once: answered however much the client has to read.
  bool is_light = false;
};

// Those that are built in.
[[nodiscard]] std::span<const Entry> BuiltInEntries();
// Of exports that are queries.
[[nodiscard]] const Entry& NamedQueryEntry();

Async<Answer> RunHealth(CallPtr call);
Async<Answer> RunHello(CallPtr call);
Async<Answer> RunDbQuery(CallPtr call);
Async<Answer> RunDbExec(CallPtr call);
Async<Answer> RunDbBatch(CallPtr call);
Async<Answer> RunNamedQuery(CallPtr call);
Async<Answer> RunDbTables(CallPtr call);
Async<Answer> RunDbDescribe(CallPtr call);
Async<Answer> RunDbExplain(CallPtr call);
Async<Answer> RunListItems(CallPtr call);
Async<Answer> RunCompute(CallPtr call);
Async<Answer> RunOffloadTable(CallPtr call);

// The payload, by the request's codec: a map. An empty one is an empty map.
[[nodiscard]] Result<types::Document> ReadPayload(const Call& call);
// In the codec that the manifest names for the entry, else in the request's own; a request whose
// codec is neither JSON nor MsgPack is answered on the wire's.
[[nodiscard]] Answer DocumentAnswer(const Call& call, const types::Document& document);
[[nodiscard]] wire::PayloadCodec AnswerCodec(const Call& call);
// Precondition: the codec is JSON or MsgPack.
[[nodiscard]] Answer Render(const types::Document& document, wire::PayloadCodec codec);

}  // namespace molt::worker
