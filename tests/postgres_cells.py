"""Cells of PostgreSQL as molt_sql and psycopg 3 read them, in a form that compares every detail.

psycopg is the reference: what it makes of a cell is what molt_sql makes of it. The exceptions are
few, and each has a test that says so.
"""

import datetime
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import psycopg
from psycopg.types import multirange
from psycopg.types import range as psycopg_range

from molt_sql import Database, Range, Raw, ResultSet, connect, raw

# Monetary text and the zone of timestamps depend on the session.
OPTIONS = "-c TimeZone=UTC -c lc_monetary=C"


class Both(NamedTuple):
    """One database, through molt_sql and through psycopg."""

    ours: Database
    theirs: psycopg.Connection[tuple[Any, ...]]

    def run(self, sql: str) -> None:
        self.theirs.execute(sql.encode())

    def fetch(self, sql: str, /, **values: Any) -> ResultSet:
        """Braces in the SQL name parameters."""
        return raw(sql, **values).on(self.ours).fetch_all().result()

    def value(self, sql: str, /, **values: Any) -> Any:
        """Of the only cell."""
        ((cell,),) = self.fetch(sql, **values)
        return cell

    def their_value(self, sql: str, /, *values: Any, binary: bool = False) -> Any:
        """The same of psycopg, whose parameters are `%s`."""
        cells = self.theirs.execute(sql.encode(), values or None, binary=binary).fetchall()
        ((cell,),) = cells
        return cell

    def columns(self, sql: str, *, binary: bool = False) -> tuple[list[Any], list[Any]]:
        """The first column of the result, as either reads it."""
        theirs = self.theirs.execute(sql.encode(), binary=binary).fetchall()
        return [row[0] for row in self.fetch(verbatim(sql))], [row[0] for row in theirs]


@contextmanager
def connect_both(url: str, conninfo: str) -> Iterator[Both]:
    """`url` and `conninfo` name one database, with OPTIONS."""
    with (
        connect(url) as ours,
        psycopg.connect(conninfo, autocommit=True) as theirs,
    ):
        yield Both(ours, theirs)


def verbatim(sql: str) -> str:
    """SQL whose braces are braces."""
    return sql.replace("{", "{{").replace("}", "}}")


def query(sql: str) -> Raw:
    return raw(verbatim(sql))


def column_sql(type_name: str, literals: list[str]) -> str:
    """A query of one column `v` of the type, with these cells in order."""
    rows = ", ".join(f"({i}, ({cell})::{type_name})" for i, cell in enumerate(literals))
    return f"select v from (values {rows}) as cells (i, v) order by i"


def canonical(value: Any) -> Any:
    """Equal if and only if type and value are; NaN equals itself, 0.0 is not -0.0, 1.0 not 1.00."""
    if isinstance(value, Range | psycopg_range.Range):
        if value.isempty:
            return "range", "empty"
        return "range", canonical(value.lower), canonical(value.upper), value.bounds
    if isinstance(value, list | multirange.Multirange):
        return "list", [canonical(item) for item in value]
    if isinstance(value, dict):
        return "dict", [(key, canonical(item)) for key, item in value.items()]
    if isinstance(value, datetime.datetime) and value.tzinfo is not None:
        # The zone itself may be a ZoneInfo or a timezone.
        return "aware", value.replace(tzinfo=None).isoformat(), value.utcoffset()
    return type(value).__name__, repr(value)


def assert_same(both: Both, sql: str, *, binary: bool = False) -> None:
    ours, theirs = both.columns(sql, binary=binary)
    assert [canonical(cell) for cell in ours] == [canonical(cell) for cell in theirs]
