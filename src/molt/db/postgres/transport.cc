#include "molt/db/postgres/transport.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>

#include <libpq-fe.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

namespace molt::db::postgres {

namespace {

using Kind = IoOutcome::Kind;

std::string ErrnoText(int code) { return std::strerror(code); }

IoOutcome FromSystemCall(ssize_t count, Interest wanted) {
  if (count > 0) return {Kind::kDone, static_cast<std::size_t>(count), wanted, {}};
  if (count == 0) return {Kind::kClosed, 0, wanted, {}};
  if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) {
    return {Kind::kWouldBlock, 0, wanted, {}};
  }
  if (errno == ECONNRESET || errno == EPIPE) return {Kind::kClosed, 0, wanted, {}};
  return {Kind::kFailed, 0, wanted, ErrnoText(errno)};
}

class PlainTransport final : public Transport {
 public:
  explicit PlainTransport(PGconn* conn) : Transport(conn, PQsocket(conn), nullptr) {}

  IoOutcome Read(std::span<char> into) override {
    return FromSystemCall(recv(fd_, into.data(), into.size(), MSG_DONTWAIT), Interest::kRead);
  }
  IoOutcome Write(std::string_view bytes) override {
    return FromSystemCall(send(fd_, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL),
                          Interest::kWrite);
  }
  [[nodiscard]] bool HasBuffered() const override { return false; }
};

class TlsTransport final : public Transport {
 public:
  TlsTransport(PGconn* conn, SSL* ssl) : Transport(conn, PQsocket(conn), ssl) {
    // A write that must be tried again may come from a buffer that has grown meanwhile.
    SSL_set_mode(ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  }

  IoOutcome Read(std::span<char> into) override {
    ERR_clear_error();
    const int size = static_cast<int>(std::min<std::size_t>(into.size(), INT_MAX));
    return FromSsl(SSL_read(session(), into.data(), size));
  }
  IoOutcome Write(std::string_view bytes) override {
    ERR_clear_error();
    const int size = static_cast<int>(std::min<std::size_t>(bytes.size(), INT_MAX));
    return FromSsl(SSL_write(session(), bytes.data(), size));
  }
  [[nodiscard]] bool HasBuffered() const override { return SSL_pending(session()) > 0; }

 private:
  [[nodiscard]] SSL* session() const { return static_cast<SSL*>(ssl_); }

  IoOutcome FromSsl(int count) const {
    if (count > 0) return {Kind::kDone, static_cast<std::size_t>(count), Interest::kRead, {}};
    const int saved = errno;
    switch (SSL_get_error(session(), count)) {
      case SSL_ERROR_WANT_READ:
        return {Kind::kWouldBlock, 0, Interest::kRead, {}};
      case SSL_ERROR_WANT_WRITE:
        return {Kind::kWouldBlock, 0, Interest::kWrite, {}};
      case SSL_ERROR_ZERO_RETURN:
        return {Kind::kClosed, 0, Interest::kRead, {}};
      case SSL_ERROR_SYSCALL:
        if (saved == 0 || saved == ECONNRESET || saved == EPIPE) {
          return {Kind::kClosed, 0, Interest::kRead, {}};
        }
        return {Kind::kFailed, 0, Interest::kRead, ErrnoText(saved)};
      default: {
        char text[256];
        ERR_error_string_n(ERR_get_error(), text, sizeof(text));
        return {Kind::kFailed, 0, Interest::kRead, text};
      }
    }
  }
};

}  // namespace

Transport::Transport(PGconn* conn, int fd, void* ssl) : fd_(fd), ssl_(ssl), conn_(conn) {}

void Transport::Finish::operator()(PGconn* conn) const { PQfinish(conn); }

bool Transport::HasNews() const {
  if (HasBuffered()) return true;
  char byte = 0;
  const ssize_t count = recv(fd_, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return count >= 0 || (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR);
}

void Transport::Abort() { shutdown(fd_, SHUT_RDWR); }

Result<std::unique_ptr<Transport>> TakeOver(PGconn* conn) {
  if (PQsslInUse(conn) == 0) return std::make_unique<PlainTransport>(conn);
  auto* ssl = static_cast<SSL*>(PQsslStruct(conn, "OpenSSL"));
  if (ssl == nullptr) {
    PQfinish(conn);
    return Unsupported("postgres: this libpq encrypts with something else than OpenSSL");
  }
  return std::make_unique<TlsTransport>(conn, ssl);
}

}  // namespace molt::db::postgres
