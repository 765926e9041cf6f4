// One client: frames in, replies out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "molt/wire/frame.h"
#include "molt/worker/call.h"
#include "molt/worker/counters.h"
#include "molt/worker/output.h"

namespace molt::worker {

// A client with so much unread output is not read from, nor sent parts of streams, until it has
// read.
inline constexpr std::size_t kOutputBytesMax = std::size_t{8} << 20;

class Session final : public PartSink, public std::enable_shared_from_this<Session> {
 public:
  Session(Server& server, int in, int out, bool owns, bool is_only);
  ~Session() override;

  void Start();
  // No more requests are read; ends when all that were read are answered.
  void Drain();
  void CancelAll();
  void Send(wire::Response part) override;
  Async<void> WaitForRoom(Deadline deadline, CancelToken cancel) override;

  [[nodiscard]] bool is_only() const { return is_only_; }

 private:
  asio::awaitable<void> Read(std::shared_ptr<Session> self);
  asio::awaitable<void> Write(std::shared_ptr<Session> self);
  // What `read` has filled, as far as the client reads its replies.
  void HandleFrames();
  void Handle(std::string_view body);
  bool HandleControl(const wire::Request& request, wire::WireFormat format);
  void Cancel(const wire::Request& request, wire::WireFormat format);
  void Credit(const wire::Request& request);
  void Begin(const CallPtr& call);
  void Run(const CallPtr& call, Async<Answer> work);
  // Once there is room for its reply: for a small one, or for any.
  Async<Answer> RunLater(CallPtr call, bool takes_all);
  void Finish(const CallPtr& call, Result<Answer> result);
  void Reply(wire::Response response, wire::WireFormat format, EntryCounters& counters);
  void Append(wire::Response response, wire::WireFormat format);
  void Refuse(std::uint64_t id, const Error& error, const std::string& entry,
              wire::WireFormat format, EntryCounters& counters);
  // When all that is ready was looked at: answers to what came together go out together.
  void FlushSoon();
  void Flush();
  // After the end of the input: waits for what is under way, for a while.
  asio::awaitable<void> Linger(std::shared_ptr<Session> self);
  void Close();
  void CloseIfDone();

  Server& server_;
  const int in_;
  const int out_;
  const bool owns_;
  const bool is_only_;
  wire::FrameReader reader_;
  std::unordered_map<std::uint64_t, CallPtr> calls_;  // under way
  std::size_t request_bytes_ = 0;                     // of their payloads
  const std::shared_ptr<ReplyBudget> budget_;
  Output output_;
  bool is_writing_ = false;  // a coroutine waits until more can be written
  bool flushes_soon_ = false;
  bool reads_ = true;
  bool is_closed_ = false;
  CancelSource reading_;                          // ends the wait for more input
  std::vector<std::shared_ptr<Event>> for_room_;  // of who waits for the output to drain
};

}  // namespace molt::worker
