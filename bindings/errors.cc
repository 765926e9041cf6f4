#include "errors.h"

namespace molt::bindings {

namespace {

const char* ExceptionName(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidQuery:
      return "InvalidQueryError";
    case ErrorCode::kUnsupported:
      return "UnsupportedError";
    case ErrorCode::kBusy:
      return "BusyError";
    case ErrorCode::kTimeout:
      return "TimeoutError";
    case ErrorCode::kCancelled:
      return "CancelledError";
    case ErrorCode::kDatabase:
      return "DatabaseError";
    case ErrorCode::kClosed:
      return "ClosedError";
    case ErrorCode::kInternal:
      return "MoltError";
  }
  return "MoltError";
}

}  // namespace

void Raise(const Error& error) {
  const nb::object type =
      nb::module_::import_("molt_sql._errors").attr(ExceptionName(error.code));
  const nb::object exception =
      error.code == ErrorCode::kDatabase
          ? type(nb::str(error.message.c_str(), error.message.size()), error.sqlstate)
          : type(nb::str(error.message.c_str(), error.message.size()));
  PyErr_SetObject(type.ptr(), exception.ptr());
  throw nb::python_error();
}

void RaiseInvalid(std::string message) {
  Raise({ErrorCode::kInvalidQuery, std::move(message), {}, false});
}

}  // namespace molt::bindings
