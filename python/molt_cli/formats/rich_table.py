"""Rows on a terminal, by rich: as wide as it is, long cells folded."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from .table import NUMBERS, PAGE_ROWS, cell, count, visible, width

if TYPE_CHECKING:
    from molt_sql import ResultSet


class RichTable:
    batch_rows = PAGE_ROWS

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(highlight=False)
        self._widths: list[int] = []
        self._rows = 0

    def write(self, batch: ResultSet, rows: int) -> None:
        values = list(islice(batch, rows))
        cells = [[cell(value) for value in row] for row in values]
        first = not self._widths
        if first:
            self._widths = [
                max(width(visible(name)), *(width(row[i]) for row in cells), 1)
                for i, name in enumerate(batch.columns)
            ]
        # Later pages are tables of their own; with the same widths they are set alike.
        table = Table(box=box.SIMPLE_HEAD, show_header=first, show_edge=False, pad_edge=False)
        for (name, kind), wide in zip(batch.schema, self._widths, strict=True):
            table.add_column(
                Text(visible(name)),
                justify="right" if kind in NUMBERS else "left",
                overflow="fold",
                width=None if first else wide,
                min_width=min(wide, 4),
                max_width=wide,
            )
        for row, texts in zip(values, cells, strict=True):
            table.add_row(*map(self._styled, row, texts))
        self._console.print(table)
        self._rows += len(values)

    def _styled(self, value: Any, text: str) -> Text:
        return Text(text, style="dim" if value is None else "")

    def finish(self) -> None:
        self._console.print(Text(count(self._rows), style="dim"))
