// A result as the text that Python's json.dumps would make of it.
#include "molt/codec/python_json.h"

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "errors.h"
#include "results.h"

namespace molt::bindings {

namespace {

// None if only Python knows what to make of a value.
nb::object ToPythonJson(const ResultSet& self, const std::vector<std::string>& names,
                        const std::vector<std::string>& kinds) {
  const std::size_t columns = self.schema().size();
  if (names.size() != columns || kinds.size() != columns) {
    RaiseInvalid("the result has " + std::to_string(columns) + " columns, and there must be as " +
                 "many names and kinds");
  }
  std::vector<codec::PythonKind> known;
  for (const std::string& name : kinds) {
    const auto kind = codec::PythonKindFromName(name);
    if (!kind) RaiseInvalid("\"" + name + "\" is no kind of column");
    known.push_back(*kind);
  }
  std::optional<std::string> json;
  {
    const nb::gil_scoped_release release;
    json = codec::ToPythonJson(self.batches(), names, known);
  }
  if (!json) return nb::none();
  return nb::bytes(json->data(), json->size());
}

}  // namespace

void BindPythonJson(nb::module_& m) {
  m.def("_to_python_json", &ToPythonJson, nb::arg("rows"), nb::arg("names"), nb::arg("kinds"),
        nb::sig("def _to_python_json(rows: ResultSet, names: list[str], kinds: list[str])"
                " -> bytes | None"));
}

}  // namespace molt::bindings
