// Messages in and out of one connection.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "molt/base/async.h"
#include "molt/db/connection.h"
#include "molt/db/postgres/protocol/message.h"
#include "molt/db/postgres/transport.h"
#include "molt/types/buffer.h"

namespace molt::db::postgres {

class Link {
 public:
  explicit Link(std::unique_ptr<Transport> transport) : transport_(std::move(transport)) {}
  // Between requests the server is told that this is the end, in their midst the socket is cut.
  ~Link();
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  // What Send() will send; messages are appended here.
  [[nodiscard]] std::string& out() { return out_; }
  // Sends all of it. While the server does not take it, what the server sends is received, so that
  // the two never wait for each other.
  Async<void> Send(const ExecContext& context);

  // Sends as much as the server takes now, and leaves the rest to Send(). False if that failed.
  bool SendSome();

  // The next message, if it is there; it is valid until Receive() or Send(). Reports of changed
  // parameters, notices and notifications are taken in here and never given.
  // An error means that the link is broken.
  [[nodiscard]] Result<bool> TryNext(protocol::Message& message) {
    while (true) {
      std::size_t total = 0;
      const auto outcome =
          protocol::NextMessage(unread(), protocol::kServerLengthMax, message, total);
      if (outcome != protocol::ParseOutcome::kMessage) [[unlikely]]
        return NoMessage(outcome);
      begin_ += total;
      if (!IsAsynchronous(message.type)) [[likely]]
        return true;
      MOLT_RETURN_IF_ERROR(TakeIn(message));
    }
  }
  // Waits until the server has sent more. Timeout and Cancelled leave the link as it was; all other
  // errors break it.
  Async<void> Receive(const ExecContext& context);
  // Looks for so long, without sleeping, whether the server has sent more.
  Result<bool> Poll(Deadline until);
  // The two together: waits for the next message.
  Async<protocol::Message> Next(const ExecContext& context);

  // No more can be sent or received: the connection is lost, or what came made no sense.
  [[nodiscard]] bool is_broken() const { return broken_; }
  void Break() { broken_ = true; }
  // Broken because a request was given up while it was being sent.
  [[nodiscard]] bool is_cut_short() const { return cut_short_; }
  // Whether all that came has been read, and nothing waits to be sent.
  [[nodiscard]] bool IsDrained() const { return begin_ == end_ && out_.empty(); }
  [[nodiscard]] Transport& transport() const { return *transport_; }
  // What the server reports about itself: server_version, is_superuser, TimeZone…
  std::map<std::string, std::string, std::less<>> parameters;

 private:
  [[nodiscard]] std::string_view unread() const {
    return {reinterpret_cast<const char*>(in_.data()) + begin_, end_ - begin_};
  }
  static bool IsAsynchronous(char type) {
    return type == protocol::kParameterStatus || type == protocol::kNoticeResponse ||
           type == protocol::kNotificationResponse;
  }
  Result<bool> NoMessage(protocol::ParseOutcome outcome);
  Status TakeIn(const protocol::Message& message);
  void MakeRoom();
  // Reads once; false if there was nothing.
  Result<bool> ReadOnce(Interest& wanted);
  [[nodiscard]] Error Lost(const std::string& why);

  std::unique_ptr<Transport> transport_;
  std::string out_;
  types::Buffer in_;  // [begin_, end_) has come and is not read yet
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::size_t read_size_ = std::size_t{16} << 10;
  bool broken_ = false;
  bool cut_short_ = false;
};

// Cancelled or Timeout.
[[nodiscard]] Status CheckContext(const ExecContext& context);
[[nodiscard]] Status StatusOf(Wake wake, const char* while_doing);

}  // namespace molt::db::postgres
