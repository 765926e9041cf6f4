// The signals that a worker hears, whatever its process did with them before.
#pragma once

#include <cstdint>

namespace molt::app {

// On the thread that will serve, which must live as long as the process: from now on SIGTERM,
// SIGINT and SIGHUP are read from the descriptor that this gives, by that thread, and interrupt
// nothing. SIGPIPE is ignored.
[[nodiscard]] int TakeSignals();

enum class Told : std::uint8_t { kNothing, kReload, kStop };
// What came, without waiting for it.
[[nodiscard]] Told NextSignal(int signals);

}  // namespace molt::app
