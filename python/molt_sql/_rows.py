"""Rows that come out of a pickle."""

from typing import Any

from ._molt import Row, _row


def unpickle(fields: tuple[str, ...], values: tuple[Any, ...]) -> Row:
    """The row that was pickled; a function of Python, since only those can be pickled."""
    return _row(fields, values)
