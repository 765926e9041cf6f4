// Load on a molt-worker, by one thread.
//
// The first line on standard input is the plan, a JSON object:
//   socket: path | read_fd, write_fd: integers that it was started with (of a worker on stdio)
//   worker_pid, connections, in_flight (on each connection)
//   entry, codec: "msgpack", "json" or "raw"; payloads: [any…], which are asked for in turn
// It answers with {"replies": [{"codec": str, "payload": base64}…]}, one for each payload. Their
// sizes are what every later reply must have, and Ok. Each further line is a number of seconds, and
// is answered with what was seen in that time:
//   {"requests", "wall_s", "worker_cpu_s", "load_cpu_s", "p50_us", "p99_us"}
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <ctime>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "benchmarks/cpp/histogram.h"
#include "molt/types/document.h"
#include "molt/types/iso_text.h"
#include "molt/wire/envelope.h"
#include "molt/wire/frame.h"

namespace {

using molt::types::Document;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kReadBytes = std::size_t{64} << 10;
constexpr int kEventsMax = 256;
constexpr int kAnswersWithinMs = 10'000;
constexpr std::size_t kInFlightMax = 128;  // so that an id is one byte of MsgPack

[[noreturn]] void Die(const std::string& why) {
  std::cerr << "ipc_load: " << why << '\n';
  std::exit(1);
}
[[noreturn]] void DieOfErrno(const std::string& what) { Die(what + ": " + std::strerror(errno)); }

template <class T>
T Must(molt::Result<T> result) {
  if (!result) Die(result.error().message);
  return std::move(*result);
}

const Document& Need(const Document& plan, std::string_view key) {
  const Document* found = plan.Find(key);
  if (found == nullptr) Die("the plan has no " + std::string(key));
  return *found;
}
std::int64_t Number(const Document& plan, std::string_view key) {
  const auto number = Need(plan, key).AsInt64();
  if (!number) Die(std::string(key) + " is no integer");
  return *number;
}
std::string Text(const Document& plan, std::string_view key) {
  const std::string* text = Need(plan, key).AsString();
  if (text == nullptr) Die(std::string(key) + " is no string");
  return *text;
}

double CpuSeconds(clockid_t clock) {
  timespec time{};
  if (clock_gettime(clock, &time) != 0) DieOfErrno("the processor time cannot be read");
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

// One thing to ask for, encoded once for each id that it may travel under.
struct Variant {
  std::vector<std::string> frames;  // by id
  std::size_t reply_bytes = 0;      // of the payload
  std::string reply_tail;           // what a reply ends with, but for the payload itself
};

// MsgPack's `"payload": bin of so many bytes`.
std::string TailOf(std::size_t payload_bytes) {
  molt::wire::Response empty;
  std::string frame;
  empty.payload.assign(payload_bytes, 'x');
  molt::wire::WriteResponse(empty, molt::wire::WireFormat::kMsgPack, frame);
  const std::size_t key = frame.rfind("payload", frame.size() - payload_bytes) - 1;
  return frame.substr(key, frame.size() - payload_bytes - key);
}

struct Reply {
  std::uint64_t id = 0;
  bool is_usual = false;  // the rest has the form that our worker gives to an Ok
};

// Reading a whole envelope would take longer than the worker takes to write it. So whatever looks
// in every byte like our worker's Ok is believed; what does not is read in full by the caller.
Reply ReadHead(std::string_view body) {
  constexpr std::string_view kId = "\xaarequest_id";
  constexpr std::string_view kOk = "\xa6status\xa2Ok";
  constexpr std::size_t kMapBytes = 1;
  constexpr unsigned char kFixIntMax = kInFlightMax - 1;
  if (body.size() <= kMapBytes || body.substr(kMapBytes, kId.size()) != kId) return {};
  body.remove_prefix(kMapBytes + kId.size());
  const auto id = static_cast<unsigned char>(body.empty() ? '\xff' : body.front());
  if (id > kFixIntMax) return {};
  return {id, body.substr(1, kOk.size()) == kOk};
}

struct Connection {
  int in = -1;
  int out = -1;
  molt::wire::FrameReader reader;
  std::string output;
  std::size_t written = 0;
  bool waits_to_write = false;
  struct Slot {
    std::size_t variant = 0;
    Clock::time_point sent;
    bool is_awaited = false;
  };
  std::vector<Slot> slots;         // by id
  std::vector<std::size_t> asked;  // slots whose requests are not yet on the way
};

class Load {
 public:
  explicit Load(const Document& plan)
      : epoll_(epoll_create1(EPOLL_CLOEXEC)),
        in_flight_(static_cast<std::size_t>(Number(plan, "in_flight"))) {
    if (clock_getcpuclockid(static_cast<pid_t>(Number(plan, "worker_pid")), &worker_clock_) != 0) {
      Die("there is no such worker_pid");
    }
    if (in_flight_ < 1 || in_flight_ > kInFlightMax) Die("in_flight is from 1 to 128");
    Encode(plan);
    const auto count = static_cast<std::size_t>(Number(plan, "connections"));
    for (std::size_t i = 0; i < count; ++i) Open(plan);
  }

  // Asks for each variant once and remembers how large the reply is.
  void Learn() {
    std::string line = "{\"replies\":[";
    Connection& connection = *connections_.front();
    for (std::size_t i = 0; i < variants_.size(); ++i) {
      next_variant_ = i;
      learned_.reset();
      Ask(connection, 0);
      Flush(connection);
      while (!learned_) Wait();
      variants_[i].reply_bytes = learned_->payload.size();
      variants_[i].reply_tail = TailOf(learned_->payload.size());
      line += i == 0 ? "" : ",";
      line += R"({"codec":")" + std::string(molt::wire::PayloadCodecName(learned_->codec)) +
              R"(","payload":")" + molt::types::EncodeBase64(learned_->payload) + "\"}";
    }
    is_learning_ = false;
    std::cout << line << "]}" << std::endl;
  }

  void Run(double seconds) {
    latencies_ = {};
    const double worker_cpu = CpuSeconds(worker_clock_);
    const double load_cpu = CpuSeconds(CLOCK_PROCESS_CPUTIME_ID);
    const auto began = Clock::now();
    ends_ =
        began + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
    for (const auto& connection : connections_) {
      for (std::size_t slot = 0; slot < in_flight_; ++slot) Ask(*connection, slot);
      Flush(*connection);
    }
    while (awaited_ > 0) Wait();
    const Document seen =
        Document::Map{{"requests", static_cast<std::int64_t>(latencies_.count())},
                      {"wall_s", std::chrono::duration<double>(Clock::now() - began).count()},
                      {"worker_cpu_s", CpuSeconds(worker_clock_) - worker_cpu},
                      {"load_cpu_s", CpuSeconds(CLOCK_PROCESS_CPUTIME_ID) - load_cpu},
                      {"p50_us", latencies_.Quantile(0.50) * 1e-3},
                      {"p99_us", latencies_.Quantile(0.99) * 1e-3}};
    std::cout << molt::types::ToJson(seen) << std::endl;
  }

 private:
  void Encode(const Document& plan) {
    const std::string codec = Text(plan, "codec");
    const auto known = molt::wire::PayloadCodecFromName(codec);
    const Document::Array* payloads = Need(plan, "payloads").AsArray();
    if (!known || payloads == nullptr || payloads->empty()) Die("a wrong codec, or no payloads");
    for (const Document& payload : *payloads) {
      molt::wire::Request request;
      request.entry = Text(plan, "entry");
      request.codec = *known;
      if (codec == "json") request.payload = molt::types::ToJson(payload);
      if (codec == "msgpack") request.payload = molt::types::ToMsgPack(payload);
      Variant& variant = variants_.emplace_back();
      for (request.request_id = 0; request.request_id < in_flight_; ++request.request_id) {
        std::string& frame = variant.frames.emplace_back();
        molt::wire::WriteRequest(request, molt::wire::WireFormat::kMsgPack, frame);
      }
    }
  }

  void Open(const Document& plan) {
    Connection& connection = *connections_.emplace_back(std::make_unique<Connection>());
    connection.slots.resize(in_flight_);
    if (plan.Find("socket") == nullptr) {
      connection.in = static_cast<int>(Number(plan, "read_fd"));
      connection.out = static_cast<int>(Number(plan, "write_fd"));
    } else {
      sockaddr_un address{};
      address.sun_family = AF_UNIX;
      Text(plan, "socket").copy(address.sun_path, sizeof(address.sun_path) - 1);
      connection.in = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
      if (connect(connection.in, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
        DieOfErrno("no connection to the worker");
      }
      // Epoll can wait for reading and for writing apart, as with pipes.
      connection.out = fcntl(connection.in, F_DUPFD_CLOEXEC, 0);
    }
    for (const int fd : {connection.in, connection.out}) {
      if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) != 0) DieOfErrno("fcntl");
    }
    Watch(EPOLL_CTL_ADD, connection.in, EPOLLIN, connection);
  }

