// Cooperative cancellation: the caller keeps a CancelSource, the work polls or listens to its
// CancelToken.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>

namespace molt {

namespace internal {
struct CancelState;
}

// Unregisters its callback when destroyed. After that the callback does not run and is not
// running any more.
class [[nodiscard]] CancelRegistration {
 public:
  CancelRegistration() = default;
  CancelRegistration(CancelRegistration&& other) noexcept;
  CancelRegistration& operator=(CancelRegistration&& other) noexcept;
  ~CancelRegistration() { Release(); }

 private:
  friend class CancelToken;
  CancelRegistration(std::shared_ptr<internal::CancelState> state, std::uint64_t id)
      : state_(std::move(state)), id_(id) {}
  void Release();

  std::shared_ptr<internal::CancelState> state_;
  std::uint64_t id_ = 0;
};

class CancelToken {
 public:
  // A token that is never cancelled.
  CancelToken() = default;

  [[nodiscard]] bool IsCancelled() const;
  [[nodiscard]] bool CanBeCancelled() const { return state_ != nullptr; }

  // Calls `callback` once, from the thread that cancels, or at once when already cancelled. The
  // callback must be quick and must not touch this token.
  CancelRegistration OnCancel(std::function<void()> callback) const;

 private:
  friend class CancelSource;
  explicit CancelToken(std::shared_ptr<internal::CancelState> state) : state_(std::move(state)) {}
  std::shared_ptr<internal::CancelState> state_;
};

class CancelSource {
 public:
  CancelSource();
  // `poll` is asked as well whenever a token is, on the thread that asks; true cancels. For what
  // cannot call Cancel() itself, such as a pending signal.
  explicit CancelSource(std::function<bool()> poll);
  void Cancel();
  [[nodiscard]] bool IsCancelled() const { return Token().IsCancelled(); }
  [[nodiscard]] CancelToken Token() const { return CancelToken(state_); }

 private:
  std::shared_ptr<internal::CancelState> state_;
};

}  // namespace molt
