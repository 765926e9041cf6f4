"""1,000,000 rows of 9 mixed columns out of a SQLite file: to Arrow, streamed, and as Python rows.

Ours reads `datetime` and `boolean` columns as timestamps and booleans, as connectorx does. ADBC and
sqlite3 leave them text and 0 or 1, which is less work; before the comparison they are cast.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import data
from harness import Case, Contestant, Op, Options, ahead

OURS = "molt_sql"
ADBC = "ADBC SQLite"
FETCHALL = "sqlite3 fetchall"
CONNECTORX = "polars, connectorx"
FETCHMANY = "sqlite3 fetchmany"
SQL = "select * from events"
STREAM_ROWS = 65_536
ROUNDS = 5


def cases(options: Options) -> Iterator[Case]:
    count = data.EVENTS_QUICK if options.quick else data.EVENTS
    path = data.events_file(count)
    unit = f"s per {count:,} rows"
    yield Case(
        bench="sqlite_bulk",
        name="to_arrow",
        about=f"{count:,} rows x 9 columns to a pyarrow table; sqlite3 to tuples",
        contestants=[
            Contestant(OURS, lambda: _ours(path), "ours", table_of),
            Contestant(ADBC, lambda: adbc(path), rows=table_of),
            Contestant(CONNECTORX, lambda: _connectorx(path), rows=table_of),
            Contestant(FETCHALL, lambda: _fetchall(path), rows=table_of),
        ],
        unit=unit,
        goals=lambda medians: ahead(medians, OURS, [ADBC, FETCHALL], 3.0),
        check=(0,),
        rounds=ROUNDS,
        block_s=0,
    )
    yield Case(
        bench="sqlite_bulk",
        name="stream",
        about=f"{count:,} rows x 9 columns in batches, each dropped; ADBC with its own batches",
        contestants=[
            Contestant(OURS, lambda: _streamed(stream_ours, path), "ours", _seen),
            Contestant(ADBC, lambda: _streamed(stream_adbc, path), rows=_seen),
            Contestant(FETCHMANY, lambda: _streamed(stream_fetchmany, path), rows=_seen),
        ],
        unit=unit,
        check=(0,),
        rounds=ROUNDS,
        block_s=0,
        notes=lambda: _memory(path),
    )
    yield Case(
        bench="sqlite_bulk",
        name="to_rows",
        about=f"{count:,} rows x 9 columns as Python objects; ours makes datetimes and booleans",
        contestants=[
            Contestant(OURS, lambda: _ours_rows(path), "ours", _plain_rows),
            Contestant(FETCHALL, lambda: _fetchall(path), rows=_plain_rows),
        ],
        unit=unit,
        check=(0,),
        rounds=ROUNDS,
        block_s=0,
    )


@contextmanager
def _ours(path: Path) -> Iterator[Op]:
    import pyarrow as pa

    import molt_sql

    with molt_sql.connect(f"sqlite:///{path}") as db:
        query = molt_sql.table("events").query().on(db)
        yield lambda _: pa.table(query.fetch_arrow().result())


@contextmanager
def _ours_rows(path: Path) -> Iterator[Op]:
    import molt_sql

    with molt_sql.connect(f"sqlite:///{path}") as db:
        query = molt_sql.table("events").query().on(db)
        yield lambda _: list(query.fetch_all().result())


@contextmanager
def adbc(path: Path) -> Iterator[Op]:
    from adbc_driver_sqlite import dbapi

    with dbapi.connect(str(path)) as connection, connection.cursor() as cursor:

        def read(_: int) -> Any:
            cursor.execute(SQL)
            return cursor.fetch_arrow_table()

        yield read


@contextmanager
def _connectorx(path: Path) -> Iterator[Op]:
    import connectorx  # noqa: F401  # polars imports it late; its absence should show here
    import polars as pl

    yield lambda _: pl.read_database_uri(SQL, f"sqlite://{path}", engine="connectorx")


@contextmanager
def _fetchall(path: Path) -> Iterator[Op]:
    import sqlite3

    connection = sqlite3.connect(path)
    yield lambda _: connection.execute(SQL).fetchall()
    connection.close()


Seen = tuple[int, int]
"""Rows counted and the last id."""


def stream_ours(path: Path) -> Callable[[], Seen]:
    import pyarrow as pa

    import molt_sql

    db = molt_sql.connect(f"sqlite:///{path}")
    query = molt_sql.table("events").query().on(db)

    def read() -> Seen:
        count, last = 0, 0
        for batch in query.stream(batch_rows=STREAM_ROWS):
            table = pa.table(batch)
            count, last = count + table.num_rows, table.column("id")[-1].as_py()
        return count, last

    return read


def stream_adbc(path: Path) -> Callable[[], Seen]:
    from adbc_driver_sqlite import dbapi

    connection = dbapi.connect(str(path))

    def read() -> Seen:
        count, last = 0, 0
        with connection.cursor() as cursor:
            cursor.execute(SQL)
            with cursor.fetch_record_batch() as reader:
                for batch in reader:
                    if batch.num_rows:
                        count, last = count + batch.num_rows, batch.column(0)[-1].as_py()
        return count, last

    return read


def stream_fetchmany(path: Path) -> Callable[[], Seen]:
    import sqlite3

    connection = sqlite3.connect(path)

    def read() -> Seen:
        count, last = 0, 0
        cursor = connection.execute(SQL)
        while rows := cursor.fetchmany(STREAM_ROWS):
            count, last = count + len(rows), rows[-1][0]
        return count, last

    return read


@contextmanager
def _streamed(make: Callable[[Path], Callable[[], Seen]], path: Path) -> Iterator[Op]:
    read = make(path)
    yield lambda _: read()


def _seen(seen: Any) -> object:
    return seen


def _memory(path: Path) -> Mapping[str, str]:
    """Growth of the resident set while streaming, each in a process of its own."""
    program = Path(__file__).with_name("stream_rss.py")
    notes = {}
    for name, function in (
        (OURS, stream_ours),
        (ADBC, stream_adbc),
        (FETCHMANY, stream_fetchmany),
    ):
        command = [sys.executable, str(program), function.__name__, str(path)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            growth = json.loads(done.stdout)["growth_bytes"]
            notes[f"peak memory growth, {name}"] = f"{growth / 2**20:.1f} MiB"
        else:
            reason = done.stderr.strip().splitlines()[-1:] or ["no message"]
            notes[f"peak memory growth, {name}"] = f"not measured: {reason[0]}"
    return notes


def table_of(result: Any) -> Any:
    """As a pyarrow table of one schema, whatever the contestant returned."""
    import pyarrow as pa

    schema = pa.schema(
        {
            "id": pa.int64(),
            "user_id": pa.int64(),
            "status": pa.string(),
            "title": pa.string(),
            "score": pa.float64(),
            "amount": pa.float64(),
            "created_at": pa.timestamp("us"),
            "unread": pa.bool_(),
            "note": pa.string(),
        }
    )
    if isinstance(result, list):
        columns = [list(column) for column in zip(*result, strict=True)]
        columns[schema.get_field_index("amount")] = list(map(float, columns[5]))
        result = pa.table(dict(zip(schema.names, columns, strict=True)))
    return pa.table(result).cast(schema)


def _plain_rows(rows: Any) -> list[tuple[object, ...]]:
    """Timestamps as SQLite's text; 1 equals True and 12 equals 12.0 anyway."""
    return [(*row[:6], str(row[6]), *row[7:]) for row in rows]
