"""Writing a whole table into PostgreSQL: an Arrow table, or ready rows, into an empty table.

Ours and ADBC are given a pyarrow table. psycopg and asyncpg are given a list of tuples, made before
the clock starts, which is their natural input and less work for them. Everyone uses COPY and
commits. The target has no index and is emptied before each block, outside the clock.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import data
import pg_bulk_peers
import pg_ours
import pg_server
from harness import AsyncOp, Case, Contestant, Op, Options

OURS = "molt_sql"
TARGET = "molt_bench_target"
ROUNDS = 5
CHUNK_BYTES = 1 << 20
TYPES = ["int8", "int4", "text", "text", "float8", "numeric", "timestamptz", "bool", "text"]


def cases(options: Options) -> Iterator[Case]:
    count = options.rows or (data.EVENTS_QUICK if options.quick else data.EVENTS)
    with pg_server.running() as server, pg_server.connect(server.url) as connection:
        source = server.events(count)
        connection.execute(f"drop table if exists {TARGET}")
        connection.execute(f"create table {TARGET} (like {source})")
        try:
            yield _Target(connection, server, source, count).case()
        finally:
            connection.execute(f"drop table {TARGET}")


class _Target:
    """An empty table like `source`, and what there is to be written, in each form."""

    def __init__(self, connection: Any, server: pg_server.Server, source: str, count: int) -> None:
        self._connection = connection
        self._server = server
        self._count = count
        with connection.cursor(binary=True) as cursor:
            self._rows = cursor.execute(f"select * from {source} order by id").fetchall()
        self._arrow = pg_bulk_peers.table_of_rows(self._rows)
        with connection.cursor() as cursor:
            sql = f"copy {source} to stdout (format binary)"
            with cursor.copy(sql) as copy:
                self._bytes = b"".join(copy)

    def case(self) -> Case:
        url = self._server.url
        contestants = [
            self._contestant(OURS, lambda: pg_ours.copy_in(url, TARGET, self._arrow), "ours"),
            self._contestant("ADBC ingest", lambda: adbc_ingest(url, self._arrow)),
            self._contestant(
                "psycopg 3 COPY, binary", lambda: psycopg_copy(url, self._rows, binary=True)
            ),
            self._contestant(
                "psycopg 3 COPY, text", lambda: psycopg_copy(url, self._rows, binary=False)
            ),
            self._contestant("asyncpg copy_records", lambda: asyncpg_copy(url, self._rows)),
            self._contestant(
                "floor: bytes encoded before", lambda: ready_bytes(url, self._bytes), "part"
            ),
        ]
        return Case(
            bench="pg_copy_in",
            name="copy_in",
            about=f"{self._count:,} rows x 9 columns into an empty table without an index",
            contestants=contestants,
            unit=f"s per {self._count:,} rows",
            check=(0,),
            loop_factory=pg_bulk_peers.loop_factory(),
            rounds=ROUNDS,
            block_s=0,
            notes=lambda: {"server": self._server.about},
        )

    def _contestant(self, name: str, opener: Any, role: Any = "peer") -> Contestant:
        return Contestant(name, opener, role, self._written, self._empty)

    def _empty(self) -> None:
        self._connection.execute(f"truncate {TARGET}")

    def _written(self, _: object) -> object:
        """The number of rows in the target and a digest of all, in whatever order they are."""
        sql = f"select count(*), sum(hashtextextended(t::text, 0)) from {TARGET} t"
        return self._connection.execute(sql).fetchone()


@contextmanager
def adbc_ingest(url: str, table: Any) -> Iterator[Op]:
    from adbc_driver_postgresql import dbapi

    with dbapi.connect(url) as connection, connection.cursor() as cursor:

        def write(_: int) -> None:
            cursor.adbc_ingest(TARGET, table, mode="append")
            connection.commit()

        yield write


@contextmanager
def psycopg_copy(url: str, rows: list[Any], binary: bool) -> Iterator[Op]:
    """`copy.write_row`; binary wants the types named."""
    import psycopg

    sql = f"copy {TARGET} from stdin" + (" (format binary)" if binary else "")
    with psycopg.connect(url) as connection, connection.cursor() as cursor:

        def write(_: int) -> None:
            with cursor.copy(sql) as copy:
                if binary:
                    copy.set_types(TYPES)
                for row in rows:
                    copy.write_row(row)
            connection.commit()

        yield write


@asynccontextmanager
async def asyncpg_copy(url: str, rows: list[Any]) -> AsyncIterator[AsyncOp]:
    """`copy_records_to_table`, which is binary."""
    import asyncpg

    connection = await asyncpg.connect(url)

    async def write(_: int) -> None:
        await connection.copy_records_to_table(TARGET, records=rows)

    yield write
    await connection.close()


@contextmanager
def ready_bytes(url: str, content: bytes) -> Iterator[Op]:
    """What the server takes when the client only sends: the COPY of the source, kept."""
    import psycopg

    view = memoryview(content)
    with psycopg.connect(url) as connection, connection.cursor() as cursor:

        def write(_: int) -> None:
            with cursor.copy(f"copy {TARGET} from stdin (format binary)") as copy:
                for start in range(0, len(view), CHUNK_BYTES):
                    copy.write(view[start : start + CHUNK_BYTES])
            connection.commit()

        yield write
