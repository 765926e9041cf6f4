#include "molt/db/postgres/opening.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <utility>
#include <vector>

#include <libpq-fe.h>

#include "molt/db/postgres/pg_errors.h"

namespace molt::db::postgres {

namespace {

struct FreeOptions {
  void operator()(PQconninfoOption* options) const { PQconninfoFree(options); }
};
using ConninfoOptions = std::unique_ptr<PQconninfoOption, FreeOptions>;

struct FinishConnection {
  void operator()(PGconn* conn) const { PQfinish(conn); }
};
using Connecting = std::unique_ptr<PGconn, FinishConnection>;

std::string Trimmed(const char* text) {
  std::string trimmed = text == nullptr ? "" : text;
  while (!trimmed.empty() && std::isspace(static_cast<unsigned char>(trimmed.back())) != 0) {
    trimmed.pop_back();
  }
  return trimmed;
}

// libpq does not mark quotes within what it quotes.
std::string WithoutQuoted(const std::string& message) {
  const std::size_t first = message.find('"');
  if (first == std::string::npos) return message;
  const std::size_t option = message.rfind("\" for connection option \"");
  return message.substr(0, first) + "\"…" +
         (option == std::string::npos ? "\"" : message.substr(option));
}

// libpq's message quotes what it could not read, which may be a part of the password.
Result<ConninfoOptions> Parse(const std::string& conninfo) {
  char* message = nullptr;
  ConninfoOptions options(PQconninfoParse(conninfo.c_str(), &message));
  if (options) return options;
  std::string why = Trimmed(message);
  PQfreemem(message);
  const std::size_t quote = why.find('"');
  if (quote != std::string::npos) {
    why.resize(quote);
    why = Trimmed(why.c_str());
    if (why.ends_with(':')) why.pop_back();
  }
  return InvalidQuery("postgres: the connection parameters cannot be read: " + why +
                      "; in a URL, special characters of a password are written as %XX");
}

// The secret half of a session's key is told once, in a message that libpq keeps to itself, except
// from its trace.
class KeyFromTrace {
 public:
  explicit KeyFromTrace(PGconn* conn) : conn_(conn) {
    cookie_io_functions_t functions{};
    functions.write = &Write;
    file_ = fopencookie(this, "w", functions);
    if (file_ == nullptr) return;
    PQtrace(conn, file_);
    PQsetTraceFlags(conn, PQTRACE_SUPPRESS_TIMESTAMPS);
  }
  ~KeyFromTrace() { Stop(); }
  KeyFromTrace(const KeyFromTrace&) = delete;
  KeyFromTrace& operator=(const KeyFromTrace&) = delete;

  BackendKey Stop() {
    if (file_ != nullptr) {
      PQuntrace(conn_);
      std::fclose(std::exchange(file_, nullptr));
    }
    return key_;
  }

 private:
  static ssize_t Write(void* self, const char* text, std::size_t size) {
    static_cast<KeyFromTrace*>(self)->Take({text, size});
    return static_cast<ssize_t>(size);
  }
  // Keeps no more than the line it is in: the trace has passwords too.
  void Take(std::string_view text) {
    for (const char c : text) {
      if (c != '\n') {
        if (line_.size() < kLineMax) line_ += c;
        continue;
      }
      const std::size_t name = line_.find("BackendKeyData");
      int process_id = 0;
      int secret = 0;
      if (name != std::string::npos &&
          std::sscanf(line_.c_str() + name, "BackendKeyData %d %d", &process_id, &secret) == 2) {
        key_ = {process_id, secret};
      }
      std::fill(line_.begin(), line_.end(), '\0');
      line_.clear();
    }
  }

  static constexpr std::size_t kLineMax = 200;
  PGconn* conn_;
  FILE* file_ = nullptr;
  std::string line_;
  BackendKey key_;
};

// The servers that are tried one after the other: libpq's lists with commas.
struct Hosts {
  std::string host;
  std::string hostaddr;
  std::string port;
  double connect_timeout = 0;  // seconds for each, 0: not said

