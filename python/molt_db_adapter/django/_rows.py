"""Rows that came, by whichever way."""

import json
import typing
from collections.abc import Iterator

from django.core.serializers.json import DjangoJSONEncoder
from django.db import connections

from molt_sql import ResultSet
from molt_sql._molt import _to_python_json

from ._compile import Column, Compiled, convert

Dict = dict[str, typing.Any]


class Rows:
    """What `list(queryset.values(…))` would be, made as far as it is looked at."""

    def __init__(self, using: str, compiled: Compiled, result: ResultSet | None) -> None:
        self._using = using
        self._compiled = compiled
        self._result = result
        self._dicts: list[Dict] | None = None if result is not None else []

    @classmethod
    def of_dicts(cls, using: str, dicts: list[Dict]) -> "Rows":
        """Rows that Django's own connection gave."""
        rows = cls(using, Compiled(None, ()), None)
        rows._dicts = dicts
        return rows

    def __len__(self) -> int:
        return len(self.dicts() if self._result is None else self._result)

    def __iter__(self) -> Iterator[Dict]:
        return iter(self.dicts())

    def dicts(self) -> list[Dict]:
        """A dict a row: values and types are those of Django."""
        if self._dicts is None:
            names = [column.name for column in self._compiled.columns]
            columns = [self.column(name) for name in names]
            self._dicts = [
                dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)
            ]
        return self._dicts

    def column(self, name: str) -> list[typing.Any]:
        """The values of one column."""
        if self._result is None:
            return [row[name] for row in self._dicts or ()]
        index, column = self._find(name)
        return convert(column, self._result.column(index), connections[self._using])

    def _find(self, name: str) -> tuple[int, Column]:
        for index, column in enumerate(self._compiled.columns):
            if column.name == name:
                return index, column
        raise KeyError(name)

    def last(self, name: str) -> typing.Any:
        """The value of one column in the last row. IndexError without rows."""
        if self._result is None:
            return self.column(name)[-1]
        # Of all rows only this cell is made.
        index, column = self._find(name)
        return convert(column, [self._result[-1][index]], connections[self._using])[0]

    def json(self) -> bytes:
        """What json.dumps(list, cls=DjangoJSONEncoder) gives, byte for byte."""
        if self._result is not None:
            columns = self._compiled.columns
            kinds = [column.kind for column in columns if column.kind is not None]
            if len(kinds) == len(columns):
                names = [column.name for column in columns]
                body = _to_python_json(self._result, names, kinds)
                if body is not None:
                    return body
        return json.dumps(self.dicts(), cls=DjangoJSONEncoder).encode("ascii")