  void Watch(int what, int fd, std::uint32_t events, Connection& connection) const {
    epoll_event event{};
    event.events = events;
    event.data.ptr = &connection;
    if (epoll_ctl(epoll_, what, fd, &event) != 0) DieOfErrno("epoll_ctl");
  }

  void Ask(Connection& connection, std::size_t slot) {
    const std::size_t variant = next_variant_++ % variants_.size();
    connection.slots[slot] = {variant, {}, true};
    connection.output += variants_[variant].frames[slot];
    connection.asked.push_back(slot);
    ++awaited_;
  }

  // What was asked since the last time goes out in one write.
  void Flush(Connection& connection) {
    const auto now = Clock::now();
    for (const std::size_t slot : connection.asked) connection.slots[slot].sent = now;
    connection.asked.clear();
    while (connection.written < connection.output.size()) {
      const ssize_t done = write(connection.out, connection.output.data() + connection.written,
                                 connection.output.size() - connection.written);
      if (done < 0 && errno == EINTR) continue;
      if (done < 0 && errno != EAGAIN) DieOfErrno("the worker reads no more");
      if (done < 0) {
        if (!connection.waits_to_write) {
          Watch(EPOLL_CTL_ADD, connection.out, EPOLLOUT, connection);
          connection.waits_to_write = true;
        }
        return;
      }
      connection.written += static_cast<std::size_t>(done);
    }
    connection.output.clear();
    connection.written = 0;
    if (connection.waits_to_write) {
      Watch(EPOLL_CTL_DEL, connection.out, 0, connection);
      connection.waits_to_write = false;
    }
  }

