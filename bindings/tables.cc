#include <string>
#include <utility>

#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>

#include "errors.h"
#include "exprs.h"
#include "molt/query/binder.h"
#include "values.h"

namespace molt::bindings {

namespace {

using query::Table;

// {name: type or None} -> declared columns, where a type is one of ours by name.
std::optional<types::Schema> ToSchema(const nb::object& columns) {
  if (columns.is_none()) return std::nullopt;
  types::Schema schema;
  for (const auto [key, value] : nb::cast<nb::dict>(columns)) {
    const std::string name = ToText(key);
    RaiseIfError(query::CheckIdentifier("column name", name));
    types::LogicalType type;
    if (!value.is_none()) {
      const auto type_name = nb::cast<std::string>(value);
      const auto known = types::TypeFromName(type_name);
      if (!known) RaiseInvalid("column \"" + name + "\": there is no type \"" + type_name + "\"");
      type = *known;
    }
    schema.push_back({name, type, true});
  }
  return schema;
}

nb::object ColumnOf(const Table& table, std::string_view name) {
  return nb::cast(Column(Checked(table[name])));
}

// `table.c`: columns by any name.
struct Columns {
  Table table;
};

std::string Repr(const Table& table) {
  std::string text = "<Table ";
  if (!table->schema.empty()) text += table->schema + ".";
  text += table->name;
  if (!table->alias.empty()) text += " as " + table->alias;
  return text + ">";
}

}  // namespace

bool IsTable(nb::handle object) {
  return nb::isinstance<Table>(object) || nb::hasattr(object, "__molt_table__");
}

Table ToTable(nb::handle object) {
  const Table* table = nullptr;
  if (nb::try_cast<const Table*>(object, table, false) && table != nullptr) return *table;
  if (nb::hasattr(object, "__molt_table__")) {
    return nb::cast<Table>(object.attr("__molt_table__"));
  }
  RaiseInvalid(std::string("expected a table, got ") + Py_TYPE(object.ptr())->tp_name +
               "; write table(\"name\")");
}

nb::class_<Table> BindTables(nb::module_& m) {
  nb::class_<Columns>(m, "Columns", "Columns of a table by name: `User.c[\"odd name\"]`.")
      .def(
          "__getitem__",
          [](const Columns& self, const nb::str& name) {
            return ColumnOf(self.table, ToText(name));
          },
          nb::arg("name"), nb::sig("def __getitem__(self, name: str) -> Column[typing.Any]"))
      .def(
          "__getattr__",
          [](const Columns& self, const std::string& name) {
            if (name.starts_with("__")) throw nb::attribute_error(name.c_str());
            return ColumnOf(self.table, name);
          },
          nb::arg("name"), nb::sig("def __getattr__(self, name: str) -> Column[typing.Any]"));

  auto cls =
      nb::class_<Table>(m, "TableRef", nb::dynamic_attr(),
                        "A table by name. Every attribute that is not a method is a column.");
  cls.def(
         "__init__",
         [](Table* self, const nb::str& text, const nb::object& columns) {
           const std::string name = ToText(text);
           if (name.empty()) RaiseInvalid("a table name is empty");
           new (self) Table(name, ToSchema(columns));
         },
         nb::arg("name"), nb::arg("columns") = nb::none(),
         nb::sig("def __init__(self, name: str, columns: dict[str, str | None] | None = None)"
                 " -> None"))
      .def(
          "__getattr__",
          [](nb::handle self, nb::handle name) {
            const std::string text = ToText(name);
            // Python and notebooks probe for names of their own; a column with a leading
            // underscore is reached through `.c`.
            if (text.starts_with('_')) throw nb::attribute_error(text.c_str());
            nb::object column = ColumnOf(*nb::inst_ptr<Table>(self), text);
            nb::setattr(self, name, column);  // the next look-up finds it without us
            return column;
          },
          nb::arg("name"), nb::sig("def __getattr__(self, name: str) -> Column[typing.Any]"))
      .def_prop_ro(
          "c", [](const Table& self) { return Columns{self}; },
          "Columns by name, for names that are no Python identifier or that a method has.")
      .def(
          "as_", [](const Table& self, const nb::str& alias) { return self.As(ToText(alias)); },
          nb::arg("alias"), nb::sig("def as_(self, alias: str) -> TableRef"),
          "The same table under another name, as a self-join needs it.")
      .def("__repr__", &Repr)
      .def_prop_ro(
          "__molt_columns__",
          [](const Table& self) {
            nb::dict columns;
            if (self->columns) {
              for (const types::Field& field : *self->columns) {
                const auto type = types::TypeName(field.type);
                columns[field.name.c_str()] = nb::str(type.data(), type.size());
              }
            }
            return columns;
          },
          nb::sig("def __molt_columns__(self) -> dict[str, str]"));
  return cls;
}

}  // namespace molt::bindings
