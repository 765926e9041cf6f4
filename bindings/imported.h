// Classes and functions of Python's that the bindings call.
#pragma once

#include <nanobind/nanobind.h>

namespace molt::bindings {

// To be kept in a static, so that the import happens once. Never freed: a static of an object would
// outlive the interpreter.
inline PyObject* ImportForever(const char* module, const char* name) {
  namespace nb = nanobind;
  return nb::object(nb::module_::import_(module).attr(name)).release().ptr();
}

}  // namespace molt::bindings