  void Wait() {
    std::array<epoll_event, kEventsMax> events{};
    const int count = epoll_wait(epoll_, events.data(), kEventsMax, kAnswersWithinMs);
    if (count < 0 && errno != EINTR) DieOfErrno("epoll_wait");
    if (count == 0) Die("no reply within 10 s");
    for (int i = 0; i < count; ++i) {
      auto& connection = *static_cast<Connection*>(events[static_cast<std::size_t>(i)].data.ptr);
      if ((events[static_cast<std::size_t>(i)].events & EPOLLOUT) == 0) Read(connection);
      Flush(connection);
    }
  }

  void Read(Connection& connection) {
    const ssize_t got = read(connection.in, connection.reader.Reserve(kReadBytes), kReadBytes);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got < 0) DieOfErrno("the worker's replies cannot be read");
    if (got == 0) Die("the worker closed a connection");
    connection.reader.Commit(static_cast<std::size_t>(got));
    const auto now = Clock::now();
    while (const auto frame = Must(connection.reader.Next())) {
      const std::size_t slot = Check(connection, *frame);
      Connection::Slot& answered = connection.slots[slot];
      answered.is_awaited = false;
      --awaited_;
      if (is_learning_) continue;
      latencies_.Add(static_cast<std::uint64_t>(
          std::chrono::duration_cast<std::chrono::nanoseconds>(now - answered.sent).count()));
      if (now < ends_) Ask(connection, slot);
    }
  }

  // Which slot was answered. Only an Ok of the right size passes.
  std::size_t Check(const Connection& connection, std::string_view body) {
    const Reply head = ReadHead(body);
    if (!is_learning_ && head.is_usual && IsAwaited(connection, head.id)) {
      const Variant& variant = variants_[connection.slots[head.id].variant];
      const std::size_t tail_bytes = variant.reply_tail.size() + variant.reply_bytes;
      if (body.size() > tail_bytes &&
          body.substr(body.size() - tail_bytes).starts_with(variant.reply_tail)) {
        return head.id;
      }
    }
    auto reply = Must(molt::wire::ReadResponse(body)).response;
    if (!IsAwaited(connection, reply.request_id)) Die("a reply that nobody awaits");
    if (reply.status != molt::wire::ResponseStatus::kOk) {
      Die(std::string(ResponseStatusName(reply.status)) + ": " + reply.error);
    }
    const std::size_t slot = reply.request_id;
    const std::size_t expected = variants_[connection.slots[slot].variant].reply_bytes;
    if (is_learning_) {
      learned_ = std::move(reply);
    } else if (reply.payload.size() != expected) {
      Die("a reply of " + std::to_string(reply.payload.size()) + " bytes instead of " +
          std::to_string(expected));
    }
    return slot;
  }

  static bool IsAwaited(const Connection& connection, std::uint64_t id) {
    return id < connection.slots.size() && connection.slots[id].is_awaited;
  }

  const int epoll_;
  const std::size_t in_flight_;
  clockid_t worker_clock_{};
  std::vector<Variant> variants_;
  std::vector<std::unique_ptr<Connection>> connections_;
  bool is_learning_ = true;
  std::optional<molt::wire::Response> learned_;
  std::size_t next_variant_ = 0;
  std::size_t awaited_ = 0;
  Clock::time_point ends_;  // no request is sent after it
  Histogram latencies_;
};

}  // namespace

int main() {
  std::string line;
  if (!std::getline(std::cin, line)) Die("no plan on standard input");
  const Document plan = Must(molt::types::ParseJson(line));
  Load load(plan);
  load.Learn();
  while (std::getline(std::cin, line)) load.Run(std::atof(line.c_str()));
  return 0;
}
