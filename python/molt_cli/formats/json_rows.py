"""JSON: an array of objects, or an object a line. Values are those of the worker's contract."""

from __future__ import annotations

import datetime
import ipaddress
import json
import math
from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import islice
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

from molt_sql import Range

from ..output import Counted
from ..problems import CommandError

if TYPE_CHECKING:
    from molt_sql import ResultSet

BATCH_ROWS = 10_000


def plain(value: object) -> Any:
    """A value that JSON has no form for, as one that it has."""
    match value:
        case Decimal():
            return decimal_text(value)
        case datetime.date() | datetime.time():  # datetime is a date
            return value.isoformat()
        case datetime.timedelta():
            micros = value.seconds * 1_000_000 + value.microseconds
            return {"months": 0, "days": value.days, "micros": micros}
        case bytes():
            return list(value)
        case Range():
            span = cast("Any", value)
            return {
                "empty": span.isempty,
                "lower": _bound(span.lower, span.lower_inc),
                "upper": _bound(span.upper, span.upper_inc),
            }
        case UUID() | ipaddress._IPAddressBase():
            return str(value)
        case _:
            raise TypeError(f"a value of type {type(value).__name__} has no form in JSON")


def decimal_text(value: Decimal) -> str:
    """All digits, never an exponent."""
    return format(value, "f") if value.is_finite() else str(value)


def _bound(value: object, inclusive: bool) -> object:
    return None if value is None else {"value": value, "inclusive": inclusive}


def _without_nan(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, list):
        return [_without_nan(item) for item in cast("Any", value)]
    if isinstance(value, dict):
        found = cast("Any", value)
        return {key: _without_nan(item) for key, item in found.items()}
    return value


ENCODER = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, check_circular=False, separators=(",", ":"), default=plain
)


def encode(value: Any) -> str:
    """JSON text; NaN and infinity, which JSON lacks, become null."""
    try:
        return ENCODER.encode(value)
    except ValueError:
        return ENCODER.encode(_without_nan(value))


class JsonLines:
    batch_rows = BATCH_ROWS

    def __init__(self, out: Counted) -> None:
        self._out = out
        self._columns: Sequence[str] = ()

    def _objects(self, batch: ResultSet, rows: int) -> Iterator[str]:
        if not self._columns:
            self._columns = _distinct(batch.columns)
        for row in islice(batch, rows):
            yield encode(dict(zip(self._columns, row, strict=True)))

    def write(self, batch: ResultSet, rows: int) -> None:
        self._out.write("".join(f"{text}\n" for text in self._objects(batch, rows)).encode())

    def finish(self) -> None:
        """Nothing comes after the last line."""


class JsonRows(JsonLines):
    def __init__(self, out: Counted) -> None:
        super().__init__(out)
        self._before = b"["

    def write(self, batch: ResultSet, rows: int) -> None:
        text = ",\n".join(self._objects(batch, rows))
        if text:
            self._out.write(self._before + text.encode())
            self._before = b",\n"

    def finish(self) -> None:
        self._out.write(b"[]\n" if self._before == b"[" else b"]\n")


def _distinct(names: list[str]) -> list[str]:
    for name in names:
        if names.count(name) > 1:
            raise CommandError(
                f'the result has two columns "{name}", and an object can have one;'
                " rename one with AS, or use --format csv"
            )
    return names
