#include "queries.h"

#include <map>
#include <memory>
#include <string>

#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>

#include "database_handle.h"
#include "errors.h"
#include "exprs.h"
#include "molt/query/serialize.h"
#include "molt/sql/compile_cache.h"
#include "values.h"

namespace molt::bindings {

namespace {

using query::JoinKind;
using query::Query;

// `.sql()`: text and parameters.
struct CompiledSql {
  std::string text;
  std::vector<types::Value> params;

  [[nodiscard]] nb::list Params() const {
    nb::list list;
    for (const types::Value& value : params) list.append(ToPython(value));
    return list;
  }
  [[nodiscard]] nb::object Text() const { return nb::str(text.c_str(), text.size()); }
};

const sql::Dialect& DialectByName(const std::string& name) {
  const sql::Dialect* dialect = sql::FindDialect(name);
  if (dialect != nullptr) return *dialect;
  std::string known;
  for (const auto n : sql::DialectNames()) known += (known.empty() ? "" : ", ") + std::string(n);
  RaiseInvalid("there is no dialect \"" + name + "\"; there are " + known);
}

// Compiled without a database: tables are taken as the query declares them. Guarded by the GIL.
sql::CompileCache& CacheOf(const sql::Dialect& dialect) {
  static auto* caches = new std::map<const sql::Dialect*, std::unique_ptr<sql::CompileCache>>();
  auto& cache = (*caches)[&dialect];
  if (!cache) cache = std::make_unique<sql::CompileCache>(dialect);
  return *cache;
}

engine::Prepared Prepare(const PyQuery& self, const std::optional<std::string>& dialect) {
  if (!dialect && self.database.is_valid()) {
    engine::Database& db = TargetOf(self.database).database;
    return ValueOrRaise(db.RunBlocking<engine::Prepared>(db.Prepare(self.query, {})));
  }
  sql::CompileCache& cache = CacheOf(DialectByName(dialect.value_or("sqlite")));
  engine::Prepared prepared;
  prepared.compiled = cache.Find(self.query);
  if (!prepared.compiled) prepared.compiled = ValueOrRaise(cache.Compile(self.query, {}));
  prepared.params = ValueOrRaise(sql::BindParams(*prepared.compiled, self.query));
  return prepared;
}

std::string DialectOf(const PyQuery& self, const std::optional<std::string>& dialect) {
  if (dialect) return *dialect;
  if (!self.database.is_valid()) return "sqlite";
  return std::string(TargetOf(self.database).database.dialect().name);
}

// SQL with a clause a line, and the values as a comment.
std::string Pretty(const PyQuery& self, const std::optional<std::string>& dialect) {
  const sql::Dialect& d = DialectByName(DialectOf(self, dialect));
  const auto bound = ValueOrRaise(query::Bind(self.query, {}));
  const auto compiled = ValueOrRaise(sql::Compile(bound, d, sql::Layout::kClausePerLine));
  std::string text = compiled.sql;
  const auto params = ValueOrRaise(sql::BindParams(compiled, self.query));
  for (std::size_t i = 0; i < params.size(); ++i) {
    text += i == 0 ? "\n-- " : ", ";
    text += nb::cast<std::string>(nb::repr(ToPython(params[i])));
  }
  return text;
}

std::string Repr(const PyQuery& self) {
  try {
    const engine::Prepared prepared = Prepare(self, DialectOf(self, std::nullopt));
    return "<Query " + prepared.compiled->sql + ">";
  } catch (nb::python_error& e) {
    return "<Query with a mistake: " + nb::cast<std::string>(nb::str(e.value())) + ">";
  }
}

PyQuery With(const PyQuery& self, Query query) { return {std::move(query), self.database}; }

std::vector<query::Expr> ToConditions(const nb::args& conditions) {
  std::vector<query::Expr> exprs;
  for (const nb::handle condition : conditions) {
    if (PyBool_Check(condition.ptr())) {
      exprs.push_back(query::Expr::Constant(condition.ptr() == Py_True));
    } else if (nb::isinstance<query::Expr>(condition)) {
      exprs.push_back(ToExpr(condition));
    } else {
      RaiseInvalid(std::string("a condition is an expression such as User.age > 18, got ") +
                   Py_TYPE(condition.ptr())->tp_name);
    }
  }
  return exprs;
}

std::vector<query::Expr> ToColumns(std::string_view method, const nb::args& columns) {
  std::vector<query::Expr> exprs;
  if (method == "select" && columns.size() == 1 && PyUnicode_Check(columns[0].ptr()) &&
      nb::cast<std::string>(columns[0]) == "*") {
    return exprs;
  }
  for (const nb::handle column : columns) {
    if (PyUnicode_Check(column.ptr())) {
      RaiseInvalid(std::string(method) + "() takes columns, got the str '" +
                   nb::cast<std::string>(column) + "'; write User.name or User.c[\"name\"]");
    }
    exprs.push_back(ToExpr(column));
  }
  return exprs;
}

std::int64_t ToRowCount(std::string_view what, nb::handle n) {
  if (!PyLong_Check(n.ptr()) || PyBool_Check(n.ptr())) {
    RaiseInvalid(std::string(what) + "() takes an int, got " + Py_TYPE(n.ptr())->tp_name);
  }
  const types::Value value = ToValue(n);
  if (std::get<std::int64_t>(value) < 0) {
    RaiseInvalid(std::string(what) + " must not be negative, got " +
                 std::to_string(std::get<std::int64_t>(value)));
  }
  return std::get<std::int64_t>(value);
}

JoinKind ToJoinKind(const std::string& how) {
  if (how == "inner") return JoinKind::kInner;
  if (how == "left") return JoinKind::kLeft;
  if (how == "right") return JoinKind::kRight;
  if (how == "full") return JoinKind::kFull;
  if (how == "cross") return JoinKind::kCross;
  RaiseInvalid("join(how=...) is inner, left, right, full or cross, got \"" + how + "\"");
}

PyQuery JoinWith(const PyQuery& self, nb::handle table, nb::handle on, JoinKind kind) {
  query::Join join{kind, ToTable(table), {}};
  if (!on.is_none()) {
    if (!nb::isinstance<query::Expr>(on)) {
      RaiseInvalid(std::string("join(on=...) takes a condition such as A.id == B.a_id, got ") +
                   Py_TYPE(on.ptr())->tp_name);
    }
    join.on = ToExpr(on);
  } else if (kind != JoinKind::kCross) {
    RaiseInvalid("join needs a condition: on=A.id == B.a_id (or use cross_join)");
  }
  return With(self, self.query.Joined(std::move(join)));
}

// The same methods start a query on a table and extend one; `start` gives the query to extend.
template <class Class, class Start>
void BindBuilding(Class& cls, Start start) {
  cls.def(
      "where",
      [start](nb::handle self, const nb::args& conditions) {
        const PyQuery& q = start(self);
        return With(q, q.query.Where(ToConditions(conditions)));
      },
      nb::arg("conditions"), nb::sig("def where(self, *conditions: Expr[bool] | bool) -> Query"),
      "Only rows for which all conditions hold; further calls add to it.");
  cls.def(
      "select",
      [start](nb::handle self, const nb::args& columns) {
        const PyQuery& q = start(self);
        return With(q, q.query.Select(ToColumns("select", columns)));
      },
      nb::arg("columns"), nb::sig("def select(self, *columns: typing.Any) -> Query"),
      "The columns and expressions of the result; none or \"*\": all columns.");
  const auto join = [&](const char* name, JoinKind kind) {
    cls.def(
        name,
        [start, kind](nb::handle self, nb::handle table, nb::handle on) {
          return JoinWith(start(self), table, on, kind);
        },
        nb::arg("table"), nb::arg("on"),
        nb::sig(("def " + std::string(name) + "(self, table: typing.Any, on: Expr[bool]) -> Query")
                    .c_str()));
  };
  join("left_join", JoinKind::kLeft);
  join("right_join", JoinKind::kRight);
  join("full_join", JoinKind::kFull);
  cls.def(
      "cross_join",
      [start](nb::handle self, nb::handle table) {
        return JoinWith(start(self), table, nb::none(), JoinKind::kCross);
      },
      nb::arg("table"), nb::sig("def cross_join(self, table: typing.Any) -> Query"));
  cls.def(
      "join",
      [start](nb::handle self, nb::handle table, nb::handle on, const std::string& how) {
        return JoinWith(start(self), table, on, ToJoinKind(how));
      },
      nb::arg("table"), nb::arg("on") = nb::none(), nb::arg("how") = "inner",
      nb::sig("def join(self, table: typing.Any, on: Expr[bool] | None = None,"
              " how: typing.Literal['inner', 'left', 'right', 'full', 'cross'] = 'inner')"
              " -> Query"));
  cls.def(
      "group_by",
      [start](nb::handle self, const nb::args& keys) {
        const PyQuery& q = start(self);
        return With(q, q.query.GroupBy(ToColumns("group_by", keys)));
      },
      nb::arg("keys"), nb::sig("def group_by(self, *keys: Expr[typing.Any]) -> Query"));
  cls.def(
      "order_by",
      [start](nb::handle self, const nb::args& keys) {
        const PyQuery& q = start(self);
        std::vector<query::Ordering> orderings;
        for (const nb::handle key : keys) orderings.push_back(ToOrdering(key));
        return With(q, q.query.OrderBy(orderings));
      },
      nb::arg("keys"), nb::sig("def order_by(self, *keys: Expr[typing.Any] | Ordering) -> Query"),
      "Replaces any earlier order. NULLs count as the largest values unless said otherwise.");
  cls.def(
      "limit",
      [start](nb::handle self, nb::handle rows) {
        const PyQuery& q = start(self);
        return With(q, q.query.Limit(ToRowCount("limit", rows)));
      },
      nb::arg("rows").none(), nb::sig("def limit(self, rows: int) -> Query"));
  cls.def(
      "offset",
      [start](nb::handle self, nb::handle rows) {
        const PyQuery& q = start(self);
        return With(q, q.query.Offset(ToRowCount("offset", rows)));
      },
      nb::arg("rows").none(), nb::sig("def offset(self, rows: int) -> Query"));
  cls.def(
      "distinct",
      [start](nb::handle self) {
        const PyQuery& q = start(self);
        return With(q, q.query.Distinct());
      },
      nb::sig("def distinct(self) -> Query"));
}

nb::bytes ToBytes(const std::string& text) { return nb::bytes(text.data(), text.size()); }

void BindSerialization(nb::class_<PyQuery>& cls) {
  cls.def(
      "fingerprint", [](const PyQuery& self) { return query::Fingerprint(self.query); },
      "32 hex digits of the structure without values: equal for queries that differ in "
      "values only, in every process.");
  cls.def(
      "to_json", [](const PyQuery& self) { return ValueOrRaise(query::ToJson(self.query)); },
      "The query as JSON (docs/spec/query_ir.md).");
  cls.def(
      "to_msgpack",
      [](const PyQuery& self) { return ToBytes(ValueOrRaise(query::ToMsgPack(self.query))); },
      "The query as MsgPack (docs/spec/query_ir.md).");
  cls.def_static(
      "from_json",
      [](const std::string& text) { return PyQuery{ValueOrRaise(query::FromJson(text)), {}}; },
      nb::arg("text"));
  cls.def_static(
      "from_msgpack",
      [](const nb::bytes& data) {
        return PyQuery{ValueOrRaise(query::FromMsgPack({data.c_str(), data.size()})), {}};
      },
      nb::arg("data"));
}

void BindSql(nb::class_<PyQuery>& cls) {
  cls.def(
      "sql",
      [](const PyQuery& self, const std::optional<std::string>& dialect) {
        engine::Prepared prepared = Prepare(self, dialect);
        return CompiledSql{prepared.compiled->sql, std::move(prepared.params)};
      },
      nb::arg("dialect") = nb::none(),
      nb::sig("def sql(self, dialect: str | None = None) -> CompiledSql"),
      "SQL text and parameters for \"postgres\", \"sqlite\" or \"duckdb\"; without a name, of "
      "the query's database.");
  cls.def("pretty", &Pretty, nb::arg("dialect") = nb::none(),
          nb::sig("def pretty(self, dialect: str | None = None) -> str"),
          "The SQL with a clause a line, and the values as a comment.");
  cls.def("__repr__", &Repr);
}

}  // namespace

void BindQueries(nb::module_& m, nb::class_<query::Table>& table) {
  nb::class_<CompiledSql>(m, "CompiledSql", "SQL text and the values bound to it.")
      .def_prop_ro("text", &CompiledSql::Text, nb::sig("def text(self) -> str"))
      .def_prop_ro("params", &CompiledSql::Params, nb::sig("def params(self) -> list[typing.Any]"))
      .def(
          "__iter__",
          [](const CompiledSql& self) {
            const nb::object pair = nb::make_tuple(self.Text(), self.Params());
            return nb::steal(PyObject_GetIter(pair.ptr()));
          },
          nb::sig("def __iter__(self) -> collections.abc.Iterator[typing.Any]"),
          "text, params = q.sql()")
      .def("__repr__", [](const CompiledSql& self) { return "<CompiledSql " + self.text + ">"; });

  auto cls = nb::class_<PyQuery>(m, "Query",
                                 "A query as data. Immutable: every method returns "
                                 "another one.");
  BindBuilding(cls, [](nb::handle self) -> const PyQuery& { return *nb::inst_ptr<PyQuery>(self); });
  cls.def(
      "having",
      [](const PyQuery& self, const nb::args& conditions) {
        return With(self, self.query.Having(ToConditions(conditions)));
      },
      nb::arg("conditions"), nb::sig("def having(self, *conditions: Expr[bool] | bool) -> Query"),
      "Only groups for which all conditions hold.");
  cls.def(
      "on",
      [](const PyQuery& self, nb::handle database) {
        if (!IsTarget(database)) {
          RaiseInvalid("on() takes a Database from connect(url), or a Transaction of one");
        }
        return PyQuery{self.query, nb::borrow(database)};
      },
      nb::arg("database"), nb::sig("def on(self, database: Database | _Transaction) -> Query"),
      "The same query, to be run there.");
  BindSql(cls);
  BindSerialization(cls);
  BindRunning(m, cls);

  const auto start = [](nb::handle self) {
    return PyQuery{query::From(*nb::inst_ptr<query::Table>(self)), {}};
  };
  BindBuilding(table, start);
  table.def(
      "query", [start](nb::handle self) { return start(self); },
      nb::sig("def query(self) -> Query"), "All rows of the table.");

  m.def(
      "raw",
      [](const nb::str& text, const nb::kwargs& values) {
        std::vector<std::pair<std::string, query::Expr>> holes;
        for (const auto [key, value] : values) {
          holes.emplace_back(ToText(key), ToExpr(value));
        }
        return Raw(Checked(query::Expr::Raw(ToText(text), holes)));
      },
      // Without names here, so that a hole may be called "text".
      nb::sig("def raw(text: str, /, **values: typing.Any) -> Raw"),
      "SQL by hand, as an expression or a whole statement. Every `{name}` hole is bound to the "
      "value (or expression) of that name; `{{` and `}}` are plain braces.");
}

}  // namespace molt::bindings
