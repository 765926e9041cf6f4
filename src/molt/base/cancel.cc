#include "molt/base/cancel.h"

#include <map>
#include <mutex>
#include <utility>

namespace molt {

namespace internal {
struct CancelState {
  std::atomic<bool> cancelled = false;
  // Held while callbacks run, so that unregistering waits for a running one.
  std::mutex mutex;
  std::map<std::uint64_t, std::function<void()>> callbacks;
  std::uint64_t next_id = 1;
  std::function<bool()> poll;
};
}  // namespace internal

CancelRegistration::CancelRegistration(CancelRegistration&& other) noexcept
    : state_(std::move(other.state_)), id_(std::exchange(other.id_, 0)) {}

CancelRegistration& CancelRegistration::operator=(CancelRegistration&& other) noexcept {
  if (this == &other) return *this;
  Release();
  state_ = std::move(other.state_);
  id_ = std::exchange(other.id_, 0);
  return *this;
}

void CancelRegistration::Release() {
  // The state outlives the lock on its mutex.
  const std::shared_ptr<internal::CancelState> state = std::move(state_);
  if (!state) return;
  const std::lock_guard lock(state->mutex);
  state->callbacks.erase(id_);
}

bool CancelToken::IsCancelled() const {
  if (!state_) return false;
  if (state_->cancelled.load(std::memory_order_relaxed)) return true;
  if (!state_->poll || !state_->poll()) return false;
  state_->cancelled.store(true, std::memory_order_relaxed);
  return true;
}

CancelRegistration CancelToken::OnCancel(std::function<void()> callback) const {
  if (!state_) return {};
  const std::unique_lock lock(state_->mutex);
  if (state_->cancelled) {
    callback();
    return {};
  }
  const std::uint64_t id = state_->next_id++;
  state_->callbacks.emplace(id, std::move(callback));
  return {state_, id};
}

CancelSource::CancelSource() : state_(std::make_shared<internal::CancelState>()) {}

CancelSource::CancelSource(std::function<bool()> poll) : CancelSource() {
  state_->poll = std::move(poll);
}

void CancelSource::Cancel() {
  const std::lock_guard lock(state_->mutex);
  if (state_->cancelled.exchange(true)) return;
  for (const auto& [id, callback] : state_->callbacks) callback();
  state_->callbacks.clear();
}

}  // namespace molt
