// The floor of a read from PostgreSQL: what the server and the socket take when the client does
// nothing. Runs one statement through the extended protocol with binary results, walks from message
// header to message header, counts the rows and throws the bytes away. The time that a client
// needs beyond this is the client's own.
//
//   pg_floor CONNINFO SQL [PARAM...]
//
// Each line on standard input is one round; each round prints one line of JSON:
//   {"rows": n, "bytes": n, "wall_s": seconds, "cpu_s": seconds of this process}
#include <libpq-fe.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace {

constexpr std::size_t kHeaderBytes = 5;  // a type, and a length that counts itself
constexpr std::size_t kReadBytes = std::size_t{1} << 20;
constexpr const char* kStatement = "floor";

[[noreturn]] void Die(std::string_view why) {
  std::cerr << "pg_floor: " << why << '\n';
  std::exit(1);
}

void PutInt(std::string& out, std::uint32_t value, int bytes) {
  while (bytes-- > 0) out.push_back(static_cast<char>(value >> (8 * bytes)));
}

void PutMessage(std::string& out, char type, std::string_view body) {
  out.push_back(type);
  PutInt(out, static_cast<std::uint32_t>(body.size() + 4), 4);
  out += body;
}

// Bind, Execute and Sync for the prepared statement: all that a warm query has to send.
std::string Request(std::span<char*> params) {
  std::string bind;
  bind.push_back('\0');  // the unnamed portal
  bind.append(kStatement).push_back('\0');
  PutInt(bind, 0, 2);  // parameters are text
  PutInt(bind, static_cast<std::uint32_t>(params.size()), 2);
  for (const std::string_view param : params) {
    PutInt(bind, static_cast<std::uint32_t>(param.size()), 4);
    bind += param;
  }
  PutInt(bind, 1, 2);
  PutInt(bind, 1, 2);  // one format for all results: binary

  std::string out;
  PutMessage(out, 'B', bind);
  PutMessage(out, 'E', std::string(5, '\0'));  // the unnamed portal, without a limit of rows
  PutMessage(out, 'S', "");
  return out;
}

// The socket of a libpq connection whose own buffers are empty; libpq no longer reads from it.
class Socket {
 public:
  explicit Socket(int fd) : fd_(fd) {}

  void Send(std::string_view bytes) const {
    while (!bytes.empty()) {
      const ssize_t sent = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent > 0) {
        bytes.remove_prefix(static_cast<std::size_t>(sent));
      } else {
        WaitOrDie(POLLOUT);
      }
    }
  }

  // At least one byte, at most what the buffer holds.
  std::size_t Receive(std::span<unsigned char> into) const {
    for (;;) {
      const ssize_t got = recv(fd_, into.data(), into.size(), 0);
      if (got > 0) return static_cast<std::size_t>(got);
      if (got == 0) Die("the server closed the connection");
      WaitOrDie(POLLIN);
    }
  }

 private:
  void WaitOrDie(short events) const {
    if (errno != EAGAIN && errno != EINTR) Die(std::strerror(errno));
    pollfd ready{.fd = fd_, .events = events, .revents = 0};
    poll(&ready, 1, -1);
  }

  int fd_;
};

struct Counts {
  std::uint64_t rows = 0;
  std::uint64_t bytes = 0;
};

std::size_t MessageBytes(const unsigned char* at) {
  return 1 + (std::size_t{at[1]} << 24 | std::size_t{at[2]} << 16 | std::size_t{at[3]} << 8 |
              std::size_t{at[4]});
}

// Reads until the server is ready for the next query.
Counts ReadAll(const Socket& socket, std::vector<unsigned char>& buffer) {
  Counts counts;
  std::size_t filled = 0;
  for (bool ready = false; !ready;) {
    const std::size_t got = socket.Receive(std::span(buffer).subspan(filled));
    counts.bytes += got;
    filled += got;
    std::size_t at = 0;
    while (filled - at >= kHeaderBytes) {
      const std::size_t size = MessageBytes(buffer.data() + at);
      if (size > buffer.size()) buffer.resize(size);
      if (size > filled - at) break;
      const unsigned char type = buffer[at];
      if (type == 'E') Die("the server reports an error");
      counts.rows += type == 'D' ? 1 : 0;
      ready = type == 'Z';
      at += size;
    }
    std::memmove(buffer.data(), buffer.data() + at, filled - at);
    filled -= at;
  }
  return counts;
}

double CpuSeconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) Die("usage: pg_floor CONNINFO SQL [PARAM...]");
  const std::span<char*> params(argv + 3, static_cast<std::size_t>(argc - 3));
  PGconn* connection = PQconnectdb(argv[1]);
  if (PQstatus(connection) != CONNECTION_OK) Die(PQerrorMessage(connection));
  if (PQsslInUse(connection) != 0) Die("only for connections without TLS");
  PGresult* prepared =
      PQprepare(connection, kStatement, argv[2], static_cast<int>(params.size()), nullptr);
  if (PQresultStatus(prepared) != PGRES_COMMAND_OK) Die(PQerrorMessage(connection));
  PQclear(prepared);

  const Socket socket(PQsocket(connection));
  const std::string request = Request(params);
  std::vector<unsigned char> buffer(kReadBytes);
  for (std::string line; std::getline(std::cin, line);) {
    const double cpu = CpuSeconds();
    const auto began = std::chrono::steady_clock::now();
    socket.Send(request);
    const Counts counts = ReadAll(socket, buffer);
    const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - began;
    std::printf("{\"rows\": %llu, \"bytes\": %llu, \"wall_s\": %.6f, \"cpu_s\": %.6f}\n",
                static_cast<unsigned long long>(counts.rows),
                static_cast<unsigned long long>(counts.bytes), wall.count(), CpuSeconds() - cpu);
    std::fflush(stdout);
  }
  PQfinish(connection);
}
