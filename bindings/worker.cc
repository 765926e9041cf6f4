// Requests to a worker by entry, beside the queries that its databases run.
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/unique_ptr.h>

#include "part_reader.h"
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

client::CallSpec SpecOf(const std::string& entry, const nb::bytes& payload,
                        const std::string& codec, bool retries) {
  const auto known = wire::PayloadCodecFromName(codec);
  if (!known) RaiseInvalid("codec must be msgpack, json, arrow_ipc or raw, not \"" + codec + "\"");
  client::CallSpec spec;
  spec.entry = entry;
  spec.codec = *known;
  spec.payload.assign(payload.c_str(), payload.size());
  spec.is_read = retries;
  return spec;
}

client::Patience PatienceOf(const engine::RequestContext& context) {
  return {context.deadline, context.cancel, context.reactor};
}

std::unique_ptr<Pending> CallEntry(nb::object database, const std::string& entry,
                                   const nb::bytes& payload, const std::string& codec, bool retries,
                                   const nb::object& convert, std::optional<double> timeout) {
  client::CallSpec spec = SpecOf(entry, payload, codec, retries);
  auto client = nb::cast<DatabaseHandle&>(database).GetClient();
  return MakePending<client::Reply>(
      "call", std::move(database), timeout,
      [client, spec](engine::Database&, const engine::RequestContext& context) {
        return client::Client::Ask(client, spec, PatienceOf(context));
      },
      [convert](const client::Reply& reply) { return nb::object(convert(ReplyObject(reply))); });
}

// A reply in parts.
struct Parts {
  std::unique_ptr<client::Call> call;
  bool are_over = false;
  void Stop() const { call->Stop(); }
};

// Nothing after the last.
Async<std::optional<client::Reply>> NextPart(std::shared_ptr<Parts> parts,
                                             client::Patience patience) {
  if (parts->are_over) co_return std::nullopt;
  MOLT_CO_ASSIGN(client::Reply reply, co_await parts->call->Next(std::move(patience)));
  parts->are_over = reply.is_last;
  co_return std::move(reply);
}

struct PyParts {
  PartReader<Parts> reader;
  nb::object convert;
};

std::unique_ptr<Pending> BeginParts(nb::object database, const std::string& entry,
                                    const nb::bytes& payload, const std::string& codec,
                                    bool retries, std::uint32_t window, const nb::object& convert,
                                    std::optional<double> timeout) {
  client::CallSpec spec = SpecOf(entry, payload, codec, retries);
  spec.window = window;
  auto client = nb::cast<DatabaseHandle&>(database).GetClient();
  return MakePending<std::unique_ptr<client::Call>>(
      "stream", database, timeout,
      [client, spec](engine::Database&, const engine::RequestContext& context) {
        return client::Client::Begin(client, spec, PatienceOf(context));
      },
      [database, convert](std::unique_ptr<client::Call> call) {
        auto parts = std::make_shared<Parts>();
        parts->call = std::move(call);
        return nb::cast(PyParts{PartReader<Parts>(std::move(parts), database), convert});
      });
}

// Awaited, it waits in the event loop's own reactor: there is no thread between.
std::unique_ptr<Pending> TakePart(PyParts& self, std::optional<double> timeout) {
  return MakePending<std::optional<client::Reply>>(
      "stream", self.reader.database(), timeout,
      [turn = self.reader.TakeTurn()](engine::Database&, const engine::RequestContext& context) {
        return NextPart(turn.source, PatienceOf(context));
      },
      [convert = self.convert](const std::optional<client::Reply>& reply) -> nb::object {
        if (!reply) return nb::none();
        return convert(ReplyObject(*reply));
      });
}

}  // namespace

void BindWorker(nb::module_& m) {
  m.def("_call_entry", &CallEntry, nb::arg("database"), nb::arg("entry"), nb::arg("payload"),
        nb::arg("codec"), nb::arg("retries"), nb::arg("convert"), nb::arg("timeout") = nb::none(),
        nb::sig("def _call_entry(database: Database, entry: str, payload: bytes, codec: str,"
                " retries: bool, convert: collections.abc.Callable[[tuple[str, bytes,"
                " dict[str, int | str]]], R], timeout: float | None = None) -> Pending[R]"));
  m.def("_begin_parts", &BeginParts, nb::arg("database"), nb::arg("entry"), nb::arg("payload"),
        nb::arg("codec"), nb::arg("retries"), nb::arg("window"), nb::arg("convert"),
        nb::arg("timeout") = nb::none(),
        nb::sig("def _begin_parts(database: Database, entry: str, payload: bytes, codec: str,"
                " retries: bool, window: int, convert: collections.abc.Callable[[tuple[str, bytes,"
                " dict[str, int | str]]], R], timeout: float | None = None) -> Pending[_Parts[R]]"),
        "The reply in parts, of which `window` (1 to 1024) may come before one is taken.");
  nb::class_<PyParts>(m, "_Parts", nb::is_generic(), nb::sig("class _Parts(typing.Generic[R])"))
      .def("next", &TakePart, nb::arg("timeout") = nb::none(),
           nb::sig("def next(self, timeout: float | None = None) -> Pending[R | None]"))
      .def("close", [](PyParts& self) { self.reader.Close(); });
  m.def(
      "_worker_process",
      [](nb::handle database) -> std::int64_t {
        return nb::cast<DatabaseHandle&>(database).GetClient()->process();
      },
      nb::arg("database"), nb::sig("def _worker_process(database: Database) -> int"),
      "The process that was started for it, or -1.");
}

}  // namespace molt::bindings
