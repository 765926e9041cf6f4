"""How each peer reads a whole table from PostgreSQL, as its documentation recommends.

Every function takes a `Read` and is a context manager that yields the operation. Those that keep a
connection (ADBC, asyncpg, psycopg) open it once; connectorx and polars are given a URL and connect
in every call, which is how they are made to be used. asyncpg and psycopg make Python objects.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any

from harness import AsyncOp, LoopFactory, Op

FETCH_ROWS = 10_000
"""Rows that a cursor of asyncpg or psycopg fetches at a time."""
STREAM_ROWS = 65_536


@dataclass(frozen=True)
class Read:
    """All rows of a table of events; with `score_min`, under a condition that all of them meet.

    No index serves the condition, so the server scans the table either way.
    """

    url: str
    table: str
    score_min: float | None = None

    @property
    def params(self) -> tuple[float, ...]:
        return () if self.score_min is None else (self.score_min,)

    def sql(self, placeholder: str = "$1") -> str:
        where = "" if self.score_min is None else f" where score >= {placeholder}"
        return f"select * from {self.table}{where}"


Seen = tuple[int, int]
"""Rows counted and the last id."""


def loop_factory() -> LoopFactory | None:
    """uvloop's event loops for every asynchronous contestant, when it is installed."""
    try:
        import uvloop
    except ImportError:
        print("uvloop is not installed: asyncio's own loop is used")
        return None
    return uvloop.new_event_loop


@contextmanager
def adbc(read: Read) -> Iterator[Op]:
    from adbc_driver_postgresql import dbapi

    with dbapi.connect(read.url) as connection, connection.cursor() as cursor:

        def ask(_: int) -> Any:
            cursor.execute(read.sql(), read.params or None)
            return cursor.fetch_arrow_table()

        yield ask


@contextmanager
def adbc_float(read: Read) -> Iterator[Op]:
    """With `amount` cast to float8 by the server: ADBC's way round numeric being text."""
    from adbc_driver_postgresql import dbapi

    columns = "id, user_id, status, title, score, amount::float8, created_at, unread, note"
    with dbapi.connect(read.url) as connection, connection.cursor() as cursor:

        def ask(_: int) -> Any:
            cursor.execute(read.sql().replace("*", columns), read.params or None)
            return cursor.fetch_arrow_table()

        yield ask


@contextmanager
def connectorx(read: Read, partitions: int = 1) -> Iterator[Op]:
    """It knows no parameters. Partitions are ranges of `id`."""
    import connectorx as cx

    assert not read.params
    split: dict[str, Any] = (
        {"partition_on": "id", "partition_num": partitions} if partitions > 1 else {}
    )
    yield lambda _: cx.read_sql(read.url, read.sql(), return_type="arrow", **split)


@contextmanager
def polars(read: Read, engine: Any) -> Iterator[Op]:
    if engine == "adbc":  # polars imports them late; their absence should show here
        import adbc_driver_postgresql  # noqa: F401
    else:
        import connectorx  # noqa: F401
    import polars as pl

    options: dict[str, Any] = (
        {"execute_options": {"parameters": list(read.params)}} if read.params else {}
    )
    yield lambda _: pl.read_database_uri(read.sql(), read.url, engine=engine, **options)


@asynccontextmanager
async def asyncpg_rows(read: Read) -> AsyncIterator[AsyncOp]:
    """A prepared statement's `fetch`."""
    import asyncpg

    connection = await asyncpg.connect(read.url)
    statement = await connection.prepare(read.sql())

    async def ask(_: int) -> Any:
        return await statement.fetch(*read.params)

    yield ask
    await connection.close()


@contextmanager
def psycopg_rows(read: Read) -> Iterator[Op]:
    """Binary results, prepared, `fetchall`."""
    import psycopg

    with psycopg.connect(read.url) as connection, connection.cursor(binary=True) as cursor:

        def ask(_: int) -> Any:
            return cursor.execute(read.sql("%s"), read.params, prepare=True).fetchall()

        yield ask


