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
    case ErrorCode::kUnavailable:
      return "WorkerUnavailableError";
    case ErrorCode::kProtocol:
      return "ProtocolError";
    case ErrorCode::kInternal:
      return "MoltError";
  }
  return "MoltError";
}

}  // namespace

nb::object ShownText(std::string_view text) {
  PyObject* shown =
      PyUnicode_DecodeUTF8(text.data(), static_cast<Py_ssize_t>(text.size()), "replace");
  if (shown == nullptr) throw nb::python_error();
  return nb::steal(shown);
}

void Raise(const Error& error) {
  const nb::object type = nb::module_::import_("molt_sql._errors").attr(ExceptionName(error.code));
  const nb::object message = ShownText(error.message);
  const nb::object exception =
      error.code == ErrorCode::kDatabase ? type(message, ShownText(error.sqlstate)) : type(message);
  PyErr_SetObject(type.ptr(), exception.ptr());
  throw nb::python_error();
}

void RaiseInvalid(std::string message) {
  Raise({ErrorCode::kInvalidQuery, std::move(message), {}, false});
}

}  // namespace molt::bindings
