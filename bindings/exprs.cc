#include "exprs.h"

#include <string>

#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/typing.h>

#include "errors.h"
#include "values.h"

namespace molt::bindings {

namespace {

using query::Expr;
using query::Op;

[[noreturn]] void RaiseTruth() {
  RaiseInvalid(
      "an expression has no truth value in Python: combine conditions with & | ~ instead of "
      "and/or/not, write (a < x) & (x < b) instead of a < x < b, and use in_() or contains() "
      "instead of `in`");
}

Expr Binary(Op op, const Expr& left, nb::handle right) {
  return Checked(Expr::Make(op, {left, ToExpr(right)}));
}

// A condition: an expression, or a Python bool.
Expr ToCondition(nb::handle object) {
  if (nb::isinstance<Expr>(object)) return ToExpr(object);
  if (PyBool_Check(object.ptr())) return Expr::Constant(object.ptr() == Py_True);
  RaiseInvalid(std::string("& and | need conditions on both sides, got ") +
               Py_TYPE(object.ptr())->tp_name +
               "; put parentheses around comparisons: (a == 1) & (b == 2)");
}

query::Ordering MakeOrdering(const Expr& e, bool descending, const nb::object& nulls) {
  query::Ordering ordering = descending ? e.Desc() : e.Asc();
  if (nulls.is_none()) return ordering;
  const auto where = nb::cast<std::string>(nb::str(nulls));
  if (where != "first" && where != "last") {
    RaiseInvalid("nulls must be \"first\" or \"last\", got \"" + where + "\"");
  }
  ordering.nulls = where == "first" ? query::NullOrder::kFirst : query::NullOrder::kLast;
  return ordering;
}

template <class Class>
void BindOperators(Class& cls) {
  const auto compare = [&](const char* name, Expr (*op)(const Expr&, const Expr&),
                           const char* signature) {
    cls.def(
        name, [op](const Expr& self, nb::handle other) { return Checked(op(self, ToExpr(other))); },
        nb::arg("other").none(), nb::sig(signature));
  };
  // Python's protocol says bool for these two; an expression gives an expression.
  compare("__eq__", &query::operator==, "def __eq__(self, other: object) -> Expr[bool]");
  compare("__ne__", &query::operator!=, "def __ne__(self, other: object) -> Expr[bool]");
  compare("__lt__", &query::operator<, "def __lt__(self, other: typing.Any) -> Expr[bool]");
  compare("__le__", &query::operator<=, "def __le__(self, other: typing.Any) -> Expr[bool]");
  compare("__gt__", &query::operator>, "def __gt__(self, other: typing.Any) -> Expr[bool]");
  compare("__ge__", &query::operator>=, "def __ge__(self, other: typing.Any) -> Expr[bool]");

  const auto arithmetic = [&](const std::string& name, Op op, const std::string& result) {
    cls.def(
        ("__" + name + "__").c_str(),
        [op](const Expr& self, nb::handle other) { return Binary(op, self, other); },
        nb::arg("other"),
        nb::sig(("def __" + name + "__(self, other: typing.Any) -> Expr[" + result + "]").c_str()));
    cls.def(
        ("__r" + name + "__").c_str(),
        [op](const Expr& self, nb::handle other) {
          return Checked(Expr::Make(op, {ToExpr(other), self}));
        },
        nb::arg("other"),
        nb::sig(
            ("def __r" + name + "__(self, other: typing.Any) -> Expr[" + result + "]").c_str()));
  };
  arithmetic("add", Op::kAdd, "T");
  arithmetic("sub", Op::kSub, "T");
  arithmetic("mul", Op::kMul, "T");
  arithmetic("truediv", Op::kDiv, "float");
  arithmetic("mod", Op::kMod, "T");
  cls.def(
      "__neg__", [](const Expr& self) { return Checked(-self); },
      nb::sig("def __neg__(self) -> Expr[T]"));

  cls.def(
      "__and__", [](const Expr& a, nb::handle b) { return Checked(a && ToCondition(b)); },
      nb::arg("other").none(),
      nb::sig("def __and__(self, other: Expr[bool] | bool) -> Expr[bool]"));
  cls.def(
      "__rand__", [](const Expr& a, nb::handle b) { return Checked(ToCondition(b) && a); },
      nb::arg("other").none(), nb::sig("def __rand__(self, other: bool) -> Expr[bool]"));
  cls.def(
      "__or__", [](const Expr& a, nb::handle b) { return Checked(a || ToCondition(b)); },
      nb::arg("other").none(), nb::sig("def __or__(self, other: Expr[bool] | bool) -> Expr[bool]"));
  cls.def(
      "__ror__", [](const Expr& a, nb::handle b) { return Checked(ToCondition(b) || a); },
      nb::arg("other").none(), nb::sig("def __ror__(self, other: bool) -> Expr[bool]"));
  cls.def(
      "__invert__", [](const Expr& self) { return Checked(!self); },
      nb::sig("def __invert__(self) -> Expr[bool]"));
  cls.def(
      "__bool__", [](const Expr&) -> bool { RaiseTruth(); },
      nb::sig("def __bool__(self) -> typing.NoReturn"));
  cls.def(
      "__contains__", [](const Expr&, nb::handle) -> bool { RaiseTruth(); }, nb::arg("item"),
      nb::sig("def __contains__(self, item: object) -> typing.NoReturn"));
  cls.def("__hash__", [](nb::handle self) {
    return static_cast<Py_ssize_t>(reinterpret_cast<std::uintptr_t>(self.ptr()) >> 4);
  });
}

template <class Class>
void BindPredicates(Class& cls) {
  cls.def(
      "in_", [](const Expr& self, nb::handle values) { return Checked(self.In(ToExprs(values))); },
      nb::arg("values"),
      nb::sig("def in_(self, values: collections.abc.Iterable[typing.Any]) -> Expr[bool]"),
      "Equal to one of the values; of no values: false.");
  cls.def(
      "not_in",
      [](const Expr& self, nb::handle values) { return Checked(self.NotIn(ToExprs(values))); },
      nb::arg("values"),
      nb::sig("def not_in(self, values: collections.abc.Iterable[typing.Any]) -> Expr[bool]"),
      "Equal to none of the values; of no values: true.");
  cls.def(
      "between",
      [](const Expr& self, nb::handle low, nb::handle high) {
        return Checked(self.Between(ToExpr(low), ToExpr(high)));
      },
      nb::arg("low").none(), nb::arg("high").none(),
      nb::sig("def between(self, low: typing.Any, high: typing.Any) -> Expr[bool]"),
      "low <= self <= high.");
  cls.def(
      "is_null", [](const Expr& self) { return Checked(self.IsNull()); },
      nb::sig("def is_null(self) -> Expr[bool]"));
  cls.def(
      "is_not_null", [](const Expr& self) { return Checked(self.IsNotNull()); },
      nb::sig("def is_not_null(self) -> Expr[bool]"));

  const auto match = [&](const std::string& name, Op op, const char* doc) {
    cls.def(
        name.c_str(), [op](const Expr& self, nb::handle text) { return Binary(op, self, text); },
        nb::arg("text").none(),
        nb::sig(("def " + name + "(self, text: str | Expr[typing.Any]) -> Expr[bool]").c_str()),
        doc);
  };
  match("like", Op::kLike,
        "Matches a pattern with % and _, with case on every engine; a backslash escapes.");
  match("ilike", Op::kILike, "Like like(), ignoring case (of ASCII letters only on SQLite).");
  match("startswith", Op::kStartsWith, "Starts with this very text; % and _ are plain.");
  match("endswith", Op::kEndsWith, "Ends with this very text; % and _ are plain.");
  match("contains", Op::kContains, "Contains this very text; % and _ are plain.");
  match("istartswith", Op::kIStartsWith, "Like startswith(), ignoring case.");
  match("iendswith", Op::kIEndsWith, "Like endswith(), ignoring case.");
  match("icontains", Op::kIContains, "Like contains(), ignoring case.");

  cls.def(
      "as_", [](const Expr& self, const nb::str& name) { return Checked(self.As(ToText(name))); },
      nb::arg("name"), nb::sig("def as_(self, name: str) -> Expr[T]"),
      "Names the column in the result.");
  cls.def(
      "asc",
      [](const Expr& self, const nb::object& nulls) { return MakeOrdering(self, false, nulls); },
      nb::arg("nulls") = nb::none(),
      nb::sig("def asc(self, nulls: typing.Literal['first', 'last'] | None = None) -> Ordering"),
      "Smallest first; NULLs last unless said otherwise.");
  cls.def(
      "desc",
      [](const Expr& self, const nb::object& nulls) { return MakeOrdering(self, true, nulls); },
      nb::arg("nulls") = nb::none(),
      nb::sig("def desc(self, nulls: typing.Literal['first', 'last'] | None = None) -> Ordering"),
      "Largest first; NULLs first unless said otherwise.");
}

template <class Class>
void BindAggregates(Class& cls) {
  const auto aggregate = [&](const std::string& name, Op op, const std::string& result,
                             const char* doc) {
    cls.def(
        name.c_str(),
        [op](const Expr& self, bool distinct) { return Checked(Expr::Make(op, {self}, distinct)); },
        nb::kw_only(), nb::arg("distinct") = false,
        nb::sig(
            ("def " + name + "(self, *, distinct: bool = False) -> Expr[" + result + "]").c_str()),
        doc);
  };
  aggregate("count", Op::kCount, "int", "How many are not NULL.");
  aggregate("sum", Op::kSum, "T", "Their sum; NULL of none.");
  aggregate("avg", Op::kAvg, "float", "Their mean; NULL of none.");
  aggregate("min", Op::kMin, "T", "The smallest.");
  aggregate("max", Op::kMax, "T", "The largest.");
  aggregate("stddev", Op::kStddev, "float",
            "Standard deviation of a sample; NULL of fewer than 2.");
  aggregate("variance", Op::kVariance, "float", "Variance of a sample; NULL of fewer than 2.");
  aggregate("bool_and", Op::kBoolAnd, "bool", "Whether all are true.");
  aggregate("bool_or", Op::kBoolOr, "bool", "Whether one is true.");
  aggregate("array_agg", Op::kArrayAgg, "list[T]", "All values as an array (not on SQLite).");
  cls.def(
      "string_agg",
      [](const Expr& self, nb::handle separator, bool distinct) {
        return Checked(Expr::Make(Op::kStringAgg, {self, ToExpr(separator)}, distinct));
      },
      nb::arg("separator"), nb::kw_only(), nb::arg("distinct") = false,
      nb::sig("def string_agg(self, separator: str, *, distinct: bool = False) -> Expr[str]"),
      "All texts joined with a separator.");
}

}  // namespace

Expr Checked(Expr e) {
  if (e->op == Op::kError) RaiseInvalid(e->name);
  return e;
}

Expr ToExpr(nb::handle object) {
  const Expr* e = nullptr;
  if (nb::try_cast<const Expr*>(object, e, false) && e != nullptr) return *e;
  if (PyUnicode_Check(object.ptr()) || PyLong_Check(object.ptr())) return {ToValue(object)};
  if (IsTable(object)) RaiseInvalid("a table is not a value; name one of its columns");
  return {ToValue(object)};
}

std::vector<Expr> ToExprs(nb::handle iterable) {
  if (PyUnicode_Check(iterable.ptr()) || PyBytes_Check(iterable.ptr())) {
    RaiseInvalid("in_() takes a list of values, got one str; write in_([value])");
  }
  std::vector<Expr> values;
  PyObject* iterator = PyObject_GetIter(iterable.ptr());
  if (iterator == nullptr) {
    PyErr_Clear();
    RaiseInvalid(std::string("in_() takes a list of values, got ") +
                 Py_TYPE(iterable.ptr())->tp_name);
  }
  const nb::object owned = nb::steal(iterator);
  while (PyObject* item = PyIter_Next(iterator)) values.push_back(ToExpr(nb::steal(item)));
  if (PyErr_Occurred() != nullptr) throw nb::python_error();
  return values;
}

query::Ordering ToOrdering(nb::handle object) {
  const query::Ordering* ordering = nullptr;
  if (nb::try_cast<const query::Ordering*>(object, ordering, false) && ordering != nullptr) {
    return *ordering;
  }
  if (nb::isinstance<Expr>(object)) return ToExpr(object).Asc();
  RaiseInvalid(std::string("order_by() takes columns and expressions, got ") +
               Py_TYPE(object.ptr())->tp_name + "; write User.name or User.name.desc()");
}

void BindExprs(nb::module_& m) {
  m.attr("T") = nb::type_var("T");

  nb::class_<query::Ordering>(m, "Ordering", "A key to order by; from Expr.asc() or Expr.desc().");

  auto expr =
      nb::class_<Expr>(m, "Expr", nb::is_generic(), nb::sig("class Expr(typing.Generic[T])"),
                       "Part of a query: a column, a value, or what is made of them. "
                       "Immutable.");
  BindOperators(expr);
  BindPredicates(expr);
  BindAggregates(expr);
  expr.def("__repr__", [](const Expr& self) {
    return self->op == Op::kColumn ? "<Column " + self->qualifier + "." + self->name + ">"
                                   : "<Expr " + std::string(query::InfoOf(self->op).name) + ">";
  });
  nb::class_<Column, Expr>(m, "Column", nb::is_generic(), nb::sig("class Column(Expr[T])"),
                           "A column of a table.");

  // fn.count() and the like; the rest of `fn` is Python's (fn.py).
  m.def("_count_all", [] { return query::CountAll(); }, nb::sig("def _count_all() -> Expr[int]"));
  m.def(
      "_combine",
      [](bool all, const nb::args& conditions) {
        Expr combined;
        for (const nb::handle condition : conditions) {
          const Expr next = ToCondition(condition);
          combined = combined.IsEmpty() ? next : all ? combined && next : combined || next;
        }
        return Checked(combined ? combined : Expr::Constant(all));
      },
      nb::arg("all"), nb::arg("conditions"),
      nb::sig("def _combine(all: bool, *conditions: Expr[bool] | bool) -> Expr[bool]"));
}

}  // namespace molt::bindings