@contextmanager
def psycopg_arrow(read: Read) -> Iterator[Op]:
    """The same, and then a pyarrow table of it."""
    with psycopg_rows(read) as ask:
        yield lambda i: table_of_rows(ask(i))


def table_of_rows(rows: list[Any]) -> Any:
    """A pyarrow table of events from rows of Python objects."""
    import pyarrow as pa

    columns = zip(*rows, strict=True)
    fields = schema()
    arrays = [pa.array(c, f.type) for c, f in zip(columns, fields, strict=True)]
    return pa.Table.from_arrays(arrays, schema=fields)


def schema() -> Any:
    """The columns of events as Arrow's types that lose nothing."""
    import pyarrow as pa

    return pa.schema(
        {
            "id": pa.int64(),
            "user_id": pa.int32(),
            "status": pa.string(),
            "title": pa.string(),
            "score": pa.float64(),
            "amount": pa.decimal128(12, 2),
            "created_at": pa.timestamp("us", "UTC"),
            "unread": pa.bool_(),
            "note": pa.string(),
        }
    )


def seen_in(batches: Iterator[Any]) -> Seen:
    """Looks at each record batch and drops it."""
    count, last = 0, 0
    for batch in batches:
        if batch.num_rows:
            count, last = count + batch.num_rows, batch.column(0)[-1].as_py()
    return count, last


@contextmanager
def adbc_stream(read: Read) -> Iterator[Op]:
    """`fetch_record_batch`, with ADBC's own size of batches."""
    from adbc_driver_postgresql import dbapi

    with dbapi.connect(read.url) as connection:

        def ask(_: int) -> Seen:
            with connection.cursor() as cursor:
                cursor.execute(read.sql(), read.params or None)
                with cursor.fetch_record_batch() as reader:
                    return seen_in(reader)

        yield ask


@contextmanager
def connectorx_stream(read: Read) -> Iterator[Op]:
    """Its `arrow_stream`, a reader of record batches."""
    import connectorx as cx

    assert not read.params

    def ask(_: int) -> Seen:
        reader: Any = cx.read_sql(
            read.url, read.sql(), return_type="arrow_stream", batch_size=STREAM_ROWS
        )
        return seen_in(reader)

    yield ask


@contextmanager
def psycopg_server_cursor(read: Read) -> Iterator[Op]:
    """DECLARE and FETCH, with a page larger than the default of 100 rows."""
    import psycopg

    with psycopg.connect(read.url) as connection:

        def ask(_: int) -> Seen:
            with connection.cursor(name="bench", binary=True) as cursor:
                cursor.execute(read.sql("%s"), read.params)
                return _seen_in_pages(lambda: cursor.fetchmany(FETCH_ROWS))

        yield ask


@contextmanager
def psycopg_stream(read: Read) -> Iterator[Op]:
    """`cursor.stream()`, which takes rows off the wire in chunks (of libpq 17 and newer)."""
    import psycopg

    with psycopg.connect(read.url) as connection, connection.cursor(binary=True) as cursor:

        def ask(_: int) -> Seen:
            count, last = 0, 0
            for row in cursor.stream(read.sql("%s"), read.params, binary=True, size=1000):
                count, last = count + 1, row[0]
            return count, last

        yield ask


def _seen_in_pages(fetch: Callable[[], list[Any]]) -> Seen:
    count, last = 0, 0
    while rows := fetch():
        count, last = count + len(rows), rows[-1][0]
    return count, last


@asynccontextmanager
async def asyncpg_cursor(read: Read) -> AsyncIterator[AsyncOp]:
    """A cursor in a transaction, `fetch` of one page after the other."""
    import asyncpg

    connection = await asyncpg.connect(read.url)
    statement = await connection.prepare(read.sql())

    async def ask(_: int) -> Seen:
        count, last = 0, 0
        async with connection.transaction():
            cursor = await statement.cursor(*read.params)
            while rows := await cursor.fetch(FETCH_ROWS):
                count, last = count + len(rows), rows[-1]["id"]
        return count, last

    yield ask
    await connection.close()
