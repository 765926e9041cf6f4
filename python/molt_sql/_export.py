"""Results for data libraries, and as text for people. Nothing here runs a query."""

from __future__ import annotations

import html
import importlib
from typing import TYPE_CHECKING, Any

from ._errors import UnsupportedError

if TYPE_CHECKING:
    from ._molt import ResultSet

_ROWS_SHOWN = 20
_CELL_WIDTH = 40


def _library(name: str, method: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        raise UnsupportedError(f"{method}() needs {name}: pip install {name}") from None


def to_arrow(result: ResultSet) -> Any:
    """A pyarrow.Table that shares the result's memory."""
    return _library("pyarrow", "to_arrow").table(result)


def to_polars(result: ResultSet) -> Any:
    """A polars.DataFrame. UnsupportedError if a column is of intervals, or of lists of them."""
    polars = _library("polars", "to_polars")
    for name, type_name in result.schema:
        if type_name == "interval":
            raise _no_intervals(f'column "{name}"')
    try:
        return polars.DataFrame(result)
    except polars.exceptions.PanicException as panic:  # which is no Exception
        # The schema does not tell what a list is of.
        if "interval" in str(panic) and any(type_name == "list" for _, type_name in result.schema):
            raise _no_intervals("a column of lists") from None
        raise


def _no_intervals(where: str) -> UnsupportedError:
    return UnsupportedError(
        f"to_polars(): {where} holds intervals, which polars has no type for; cast it in the query,"
        " to text or with extract(epoch from ...) to seconds, or use to_arrow()"
    )


def to_pandas(result: ResultSet) -> Any:
    """A pandas.DataFrame."""
    _library("pandas", "to_pandas")
    return _library("pyarrow", "to_pandas").table(result).to_pandas()


_NUMBERS = {"int16", "int32", "int64", "float32", "float64", "decimal", "decimal128"}


def _cell(value: object) -> str:
    text = "NULL" if value is None else str(value)
    text = text.replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t")
    return text if len(text) <= _CELL_WIDTH else text[: _CELL_WIDTH - 1] + "…"


def _is_number(result: ResultSet, index: int) -> bool:
    return result.schema[index][1] in _NUMBERS


def to_text(result: ResultSet) -> str:
    """The first rows as a table of text."""
    names = [_cell(name) for name in result.columns]
    rows = [[_cell(value) for value in row] for row in result[:_ROWS_SHOWN]]
    widths = [max([len(name), *(len(row[i]) for row in rows)]) for i, name in enumerate(names)]
    right = [_is_number(result, i) for i in range(len(names))]

    def line(cells: list[str]) -> str:
        padded = [
            cell.rjust(width) if to_right else cell.ljust(width)
            for cell, width, to_right in zip(cells, widths, right, strict=True)
        ]
        return " │ ".join(padded).rstrip()

    lines = [line(names), "─┼─".join("─" * width for width in widths), *map(line, rows)]
    return "\n".join([*lines, _count(result)])


def _count(result: ResultSet) -> str:
    total = len(result)
    if total > _ROWS_SHOWN:
        return f"({total} rows, the first {_ROWS_SHOWN} shown)"
    return "(1 row)" if total == 1 else f"({total} rows)"


def to_html(result: ResultSet) -> str:
    """The first rows as an HTML table."""

    def row(tag: str, cells: list[str]) -> str:
        return "<tr>" + "".join(f"<{tag}>{html.escape(c)}</{tag}>" for c in cells) + "</tr>"

    head = row("th", [_cell(name) for name in result.columns])
    body = "".join(row("td", [_cell(v) for v in values]) for values in result[:_ROWS_SHOWN])
    count = _count(result)
    return f"<table><thead>{head}</thead><tbody>{body}</tbody></table><p>{count}</p>"
