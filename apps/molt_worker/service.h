// What a service manager (systemd) and a service say to each other: sockets that were made for it,
// and how far it is. See sd_listen_fds(3) and sd_notify(3).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "molt/base/status.h"

namespace molt::app {

struct PassedSocket {
  int fd = -1;
  std::string name;  // FileDescriptorName= of its unit
};

// Those that were passed to this process, ready to accept from; once. InvalidQuery if one is
// something else than a Unix socket that listens.
[[nodiscard]] Result<std::vector<PassedSocket>> TakePassedSockets();

// Without a service manager it does nothing. `state` has one assignment a line.
void Notify(std::string_view state);
// The same with "RELOADING=1"; "READY=1" must follow.
void NotifyReloading();

}  // namespace molt::app
