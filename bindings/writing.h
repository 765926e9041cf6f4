// The requests that write rows; of a Database, and of a Transaction.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <nanobind/nanobind.h>

#include "pending.h"

namespace molt::bindings {

// The name in a str ("schema.table"), a TableRef or a class made from Table.
db::TableName NameOf(nb::handle table);

std::unique_ptr<Pending> Insert(nb::handle self, nb::handle table, nb::handle rows,
                                std::optional<std::vector<std::string>> columns,
                                std::int64_t batch_rows, nb::object on_progress,
                                std::optional<double> timeout);
std::unique_ptr<Pending> ExecuteMany(nb::handle self, const std::string& text, nb::handle rows,
                                     std::optional<double> timeout);

// Both as methods of a class that is a target.
template <class Class>
void BindWriting(Class& cls) {
  const auto insert = [&](const char* name, const char* doc) {
    const std::string signature =
        "def " + std::string(name) +
        "(self, table: typing.Any, rows: typing.Any,"
        " columns: collections.abc.Sequence[str] | None = None, batch_rows: int = 10000,"
        " on_progress: collections.abc.Callable[[int], object] | None = None,"
        " timeout: float | None = None) -> Pending[int]";
    cls.def(name, &Insert, nb::arg("table"), nb::arg("rows").none(),
            nb::arg("columns") = nb::none(), nb::arg("batch_rows") = 10'000,
            nb::arg("on_progress") = nb::none(), nb::arg("timeout") = nb::none(),
            nb::sig(signature.c_str()), doc);
  };
  insert("insert",
         "Inserts rows in one transaction, all or nothing, and gives their number. `rows` are "
         "tuples or dicts, or Arrow data (anything with __arrow_c_stream__). `on_progress` is "
         "called with the number of rows so far.");
  insert("copy_in", "The same as insert(), which is a binary COPY on PostgreSQL.");
  cls.def("execute_many", &ExecuteMany, nb::arg("text"), nb::arg("rows"), nb::kw_only(),
          nb::arg("timeout") = nb::none(),
          nb::sig("def execute_many(self, text: str, rows:"
                  " collections.abc.Iterable[collections.abc.Mapping[str, typing.Any]], *,"
                  " timeout: float | None = None) -> Pending[ExecuteResult]"),
          "Runs a statement once for every row, all or nothing. `text` is what raw() takes; each "
          "row gives the values of its holes.");
}

}  // namespace molt::bindings
