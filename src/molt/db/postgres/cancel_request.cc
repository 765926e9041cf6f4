#include "molt/db/postgres/cancel_request.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>
#include <utility>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "molt/db/postgres/protocol/cancel_request.h"
#include "molt/db/postgres/protocol/ssl_request.h"

namespace molt::db::postgres {

namespace {

auto CancelFailed(const std::string& why) {
  return DatabaseError("the cancel request was not delivered: " + why, "08006");
}

struct FreeSsl {
  void operator()(SSL* ssl) const { SSL_free(ssl); }
};
struct FreeX509 {
  void operator()(X509* certificate) const { X509_free(certificate); }
};

// A socket of our own, and TLS on it once it is begun.
class CancelChannel {
 public:
  explicit CancelChannel(const ExecContext& context) : context_(context) {}
  ~CancelChannel() {
    ssl_.reset();
    if (fd_ >= 0) close(fd_);
  }
  CancelChannel(const CancelChannel&) = delete;
  CancelChannel& operator=(const CancelChannel&) = delete;

  Async<void> Connect(const Transport& session) {
    sockaddr_storage address{};
    socklen_t size = sizeof(address);
    auto* const peer = reinterpret_cast<sockaddr*>(&address);
    if (getpeername(session.fd(), peer, &size) != 0) co_return CancelFailed("no peer address");
    fd_ = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd_ < 0) co_return CancelFailed("no socket");
    if (connect(fd_, peer, size) != 0) {
      // A Unix socket whose queue is full says EAGAIN, and cannot be waited for.
      if (errno != EINPROGRESS) co_return CancelFailed("the server does not answer");
      MOLT_CO_RETURN_IF_ERROR(co_await Wait(Interest::kWrite));
      int error = 0;
      socklen_t length = sizeof(error);
      getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &length);
      if (error != 0) co_return CancelFailed("the server does not answer");
    }
    co_return Status();
  }

  // The same settings as the session's, and the same certificate: its name has been checked there.
  Async<void> BeginTls(SSL* session) {
    std::string request;
    MOLT_CO_RETURN_IF_ERROR(protocol::SslRequest().Encode(request));
    MOLT_CO_RETURN_IF_ERROR(co_await Write(request));
    std::array<char, 1> answer{};
    MOLT_CO_ASSIGN(const std::size_t got, co_await Read(answer));
    if (got != 1 || answer[0] != 'S') co_return CancelFailed("the server offers no TLS");
    ssl_.reset(SSL_new(SSL_get_SSL_CTX(session)));
    if (!ssl_ || SSL_set_fd(ssl_.get(), fd_) != 1) co_return CancelFailed("no TLS session");
    while (true) {
      ERR_clear_error();
      const int code = SSL_connect(ssl_.get());
      if (code == 1) break;
      const int reason = SSL_get_error(ssl_.get(), code);
      if (reason != SSL_ERROR_WANT_READ && reason != SSL_ERROR_WANT_WRITE) {
        co_return CancelFailed("the TLS handshake failed");
      }
      MOLT_CO_RETURN_IF_ERROR(
          co_await Wait(reason == SSL_ERROR_WANT_READ ? Interest::kRead : Interest::kWrite));
    }
    const std::unique_ptr<X509, FreeX509> theirs(SSL_get1_peer_certificate(session));
    const std::unique_ptr<X509, FreeX509> ours(SSL_get1_peer_certificate(ssl_.get()));
    if (!theirs || !ours || X509_cmp(theirs.get(), ours.get()) != 0) {
      co_return CancelFailed("another server answered");
    }
    co_return Status();
  }

  // A few bytes: they fit into any socket's buffer.
  Async<void> Write(std::string_view bytes) {
    const bool sent = ssl_ ? SSL_write(ssl_.get(), bytes.data(), static_cast<int>(bytes.size())) > 0
                           : send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
                                 static_cast<ssize_t>(bytes.size());
    if (!sent) co_return CancelFailed("the connection was lost");
    co_return Status();
  }

  // 0 when the server has closed the connection.
  Async<std::size_t> Read(std::span<char> into) {
    while (true) {
      const ssize_t count = recv(fd_, into.data(), into.size(), 0);
      if (count >= 0) co_return static_cast<std::size_t>(count);
      if (errno != EAGAIN && errno != EINTR) co_return std::size_t{0};
      MOLT_CO_RETURN_IF_ERROR(co_await Wait(Interest::kRead));
    }
  }

 private:
  Async<void> Wait(Interest interest) {
    const Wake wake =
        co_await WaitForFd(context_.reactor, fd_, interest, context_.deadline, context_.cancel);
    co_return StatusOf(wake, "a cancel request was being delivered");
  }

  const ExecContext& context_;
  int fd_ = -1;
  std::unique_ptr<SSL, FreeSsl> ssl_;
};

}  // namespace

Async<void> RequestCancel(const Transport& transport, BackendKey key, ExecContext context) {
  if (key.process_id == 0) co_return CancelFailed("the session's key is not known");
  CancelChannel channel(context);
  MOLT_CO_RETURN_IF_ERROR(co_await channel.Connect(transport));
  if (transport.ssl() != nullptr) {
    MOLT_CO_RETURN_IF_ERROR(co_await channel.BeginTls(static_cast<SSL*>(transport.ssl())));
  }
  std::string request;
  const protocol::CancelRequest message{key.process_id, key.secret};
  MOLT_CO_RETURN_IF_ERROR(message.Encode(request));
  MOLT_CO_RETURN_IF_ERROR(co_await channel.Write(request));
  std::array<char, 64> rest{};
  while (true) {
    MOLT_CO_ASSIGN(const std::size_t got, co_await channel.Read(rest));
    if (got == 0) co_return Status();
  }
}

}  // namespace molt::db::postgres
