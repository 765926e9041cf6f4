// What molt-worker does: runs databases' queries for other processes (docs/spec). A program of its
// own, or a Python process that becomes it (docs/adr/0020).
#pragma once

#include <string>
#include <vector>

namespace molt::app {

// Serves until it is told to stop, or until there is nobody left to serve; gives the exit code.
// `arguments` are without the program's name.
//
// The process is the worker's from here on: its signals, stdin and stdout, and what a service
// manager passed to it are not given back. Called once, on the main thread.
[[nodiscard]] int Main(std::vector<std::string> arguments);

}  // namespace molt::app
