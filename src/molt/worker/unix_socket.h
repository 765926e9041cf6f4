// The worker's Unix socket.
#pragma once

#include <string>

#include "molt/base/status.h"

namespace molt::worker {

// A socket that listens at `path`, for this user only (0600). One that nobody listens at any more
// is replaced; anything else that lies there, or a worker that serves there, is an error.
[[nodiscard]] Result<int> BindUnixSocket(const std::string& path);

// Removes the file if it is still the one that `listener` is bound to.
void RemoveUnixSocket(const std::string& path, int listener);

}  // namespace molt::worker
