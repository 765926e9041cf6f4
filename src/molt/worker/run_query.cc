#include "molt/worker/run_query.h"

#include <chrono>
#include <optional>
#include <utility>

#include "molt/worker/server.h"

namespace molt::worker {

namespace {

using Clock = Deadline::Clock;

// Keeps the stream alive while it is read, wherever that is.
Async<std::string> NextPiece(std::shared_ptr<engine::EncodedStream> stream,
                             engine::RequestContext context) {
  co_return co_await stream->Next(std::move(context));
}

// `make(context)` gives the request.
template <class T, class Make>
Async<T> RunRead(CallPtr call, Alias& alias, const engine::Source& source, const Make& make,
                 std::int64_t& queue_us) {
  const engine::RequestContext context = ContextOn(*call, alias);
  if (call->cancel.IsCancelled()) co_return Cancelled("the request was cancelled");
  // What is quick needs no place in the queue: it is done before the next request is looked at.
  if (alias.gate.HasRoom()) {
    std::optional<Result<T>> quick;
    const auto work = [&](engine::ReadsTogether& together) {
      quick = alias.database->Try<T>(source, context, make, together);
    };
    co_await call->server.quick_runs().Run(work);
    if (quick) co_return std::move(*quick);
  }
  const auto begin = Clock::now();
  auto pass = co_await alias.gate.Enter(context.deadline, context.cancel);
  if (!pass) co_return Fail(std::move(pass).error());
  queue_us = MicrosSince(begin);
  co_return co_await call->server.RunOn<T>(alias, std::move(*pass), make(context), context, true);
}

Async<std::int64_t> StreamRows(CallPtr call, QueryInput& input, std::string& last) {
  Alias& alias = *input.alias;
  const engine::RequestContext context = ContextOn(*call, alias);
  // What is quick is small, and comes as the one part it is.
  if (alias.gate.HasRoom()) {
    input.spec.bytes_max = PayloadBytesMax(call->format);
    std::optional<Result<engine::Encoded>> quick;
    const auto make = [&](const engine::RequestContext& trial) {
      return engine::FetchEncoded(alias.database, input.source, input.spec, trial);
    };
    const auto work = [&](engine::ReadsTogether& together) {
      quick = alias.database->Try<engine::Encoded>(input.source, context, make, together);
    };
    co_await call->server.quick_runs().Run(work);
    if (quick) {
      MOLT_CO_ASSIGN(engine::Encoded encoded, std::move(*quick));
      const StreamHold nothing{nullptr, context.deadline};
      MOLT_CO_RETURN_IF_ERROR(co_await call->WaitForTurn(nothing));
      call->metrics.exec_us = encoded.exec_us;
      call->metrics.decode_us = encoded.decode_us;
      last = std::move(encoded.bytes);
      co_return encoded.rows;
    }
  }
  auto pass = co_await alias.gate.Enter(context.deadline, context.cancel);
  if (!pass) co_return Fail(std::move(pass).error());
  call->metrics.queue_us = MicrosSince(call->received);
  const wire::PayloadCodec codec = CodecOf(input.spec.format);
  const StreamHold hold{&alias, context.deadline};
  // The pass is kept here for all of the stream; each step borrows none.
  Gate::Pass none;
  auto opened = co_await call->server.RunOn<std::unique_ptr<engine::EncodedStream>>(
      alias, std::move(none),
      engine::EncodedStream::Open(alias.database, std::move(input.source), input.spec, context),
      context, false);
  if (!opened) co_return Fail(std::move(opened).error());
  const std::shared_ptr<engine::EncodedStream> stream = std::move(*opened);
  while (true) {
    Gate::Pass no_pass;
    MOLT_CO_ASSIGN(std::string piece,
                   co_await call->server.RunOn<std::string>(
                       alias, std::move(no_pass), NextPiece(stream, context), context, false));
    call->share.Hold(piece.size());
    if (piece.size() > PayloadBytesMax(call->format)) {
      co_return InvalidQuery("a part of the result is larger than a reply can be");
    }
    if (stream->is_last()) {
      MOLT_CO_RETURN_IF_ERROR(co_await call->WaitForTurn(hold));
      last = std::move(piece);
      co_return stream->rows();
    }
    MOLT_CO_RETURN_IF_ERROR(co_await call->SendPart(codec, std::move(piece), hold));
  }
}

}  // namespace

engine::RequestContext ContextOn(const Call& call, const Alias& alias) {
  engine::RequestContext context = call.Context();
  if (alias.options.timeout && !context.deadline.IsSet()) {
    context.deadline = Deadline::After(*alias.options.timeout);
  }
  if (alias.database->IsAsynchronous()) context.reactor = &call.server.reactor();
  return context;
}

wire::DatabaseMetrics& MetricsOf(Call& call, const QueryInput& input) {
  wire::DatabaseMetrics& metrics = call.metrics.database.emplace();
  metrics.alias = input.alias->options.name;
  metrics.tag = input.tag;
  metrics.result_format = codec::ResultFormatName(input.spec.format);
  metrics.bytes_in = static_cast<std::int64_t>(input.bytes_in);
  CountPool(call, *input.alias);
  return metrics;
}

void CountPool(Call& call, const Alias& alias) {
  call.metrics.pool_in_flight = static_cast<std::int64_t>(alias.gate.running());
  call.metrics.pool_idle = static_cast<std::int64_t>(alias.gate.idle());
}

Async<engine::Encoded> FetchEncodedFor(CallPtr call, Alias& alias, engine::Source source,
                                       engine::EncodeSpec spec) {
  spec.allowance = ShareOf(call);
  const auto make = [&alias, &source, &spec](const engine::RequestContext& context) {
    return engine::FetchEncoded(alias.database, source, spec, context);
  };
  std::int64_t queue_us = 0;
  auto encoded = co_await RunRead<engine::Encoded>(call, alias, source, make, queue_us);
  call->metrics.queue_us = queue_us;
  if (encoded) {
    call->metrics.exec_us = encoded->exec_us;
    call->metrics.decode_us = encoded->decode_us;
  }
  co_return encoded;
}

Async<Answer> AnswerQuery(CallPtr call, QueryInput input) {
  Answer answer;
  answer.codec = CodecOf(input.spec.format);
  wire::DatabaseMetrics& metrics = MetricsOf(*call, input);
  std::int64_t rows = 0;
  if (call->IsStreamed()) {
    MOLT_CO_ASSIGN(rows, co_await StreamRows(call, input, answer.payload));
  } else {
    input.spec.bytes_max = PayloadBytesMax(call->format);
    MOLT_CO_ASSIGN(
        engine::Encoded encoded,
        co_await FetchEncodedFor(call, *input.alias, std::move(input.source), input.spec));
    answer.payload = std::move(encoded.bytes);
    rows = encoded.rows;
  }
  metrics.row_count = rows;
  metrics.bytes_out = static_cast<std::int64_t>(answer.payload.size());
  CountPool(*call, *input.alias);
  co_return answer;
}

}  // namespace molt::worker
