"""What of a queryset's SQL does not depend on its values, so that it is compiled only once.

Of Django's compiler most of the time goes into the columns, the joins and the order. What a condition
is depends on its values, so Django looks at it each time: at all of it, or, where it only compares
columns with values, at these. What SQL that makes is part of the shape.
"""

import typing
from weakref import WeakKeyDictionary

from django.core.exceptions import FullResultSet
from django.db.models import lookups
from django.db.models.expressions import Col
from django.db.models.sql.compiler import SQLCompiler
from django.db.models.sql.query import Query
from django.db.models.sql.where import AND, WhereNode
from django.test.signals import setting_changed

# Shapes have their LIMIT and OFFSET in them: more than a site has, unless pages are many.
_MAX = 256

Params = tuple[typing.Any, ...]
Shape = tuple[typing.Any, ...]
Found = typing.TypeVar("Found")


class Shapes(typing.Generic[Found]):
    """What was found for shapes, for each of Django's connections, which belong to threads."""

    def __init__(self) -> None:
        self._of: WeakKeyDictionary[typing.Any, dict[Shape, Found]] = WeakKeyDictionary()
        # Time zones, for one, are in what is kept.
        setting_changed.connect(self._forget)

    def get(self, connection: typing.Any, shape: Shape) -> Found | None:
        """What put() was given."""
        known = self._of.get(connection)
        return None if known is None else known.get(shape)

    def put(self, connection: typing.Any, shape: Shape, found: Found) -> None:
        """All shapes are forgotten when there are too many."""
        known = self._of.setdefault(connection, {})
        if len(known) >= _MAX:
            known.clear()
        known[shape] = found

    def _forget(self, **_: object) -> None:
        self._of.clear()


def shape_of(compiler: SQLCompiler) -> tuple[Shape, Params] | None:
    """The shape and the values of its condition; None for queries that are compiled whole.

    Raises EmptyResultSet, as the compiler does.
    """
    query: typing.Any = compiler.query
    if (
        type(query) is not Query
        or query.annotations
        or query.extra
        or query.extra_tables
        or query.extra_order_by
        or query.combinator
        or query.group_by is not None
        or query.distinct_fields
        or query.select_for_update
        or query._filtered_relations
        or query.explain_info
        or not all(type(column) is Col for column in query.select)
        or not all(type(name) is str for name in query.order_by)
    ):
        return None
    found = _comparisons(query.where, compiler) or _condition(query.where, compiler)
    if found is None:
        return None
    where, params = found
    shape = (
        query.model,
        where,
        tuple([(column.alias, column.target) for column in query.select]),
        None if query.selected is None else tuple(query.selected),
        query.values_select,
        tuple(
            [
                (alias, table.identity, table.join_type, query.alias_refcount[alias])
                for alias, table in query.alias_map.items()
            ]
        ),
        query.order_by,
        query.default_ordering,
        query.standard_ordering,
        query.distinct,
        query.low_mark,
        query.high_mark,
    )
    return shape, tuple(params)


# Their SQL is that of their column, and what process_rhs() gives.
_COMPARISONS: frozenset[typing.Any] = frozenset(
    {
        lookups.Exact,
        lookups.GreaterThan,
        lookups.GreaterThanOrEqual,
        lookups.LessThan,
        lookups.LessThanOrEqual,
        lookups.IntegerFieldExact,
        lookups.IntegerGreaterThan,
        lookups.IntegerGreaterThanOrEqual,
        lookups.IntegerLessThan,
        lookups.IntegerLessThanOrEqual,
    }
)


def _comparisons(where: typing.Any, compiler: typing.Any) -> tuple[Shape, Params] | None:
    """Of a condition that is nothing but comparisons, all of which must hold; else None."""
    if type(where) is not WhereNode or where.negated or where.connector != AND:
        return None
    shape: list[typing.Any] = []
    params: list[typing.Any] = []
    for lookup in where.children:
        if (
            type(lookup) not in _COMPARISONS
            or type(lookup.lhs) is not Col
            or lookup.bilateral_transforms
            # Django may leave out what a column of booleans is compared with.
            or type(lookup.rhs) is bool
            or hasattr(lookup.rhs, "as_sql")
        ):
            return None
        try:
            sql, values = lookup.process_rhs(compiler, compiler.connection)
        except FullResultSet:
            return None
        shape.append((type(lookup), lookup.lhs.alias, lookup.lhs.target, sql))
        params.extend(values)
    return tuple(shape), tuple(params)


def _condition(where: typing.Any, compiler: typing.Any) -> tuple[str, Params] | None:
    """Of any condition on rows; None for one on groups of rows."""
    if where.contains_aggregate or where.contains_over_clause:
        return None
    try:
        sql, params = compiler.compile(where)
    except FullResultSet:
        return "", ()
    return sql, tuple(params)
