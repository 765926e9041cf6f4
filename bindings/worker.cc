// Requests to a worker by entry, beside the queries that its databases run.
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/unique_ptr.h>

#include "pending.h"

namespace molt::bindings {

namespace {

nb::object PlainObject(const types::Document& value) {
  if (const auto number = value.AsInt64()) return nb::int_(*number);
  if (const auto number = value.AsUint64()) return nb::int_(*number);
  if (const std::string* text = value.AsString()) return ShownText(*text);
  return nb::none();
}

// (codec, payload, metrics)
nb::object ReplyObject(const client::Reply& reply) {
  nb::dict metrics;
  for (const auto& [name, value] : reply.metrics) metrics[ShownText(name)] = PlainObject(value);
  return nb::make_tuple(ShownText(wire::PayloadCodecName(reply.codec)),
                        nb::bytes(reply.payload.data(), reply.payload.size()), metrics);
}

std::unique_ptr<Pending> CallEntry(nb::object database, const std::string& entry,
                                   const nb::bytes& payload, const std::string& codec, bool retries,
                                   const nb::object& convert, std::optional<double> timeout) {
  const auto known = wire::PayloadCodecFromName(codec);
  if (!known) RaiseInvalid("codec must be msgpack, json, arrow_ipc or raw, not \"" + codec + "\"");
  auto client = nb::cast<DatabaseHandle&>(database).GetClient();
  client::CallSpec spec;
  spec.entry = entry;
  spec.codec = *known;
  spec.payload.assign(payload.c_str(), payload.size());
  spec.is_read = retries;
  return MakePending<client::Reply>(
      "call", std::move(database), timeout,
      [client, spec](engine::Database&, const engine::RequestContext& context) {
        return client::Client::Ask(client, spec,
                                   {context.deadline, context.cancel, context.reactor});
      },
      [convert](const client::Reply& reply) { return nb::object(convert(ReplyObject(reply))); });
}

}  // namespace

void BindWorker(nb::module_& m) {
  m.def("_call_entry", &CallEntry, nb::arg("database"), nb::arg("entry"), nb::arg("payload"),
        nb::arg("codec"), nb::arg("retries"), nb::arg("convert"), nb::arg("timeout") = nb::none(),
        nb::sig("def _call_entry(database: Database, entry: str, payload: bytes, codec: str,"
                " retries: bool, convert: collections.abc.Callable[[tuple[str, bytes,"
                " dict[str, int | str]]], R], timeout: float | None = None) -> Pending[R]"));
  m.def(
      "_worker_process",
      [](nb::handle database) -> std::int64_t {
        return nb::cast<DatabaseHandle&>(database).GetClient()->process();
      },
      nb::arg("database"), nb::sig("def _worker_process(database: Database) -> int"),
      "The process that was started for it, or -1.");
}

}  // namespace molt::bindings
