"""What of a queryset's SQL does not depend on its values, so that it is compiled only once.

Of Django's compiler most of the time goes into the columns, the joins and the order. The condition is
compiled each time, by Django, for its values; its SQL is part of the shape, so that whatever changes
the SQL of the condition is another shape.
"""

import typing
from weakref import WeakKeyDictionary

from django.core.exceptions import FullResultSet
from django.db.models.expressions import Col
from django.db.models.sql.compiler import SQLCompiler
from django.db.models.sql.query import Query
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
        or query.where.contains_aggregate
        or query.where.contains_over_clause
        or not all(type(column) is Col for column in query.select)
        or not all(type(name) is str for name in query.order_by)
    ):
        return None
    try:
        where, params = compiler.compile(query.where)
    except FullResultSet:
        where, params = "", ()
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
