// `python -m molt_worker`: this process becomes the worker that molt-worker is.
#include <string>
#include <utility>
#include <vector>

#include "database_handle.h"
#include "errors.h"

#ifdef MOLT_HAS_WORKER
#include "apps/molt_worker/program.h"
#endif

namespace molt::bindings {

namespace {

int RunWorker(const nb::typed<nb::list, nb::bytes>& arguments) {
#ifdef MOLT_HAS_WORKER
  std::vector<std::string> texts;
  for (const nb::handle each : arguments) {
    const auto text = nb::cast<nb::bytes>(each);
    texts.emplace_back(text.c_str(), text.size());
  }
  const nb::gil_scoped_release release;
  return app::Main(std::move(texts));
#else
  static_cast<void>(arguments);
  Raise({ErrorCode::kUnsupported,
         "this build has no worker (it was made with MOLT_WORKER=OFF); run the program molt-worker",
         {},
         false});
#endif
}

}  // namespace

void BindRunWorker(nb::module_& m) {
  m.def("_run_worker", &RunWorker, nb::arg("arguments"),
        nb::sig("def _run_worker(arguments: list[bytes]) -> int"),
        "Serves as molt-worker does with these arguments, and gives its exit code. The process is "
        "the worker's from then on: its signals, stdin and stdout.");
}

}  // namespace molt::bindings
