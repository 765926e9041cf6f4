"""A queryset as SQL with its values, and what Django makes of each column."""

import typing
from collections.abc import Callable
from dataclasses import dataclass

from django.core.exceptions import EmptyResultSet, FieldDoesNotExist, FieldError
from django.db import connections
from django.db.models import Field, ForeignKey
from django.db.models.expressions import BaseExpression
from django.db.models.query import ValuesIterable

from molt_sql import Raw, raw

from ._shapes import Params, Shapes, shape_of

AnyQuerySet: typing.TypeAlias = typing.Any  # QuerySet: Django has no types of its own
Converter = Callable[[typing.Any, typing.Any, typing.Any], typing.Any]


class NotOffloadableError(Exception):
    """Only Django's own connection can run it right; the message says why."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the result."""

    name: str
    kind: str | None
    """What C++ may take its values for in JSON (see codec/python_json.h); None: only Python may."""
    converters: tuple[Converter, ...]
    expression: typing.Any


@dataclass(frozen=True, slots=True)
class Compiled:
    """What runs, and how its rows are read."""

    statement: Raw | None
    """None: Django knows that there are no rows."""
    columns: tuple[Column, ...]


# By the internal type of the field: what the engine gives is what Django has, or what its
# converters make of it is known here.
_KINDS = {
    "AutoField": "int",
    "BigAutoField": "int",
    "SmallAutoField": "int",
    "IntegerField": "int",
    "BigIntegerField": "int",
    "SmallIntegerField": "int",
    "PositiveIntegerField": "int",
    "PositiveBigIntegerField": "int",
    "PositiveSmallIntegerField": "int",
    "CharField": "text",
    "TextField": "text",
    "SlugField": "text",
    "FileField": "text",
    "FilePathField": "text",
    "BooleanField": "bool",
    "FloatField": "float",
    "DateField": "date",
    "DateTimeField": "utc",
}
# Converted by Django itself from what the engine gives.
_CONVERTED = frozenset({"DecimalField", "TimeField", "UUIDField"})


def values_queryset(queryset: AnyQuerySet) -> AnyQuerySet:
    """The same rows as dicts. NotOffloadableError for values_list(), dates() and the like."""
    if queryset._iterable_class is ValuesIterable:
        return queryset
    if queryset._fields is not None:
        raise NotOffloadableError("only values() and querysets of models are offloaded")
    return queryset.values()


def compile_queryset(queryset: AnyQuerySet) -> Compiled:
    """Django's own compiler makes the SQL. Precondition: its rows are dicts."""
    connection = connections[queryset.db]
    compiler = queryset.query.get_compiler(using=queryset.db)
    try:
        found = shape_of(compiler)
        if found is None:
            template, params = _compile_whole(compiler, connection)
            return Compiled(template.bind(params), template.columns)
        shape, params = found
        known = _templates.get(connection, shape)
        if known is not None:
            return Compiled(known.bind(params), known.columns)
        template, all_params = _compile_whole(compiler, connection)
        if all_params == params:  # No others than the condition's.
            _templates.put(connection, shape, template)
        return Compiled(template.bind(all_params), template.columns)
    except EmptyResultSet:
        return Compiled(None, ())


@dataclass(frozen=True, slots=True)
class _Template:
    """A statement without its values."""

    text: str
    holes: tuple[str, ...]
    columns: tuple[Column, ...]

    def bind(self, params: Params) -> Raw:
        return raw(self.text, **dict(zip(self.holes, params, strict=True)))


_templates: Shapes[_Template] = Shapes()


def _compile_whole(compiler: typing.Any, connection: typing.Any) -> tuple[_Template, Params]:
    query = compiler.query
    sql, params = compiler.as_sql()
    names: list[str] = list(
        query.selected or (*query.extra_select, *query.values_select, *query.annotation_select)
    )
    select = compiler.select
    if len(select) != len(names) or compiler.has_extra_select or query.extra_select:
        raise NotOffloadableError("it selects more than its names")
    if connection.vendor == "sqlite" and ("django_" in sql or " REGEXP " in sql):
        raise NotOffloadableError("it uses functions that Django adds to SQLite")
    converters = compiler.get_converters([expression for expression, _, _ in select])
    columns = tuple(
        _column(name, expression, converters.get(index), connection)
        for index, (name, (expression, _, _)) in enumerate(zip(names, select, strict=True))
    )
    text, holes = _text(sql, len(params))
    return _Template(text, holes, columns), tuple(params)


def _text(sql: str, params: int) -> tuple[str, tuple[str, ...]]:
    """As raw() takes it, and the names of its values."""
    # Django escapes "%" as "%%" wherever it is not a placeholder.
    parts = [part.replace("%s", "\0") for part in sql.split("%%")]
    pieces = "%".join(parts).replace("{", "{{").replace("}", "}}").split("\0")
    if len(pieces) != params + 1:
        raise NotOffloadableError("its SQL has other placeholders than %s")
    names = tuple(f"p{index}" for index in range(params))
    holes = [f"{{{name}}}" for name in names]
    return "".join(piece + hole for piece, hole in zip(pieces, [*holes, ""], strict=True)), names


def _column(
    name: str, expression: BaseExpression, found: typing.Any, connection: typing.Any
) -> Column:
    converters: tuple[Converter, ...] = tuple(found[0]) if found else ()
    internal = _internal_type(_field_of(expression))
    kind = _KINDS.get(internal)
    if kind is None and internal not in _CONVERTED:
        raise NotOffloadableError(f'"{name}" is a {internal or "field of an unknown type"}')
    if kind is not None and not all(_is_djangos(converter) for converter in converters):
        kind = None
    if kind == "utc":
        kind = _datetime_kind(connection)
    return Column(name, kind, converters, expression)


def _field_of(expression: BaseExpression) -> typing.Any:
    try:
        field: typing.Any = expression.output_field
    except (FieldError, FieldDoesNotExist) as error:
        raise NotOffloadableError("the type of a column is not known") from error
    while isinstance(field, ForeignKey):
        field = field.target_field
    return field


def _internal_type(field: typing.Any) -> str:
    # A field of somebody else may mean anything by its values.
    if not isinstance(field, Field) or hasattr(field, "from_db_value"):
        return ""
    own = type(field).__module__.startswith("django.db.models.")
    return field.get_internal_type() if own else ""


def _is_djangos(converter: Converter) -> bool:
    return getattr(converter, "__module__", "").startswith("django.db.")


def _datetime_kind(connection: typing.Any) -> str | None:
    from django.conf import settings

    if not settings.USE_TZ:
        return "naive"
    # Values are told in the connection's time zone.
    return "utc" if connection.timezone_name == "UTC" else None


def convert(column: Column, values: list[typing.Any], connection: typing.Any) -> list[typing.Any]:
    """What Django would have given for the values of the engine."""
    converted = values
    for converter in column.converters:
        converted = [converter(value, column.expression, connection) for value in converted]
    return converted
