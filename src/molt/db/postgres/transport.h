// The bytes of an established connection, plain or in TLS. libpq opened it; from then on only this
// reads and writes (docs/adr/0012).
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "molt/base/reactor.h"
#include "molt/base/status.h"

struct pg_conn;

namespace molt::db::postgres {

// What one attempt to read or write has done.
struct IoOutcome {
  enum class Kind : std::uint8_t { kDone, kWouldBlock, kClosed, kFailed };
  Kind kind = Kind::kDone;
  std::size_t bytes = 0;              // kDone: at least one
  Interest wanted = Interest::kRead;  // kWouldBlock: what to wait for; TLS may want the other way
  std::string error;                  // kFailed
};

class Transport {
 public:
  virtual ~Transport() = default;
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;

  // Neither blocks.
  virtual IoOutcome Read(std::span<char> into) = 0;
  virtual IoOutcome Write(std::string_view bytes) = 0;
  // Whether bytes have arrived that the socket no longer shows as readable.
  [[nodiscard]] virtual bool HasBuffered() const = 0;

  [[nodiscard]] int fd() const { return fd_; }
  // libpq's OpenSSL session, nullptr on a plain connection.
  [[nodiscard]] void* ssl() const { return ssl_; }
  // Whether the peer has sent something, or closed; looks without reading.
  [[nodiscard]] bool HasNews() const;
  // The server is told nothing, and other waits for the socket end.
  void Abort();

 protected:
  Transport(pg_conn* conn, int fd, void* ssl);
  int fd_;
  void* ssl_;

 private:
  struct Finish {
    void operator()(pg_conn* conn) const;
  };
  std::unique_ptr<pg_conn, Finish> conn_;
};

// Takes over `conn`, whose set-up is complete and whose libpq is not used any more but to end it.
// Unsupported for a connection encrypted by anything but OpenSSL.
[[nodiscard]] Result<std::unique_ptr<Transport>> TakeOver(pg_conn* conn);

}  // namespace molt::db::postgres
