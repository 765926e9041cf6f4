"""CSV as in RFC 4180: a header, CRLF, quotes where needed, NULL as nothing."""

from __future__ import annotations

import csv
import io
import math
from decimal import Decimal
from itertools import islice
from typing import TYPE_CHECKING, Any, cast

from molt_sql import Range

from ..output import Counted
from .json_rows import BATCH_ROWS, decimal_text, encode, plain

if TYPE_CHECKING:
    from molt_sql import ResultSet


def cell(value: Any) -> str:
    match value:
        case None:
            return ""
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case float():
            return repr(value) if math.isfinite(value) else ""
        case Decimal():
            return decimal_text(value)
        case bytes():
            return f"\\x{value.hex()}"
        case Range():
            return range_text(cast("Any", value))
        case _:
            nested = isinstance(value, list | dict)
            simple = cast("Any", value) if nested else plain(value)
            return simple if isinstance(simple, str) else encode(simple)


def range_text(value: Range[Any]) -> str:
    """As engines print it: [1,5)"""
    if value.isempty:
        return "empty"
    low, high = cell(value.lower), cell(value.upper)
    return f"{value.bounds[0]}{low},{high}{value.bounds[1]}"


class CsvRows:
    batch_rows = BATCH_ROWS

    def __init__(self, out: Counted) -> None:
        self._out = out
        self._has_header = False

    def write(self, batch: ResultSet, rows: int) -> None:
        text = io.StringIO(newline="")
        lines = csv.writer(text)
        if not self._has_header:
            lines.writerow(batch.columns)
            self._has_header = True
        lines.writerows([cell(value) for value in row] for row in islice(batch, rows))
        self._out.write(text.getvalue().encode())

    def finish(self) -> None:
        """Nothing comes after the last line."""