  [[nodiscard]] std::size_t Count() const {
    const std::string& list = hostaddr.empty() ? host : hostaddr;
    return static_cast<std::size_t>(std::count(list.begin(), list.end(), ',')) + 1;
  }
};

// As libpq understood them, from wherever they came.
Hosts HostsOf(PGconn* conn) {
  Hosts hosts;
  const ConninfoOptions known(PQconninfo(conn));
  if (!known) return hosts;
  for (const PQconninfoOption* option = known.get(); option->keyword != nullptr; ++option) {
    const std::string_view keyword = option->keyword;
    if (option->val == nullptr) continue;
    if (keyword == "host") hosts.host = option->val;
    if (keyword == "hostaddr") hosts.hostaddr = option->val;
    if (keyword == "port") hosts.port = option->val;
    if (keyword == "connect_timeout") hosts.connect_timeout = std::atof(option->val);
  }
  return hosts;
}

std::string WithoutFirst(const std::string& list, std::size_t count) {
  std::size_t begin = 0;
  for (; count > 0; --count) {
    const std::size_t comma = list.find(',', begin);
    if (comma == std::string::npos) return list;  // one for all of them
    begin = comma + 1;
  }
  return list.substr(begin);
}

Hosts WithoutFirst(const Hosts& hosts, std::size_t count) {
  return {WithoutFirst(hosts.host, count), WithoutFirst(hosts.hostaddr, count),
          WithoutFirst(hosts.port, count), hosts.connect_timeout};
}

// What is asked for beside the user's own parameters, which win where libpq lets them. `hosts`
// replaces theirs.
Connecting Start(const ConninfoOptions& parsed, const std::optional<Hosts>& hosts) {
  std::vector<const char*> keywords;
  std::vector<const char*> values;
  for (const PQconninfoOption* option = parsed.get(); option->keyword != nullptr; ++option) {
    if (option->val == nullptr) continue;
    keywords.push_back(option->keyword);
    values.push_back(option->val);
  }
  constexpr std::array<std::array<const char*, 2>, 3> kOurs = {{
      {"client_encoding", "UTF8"},
      {"gssencmode", "disable"},  // such a stream cannot be taken over
      {"fallback_application_name", "molt"},
  }};
  for (const auto& [keyword, value] : kOurs) {
    keywords.push_back(keyword);
    values.push_back(value);
  }
  if (hosts) {
    for (const auto& [keyword, value] : {std::pair("host", &hosts->host),
                                         {"hostaddr", &hosts->hostaddr},
                                         {"port", &hosts->port}}) {
      keywords.push_back(keyword);
      values.push_back(value->c_str());
    }
  }
  keywords.push_back(nullptr);
  values.push_back(nullptr);
  return Connecting(PQconnectStartParams(keywords.data(), values.data(), 0));
}

Error ConnectError(PGconn* conn) {
  std::string message = Trimmed(PQerrorMessage(conn));
  // "invalid port number: …": what stands in another option's place may be the password.
  if (message.starts_with("invalid ")) message = WithoutQuoted(message);
  Error error{ErrorCode::kDatabase, "cannot connect: " + message, "08001", true};
  if (message.find("too many clients") != std::string::npos ||
      message.find("too many connections for") != std::string::npos ||
      message.find("remaining connection slots") != std::string::npos) {
    error.code = ErrorCode::kBusy;
    error.sqlstate = "53300";
  } else if (message.find("authentication failed") != std::string::npos ||
             message.find("no password supplied") != std::string::npos) {
    error.sqlstate = "28P01";
    error.retryable = false;
  } else if (message.find("role \"") != std::string::npos &&
             message.find("does not exist") != std::string::npos) {
    error.sqlstate = "28000";
    error.retryable = false;
  } else if (message.find("does not exist") != std::string::npos) {
    error.sqlstate = "3D000";
    error.retryable = false;
  } else if (message.find("certificate") != std::string::npos) {
    error.retryable = false;
  }
  return error;
}

std::string ServerText(PGconn* conn) {
  const auto text = [](const char* part) { return std::string(part == nullptr ? "" : part); };
  const std::string host = text(PQhost(conn));
  const std::string port = text(PQport(conn));
  return host + (port.empty() ? "" : ":" + port) + "/" + text(PQdb(conn));
}

// Runs an attempt to its end, good or bad. Timeout if a host keeps silent for `host_time`; `host`
// is its place in the list.
Status RunAttempt(PGconn* conn, const Deadline& deadline, std::optional<Seconds> host_time,
                  const CancelToken& cancel, std::size_t& host) {
  const auto limit = [&] {
    return host_time ? deadline.Earlier(Deadline::After(*host_time)) : deadline;
  };
  host = 0;
  std::string server = ServerText(conn);
  Deadline until = limit();
  PostgresPollingStatusType state = PGRES_POLLING_WRITING;
  while (PQstatus(conn) != CONNECTION_BAD) {
    if (state == PGRES_POLLING_OK || state == PGRES_POLLING_FAILED) break;
    const Interest interest = state == PGRES_POLLING_READING ? Interest::kRead : Interest::kWrite;
    const Wake wake = internal::BlockOnFd(PQsocket(conn), interest, until, cancel);
    if (wake == Wake::kTimeout) {
      return TimedOut("cannot connect: no answer from " + ServerText(conn) +
                      " within the time allowed");
    }
    MOLT_RETURN_IF_ERROR(StatusOf(wake, "connecting"));
    state = PQconnectPoll(conn);
    if (std::string now = ServerText(conn); now != server) {
      server = std::move(now);
      until = limit();
      ++host;
    }
  }
  return {};
}

// Takes over what libpq has opened.
Result<OpenedSession> SessionOf(Connecting conn, KeyFromTrace& trace) {
  OpenedSession session;
  session.key = trace.Stop();
  session.server = ServerText(conn.get());
  const std::array<const char*, 4> kReported = {"is_superuser", "server_version",
                                                "standard_conforming_strings", "TimeZone"};
  std::map<std::string, std::string, std::less<>> parameters;
  for (const char* name : kReported) {
    const char* value = PQparameterStatus(conn.get(), name);
    if (value != nullptr) parameters[name] = value;
  }
  MOLT_ASSIGN(std::unique_ptr<Transport> transport, TakeOver(conn.release()));
  session.link = std::make_unique<Link>(std::move(transport));
  session.link->parameters = std::move(parameters);
  return session;
}

}  // namespace

Status CheckConninfo(const std::string& conninfo) {
  MOLT_RETURN_IF_ERROR(Parse(conninfo));
  return {};
}

Result<OpenedSession> OpenSession(const PostgresOptions& options, const ExecContext& context) {
  MOLT_ASSIGN(const ConninfoOptions parsed, Parse(options.conninfo));
  Deadline deadline = Deadline::After(options.connect_timeout);
  deadline = deadline.Earlier(context.deadline);
  std::optional<Hosts> rest;  // of the hosts, after one that kept silent
  while (true) {
    Connecting conn = Start(parsed, rest);
    if (!conn) return DatabaseError("out of memory");
    KeyFromTrace trace(conn.get());
    const Hosts hosts = HostsOf(conn.get());
    const std::size_t count = hosts.Count();
    std::optional<Seconds> host_time;
    if (hosts.connect_timeout > 0) {
      host_time = Seconds(hosts.connect_timeout);
    } else if (count > 1) {
      host_time = Seconds(options.connect_timeout) / static_cast<double>(count);
    }
    std::size_t host = 0;
    const Status ended = RunAttempt(conn.get(), deadline, host_time, context.cancel, host);
    if (ended) {
      if (PQstatus(conn.get()) != CONNECTION_OK) return Fail(ConnectError(conn.get()));
      return SessionOf(std::move(conn), trace);
    }
    const bool silent = ended.error().code == ErrorCode::kTimeout && !deadline.HasPassed();
    if (!silent || host + 1 >= count) return Fail(ended.error());
    rest = WithoutFirst(hosts, host + 1);
  }
}

}  // namespace molt::db::postgres
