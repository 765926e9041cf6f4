// One request while it is answered.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "molt/base/async.h"
#include "molt/base/reactor.h"
#include "molt/engine/database.h"
#include "molt/wire/envelope.h"
#include "molt/worker/offer.h"
#include "molt/worker/reply_budget.h"

namespace molt::worker {

class Server;

// What an entry gives; the session makes a reply of it.
struct Answer {
  wire::PayloadCodec codec = wire::PayloadCodec::kRaw;
  std::string payload;
};

// Where the parts of an answer go before its last. Used on the server's thread.
class PartSink {
 public:
  virtual ~PartSink() = default;
  virtual void Send(wire::Response part) = 0;
  // Until the client has read most of what was sent.
  virtual Async<void> WaitForRoom(Deadline deadline, CancelToken cancel) = 0;
};

// What a stream keeps from others while it waits for its client.
struct StreamHold {
  const Alias* alias = nullptr;  // a place and a connection of it; nullptr: nothing
  Deadline deadline;             // the request's own or its alias's
};

// On the server's thread, all of it.
struct Call {
  Call(Server& of, OfferPtr from, const Callable& what, wire::Request received_request,
       wire::WireFormat on, std::weak_ptr<PartSink> replies, std::shared_ptr<ReplyBudget> budget);

  [[nodiscard]] engine::RequestContext Context() const;
  [[nodiscard]] bool IsStreamed() const { return request.stream_window.has_value(); }
  // Sends a part, once its turn has come.
  Async<void> SendPart(wire::PayloadCodec codec, std::string payload, const StreamHold& hold);
  // Until the client lets one more part come and has read what came before; for a part that is sent
  // as the answer. Busy if that takes long while others wait for what the stream holds.
  Async<void> WaitForTurn(const StreamHold& hold);
  void AddCredit(std::uint64_t parts);

  Server& server;
  const OfferPtr offer;
  const Callable& callable;  // of the offer
  const wire::Request request;
  const wire::WireFormat format;
  const Deadline::Clock::time_point received = Deadline::Clock::now();
  const Deadline deadline;
  CancelSource cancel;
  wire::Metrics metrics;
  std::uint64_t next_seq = 0;
  ReplyBudget::Share share;

 private:
  Async<void> WaitForCredit(Deadline until);
  // Does not take the credit.
  Async<void> WaitForCreditAndRoom(Deadline until);

  std::weak_ptr<PartSink> replies_;
  std::uint64_t credit_ = 0;
  std::shared_ptr<Event> credit_came_;  // while somebody waits for it
};

using CallPtr = std::shared_ptr<Call>;

// Keeps the call.
inline std::shared_ptr<ReplyBudget::Share> ShareOf(const CallPtr& call) {
  return {call, &call->share};
}

}  // namespace molt::worker
