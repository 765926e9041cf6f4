"""Rows in columns for people: plain text, page by page, with the widths of the first page."""

from __future__ import annotations

import unicodedata
from itertools import islice
from typing import TYPE_CHECKING, Any

from ..output import Counted

if TYPE_CHECKING:
    from molt_sql import ResultSet

PAGE_ROWS = 1000
WIDTH_MAX = 200  # of a column; longer cells stick out, rather than making all others as long
NUMBERS = {"int16", "int32", "int64", "float32", "float64", "decimal", "decimal128"}
ESCAPES = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def cell(value: Any) -> str:
    if value is None:
        return "NULL"
    return visible(f"\\x{value.hex()}" if isinstance(value, bytes) else str(value))


def visible(text: str) -> str:
    """On one line, and nothing that a terminal would obey."""
    if text.isprintable():
        return text
    return "".join(
        c if c.isprintable() or c == "\xa0" else ESCAPES.get(c, f"\\u{ord(c):04x}") for c in text
    )


def width(text: str) -> int:
    """In columns of a terminal."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        for c in text
    )


def count(rows: int) -> str:
    return "(1 row)" if rows == 1 else f"({rows} rows)"


class PlainTable:
    batch_rows = PAGE_ROWS

    def __init__(self, out: Counted) -> None:
        self._out = out
        self._widths: list[int] = []
        self._right: list[bool] = []
        self._rows = 0
        self._has_header = False

    def write(self, batch: ResultSet, rows: int) -> None:
        cells = [[cell(value) for value in row] for row in islice(batch, rows)]
        lines: list[str] = []
        if not self._has_header:
            names = [visible(name) for name in batch.columns]
            self._right = [kind in NUMBERS for _, kind in batch.schema]
            self._widths = [
                min(max(width(name), *(width(row[i]) for row in cells), 0), WIDTH_MAX)
                for i, name in enumerate(names)
            ]
            lines = [self._line(names), "─┼─".join("─" * wide for wide in self._widths)]
            self._has_header = True
        lines += map(self._line, cells)
        self._out.write("".join(f"{line}\n" for line in lines).encode())
        self._rows += len(cells)

    def _line(self, cells: list[str]) -> str:
        padded = [
            " " * (wide - width(text)) + text if right else text + " " * (wide - width(text))
            for text, wide, right in zip(cells, self._widths, self._right, strict=True)
        ]
        return " │ ".join(padded).rstrip()

    def finish(self) -> None:
        self._out.write(f"{count(self._rows)}\n".encode())
