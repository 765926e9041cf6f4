// molt::Error -> the exceptions of molt_sql._errors.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include <nanobind/nanobind.h>

#include "molt/base/status.h"

namespace molt::bindings {

namespace nb = nanobind;

// A str of names and messages, which an engine may give in bytes that are no UTF-8.
nb::object ShownText(std::string_view text);

// Throws the Python exception for `error`.
[[noreturn]] void Raise(const Error& error);
[[noreturn]] void RaiseInvalid(std::string message);

template <class T>
T ValueOrRaise(Result<T> result) {
  if (!result) Raise(result.error());
  return std::move(*result);
}
inline void RaiseIfError(const Status& status) {
  if (!status) Raise(status.error());
}

}  // namespace molt::bindings
