"""Tables: by name, with declared columns, as a typed class, or as the database has them."""

from __future__ import annotations

import datetime
import decimal
import types
import typing
import uuid
from typing import Any, Union

from ._errors import InvalidQueryError
from ._molt import Column, Columns, Database, Expr, Ordering, Query, TableRef

_TYPE_NAMES: dict[type, str] = {
    bool: "bool",
    int: "int64",
    float: "float64",
    str: "utf8",
    bytes: "binary",
    datetime.date: "date",
    datetime.time: "time",
    datetime.datetime: "timestamp",
    decimal.Decimal: "decimal",
    uuid.UUID: "uuid",
}


def type_name(annotation: Any) -> str | None:
    """The name of the column type that a Python type stands for; `X | None` is X; None: unknown."""
    if typing.get_origin(annotation) in (Union, types.UnionType):
        parts = [part for part in typing.get_args(annotation) if part is not type(None)]
        annotation = parts[0] if len(parts) == 1 else Any
    return _TYPE_NAMES.get(annotation)


def table(name: str, /, *columns: str, **typed: Any) -> TableRef:
    """A table by name, `"orders"` or `"sales.orders"`.

    Without more, every attribute is a column, and the database has the last word. With column
    names, `table("users", "id", "email")`, or names and types, `table("users", id=int)`, just
    those exist.
    """
    if not columns and not typed:
        return TableRef(name)
    declared: dict[str, str | None] = dict.fromkeys(columns)
    for column, annotation in typed.items():
        declared[column] = _declared_type(name, column, annotation)
    return TableRef(name, declared)


def _declared_type(table_name: str, column: str, annotation: Any) -> str | None:
    known = type_name(annotation)
    if known is None and annotation is not Any:
        raise InvalidQueryError(
            f'column "{column}" of table "{table_name}": {annotation!r} is no column type; use '
            "bool, int, float, str, bytes, date, time, datetime, Decimal, UUID or Any"
        )
    return known


class _TableMeta(type):
    """Makes a class from Table usable as the table itself."""

    __molt_table__: TableRef

    if not typing.TYPE_CHECKING:  # a checker knows the declared columns and reports the others

        def __getattr__(cls, name: str) -> Any:
            # Reached only for names that the class does not have.
            if name.startswith("_") or "__molt_table__" not in cls.__dict__:
                raise AttributeError(name)
            return cls.__molt_table__.c[name]

    def __repr__(cls) -> str:
        ref = cls.__dict__.get("__molt_table__")
        return super().__repr__() if ref is None else repr(ref)


class Table(metaclass=_TableMeta):
    """A table with typed columns, for type checkers and completion:

        class User(Table, name="users"):
            id: Column[int]
            email: Column[str | None]

    The class itself is the table: `User.where(User.id == 3)`. Without `name=` it is the class's
    name in lower case.
    """

    __molt_table__: typing.ClassVar[TableRef]
    c: typing.ClassVar[Columns]

    def __init_subclass__(cls, *, name: str | None = None, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        table_name = cls.__name__.lower() if name is None else name
        declared: dict[str, str | None] = {}
        for column, annotation in typing.get_type_hints(cls).items():
            if typing.get_origin(annotation) is Column:
                (inner,) = typing.get_args(annotation)
                declared[column] = _declared_type(table_name, column, inner)
        if not declared:
            raise InvalidQueryError(
                f"class {cls.__name__}(Table) declares no columns; write `id: Column[int]`"
            )
        ref = TableRef(table_name, declared)
        cls.__molt_table__ = ref
        cls.c = ref.c
        for column in declared:
            setattr(cls, column, ref.c[column])
        for verb in _VERBS - declared.keys():
            setattr(cls, verb, getattr(ref, verb))

    @staticmethod
    def reflect(database: Database, name: str) -> TableRef:
        """The table with the columns that the database has."""
        return TableRef(name, database._describe(name).result())

    if typing.TYPE_CHECKING:
        # What __init_subclass__ takes from TableRef.
        @staticmethod
        def where(*conditions: Expr[bool] | bool) -> Query: ...
        @staticmethod
        def select(*columns: Any) -> Query: ...
        @staticmethod
        def join(
            table: Any,
            on: Expr[bool] | None = None,
            how: typing.Literal["inner", "left", "right", "full", "cross"] = "inner",
        ) -> Query: ...
        @staticmethod
        def left_join(table: Any, on: Expr[bool]) -> Query: ...
        @staticmethod
        def right_join(table: Any, on: Expr[bool]) -> Query: ...
        @staticmethod
        def full_join(table: Any, on: Expr[bool]) -> Query: ...
        @staticmethod
        def cross_join(table: Any) -> Query: ...
        @staticmethod
        def group_by(*keys: Expr[Any]) -> Query: ...
        @staticmethod
        def order_by(*keys: Expr[Any] | Ordering) -> Query: ...
        @staticmethod
        def limit(rows: int) -> Query: ...
        @staticmethod
        def offset(rows: int) -> Query: ...
        @staticmethod
        def distinct() -> Query: ...
        @staticmethod
        def query() -> Query: ...
        @staticmethod
        def as_(alias: str) -> TableRef: ...


_VERBS = {
    "where",
    "select",
    "join",
    "left_join",
    "right_join",
    "full_join",
    "cross_join",
    "group_by",
    "order_by",
    "limit",
    "offset",
    "distinct",
    "query",
    "as_",
}
