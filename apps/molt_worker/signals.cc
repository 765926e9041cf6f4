#include "apps/molt_worker/signals.h"

#include <pthread.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <csignal>

namespace molt::app {

namespace {

constexpr std::array kHeard{SIGTERM, SIGINT, SIGHUP};

pthread_t serving_thread;  // set before a handler may run

// On a thread that was there before the worker, as in a Python process a profiler's: it does not
// block the signal, so that the kernel chose it.
void HandOver(int signal) { pthread_kill(serving_thread, signal); }

}  // namespace

int TakeSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int each : kHeard) sigaddset(&signals, each);
  // This thread's, and of all that it starts.
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  serving_thread = pthread_self();
  struct sigaction action{};
  action.sa_handler = HandOver;  // in the place of Python's own, which would wait for its turn
  action.sa_mask = signals;
  action.sa_flags = SA_RESTART;
  for (const int each : kHeard) sigaction(each, &action, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  return signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
}

Told NextSignal(int signals) {
  signalfd_siginfo info{};
  if (read(signals, &info, sizeof(info)) != sizeof(info)) return Told::kNothing;
  return info.ssi_signo == SIGHUP ? Told::kReload : Told::kStop;
}

}  // namespace molt::app
