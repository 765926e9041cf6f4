// Errors as values. Every fallible function returns Result<T>; nothing in this project throws
// across a room's border, and exceptions of libraries are caught in the room that calls them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <tl/expected.hpp>

namespace molt {

// What went wrong, flat: each code maps to one Python exception and to one wire status.
enum class ErrorCode : std::uint8_t {
  kInvalidQuery,  // the caller's query, name, value or argument is wrong
  kUnsupported,   // valid, but this dialect or engine lacks it
  kBusy,          // no capacity, or a lock held by somebody else, within the wait allowed
  kTimeout,       // the deadline passed
  kCancelled,     // the caller asked to stop
  kDatabase,      // the engine failed: I/O, corruption, a constraint
  kClosed,        // the database or stream was closed, or belongs to a parent process
  kUnavailable,   // no worker answers, or it went away with the request
  kProtocol,      // the other side does not keep to the protocol
  kInternal,      // a bug here
};

[[nodiscard]] std::string_view ErrorCodeName(ErrorCode code);
[[nodiscard]] std::optional<ErrorCode> ErrorCodeFromName(std::string_view name);

struct [[nodiscard]] Error {
  ErrorCode code = ErrorCode::kInternal;
  std::string message;   // safe to show: what, where, what to do; never a parameter's value
  std::string sqlstate;  // five characters, or the engine's own code name; may be empty
  bool retryable = false;
};

template <class T>
using Result = tl::expected<T, Error>;
using Status = Result<void>;

// Makers, so that a return statement reads as the sentence it is.
inline auto InvalidQuery(std::string message) {
  return tl::unexpected(Error{ErrorCode::kInvalidQuery, std::move(message), {}, false});
}
inline auto Unsupported(std::string message) {
  return tl::unexpected(Error{ErrorCode::kUnsupported, std::move(message), {}, false});
}
inline auto Busy(std::string message) {
  return tl::unexpected(Error{ErrorCode::kBusy, std::move(message), {}, true});
}
inline auto TimedOut(std::string message) {
  return tl::unexpected(Error{ErrorCode::kTimeout, std::move(message), {}, false});
}
inline auto Cancelled(std::string message) {
  return tl::unexpected(Error{ErrorCode::kCancelled, std::move(message), {}, false});
}
inline auto DatabaseError(std::string message, std::string sqlstate = {}) {
  return tl::unexpected(
      Error{ErrorCode::kDatabase, std::move(message), std::move(sqlstate), false});
}
inline auto Closed(std::string message) {
  return tl::unexpected(Error{ErrorCode::kClosed, std::move(message), {}, false});
}
inline auto Unavailable(std::string message) {
  return tl::unexpected(Error{ErrorCode::kUnavailable, std::move(message), {}, true});
}
inline auto Protocol(std::string message) {
  return tl::unexpected(Error{ErrorCode::kProtocol, std::move(message), {}, false});
}
inline auto Internal(std::string message) {
  return tl::unexpected(Error{ErrorCode::kInternal, std::move(message), {}, false});
}
inline auto Fail(Error error) { return tl::unexpected(std::move(error)); }

}  // namespace molt

#define MOLT_CONCAT_INNER(a, b) a##b
#define MOLT_CONCAT(a, b) MOLT_CONCAT_INNER(a, b)

// Returns the error of `expr` from the enclosing function, if it has one.
#define MOLT_RETURN_IF_ERROR(expr)                            \
  do {                                                        \
    if (auto molt_status = (expr); !molt_status) [[unlikely]] \
      return ::molt::Fail(std::move(molt_status).error());    \
  } while (false)

// Binds the value of `expr` to `decl`, or returns its error from the enclosing function.
#define MOLT_ASSIGN(decl, expr) MOLT_ASSIGN_IMPL(MOLT_CONCAT(molt_result_, __LINE__), decl, expr)
#define MOLT_ASSIGN_IMPL(result, decl, expr)        \
  auto result = (expr);                             \
  if (!result) [[unlikely]]                         \
    return ::molt::Fail(std::move(result).error()); \
  decl = std::move(*result)
