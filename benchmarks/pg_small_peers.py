"""The peers of the `pg_small` bench, each used as its documentation recommends.

Each function takes a `Small`, which names the query: `point` is one event by primary key, `list`
is 50 events from an id on, by id; both have 9 columns. `i` picks the value. Everyone commits each
query by itself and keeps its statement prepared. Pools hold pg_ours.POOL connections.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any

from harness import AsyncOp, Op
from pg_ours import COLUMNS, POOL

LIST_ROWS = 50
IN_FLIGHT = 32
BATCH = 256
"""Queries of one operation that keeps IN_FLIGHT of them in flight."""


@dataclass(frozen=True)
class Small:
    url: str
    query: str
    table: str
    rows: int
    """Of the table."""

    def arguments(self, i: int) -> tuple[int, ...]:
        first = 1 + i * 7919 % (self.rows - LIST_ROWS)
        return (first,) if self.query == "point" else (first, LIST_ROWS)

    def sql(self, placeholders: tuple[str, str] = ("$1", "$2")) -> str:
        select = f"select {', '.join(COLUMNS)} from {self.table}"
        first, limit = placeholders
        if self.query == "point":
            return f"{select} where id = {first}"
        return f"{select} where id >= {first} order by id limit {limit}"


@asynccontextmanager
async def asyncpg_connection(small: Small) -> AsyncIterator[AsyncOp]:
    """One connection, one prepared statement."""
    import asyncpg

    connection = await asyncpg.connect(small.url)
    statement = await connection.prepare(small.sql())
    yield lambda i: statement.fetch(*small.arguments(i))
    await connection.close()


@asynccontextmanager
async def asyncpg_pool(small: Small) -> AsyncIterator[AsyncOp]:
    """`pool.fetch`, which resets the connection when it gives it back."""
    import asyncpg

    sql = small.sql()
    async with asyncpg.create_pool(small.url, min_size=POOL, max_size=POOL) as pool:
        yield lambda i: pool.fetch(sql, *small.arguments(i))


@asynccontextmanager
async def psycopg_connection(small: Small) -> AsyncIterator[AsyncOp]:
    """One connection that commits by itself, one binary cursor."""
    import psycopg

    sql = small.sql(("%s", "%s"))
    async with (
        await psycopg.AsyncConnection.connect(small.url, autocommit=True) as connection,
        connection.cursor(binary=True) as cursor,
    ):

        async def ask(i: int) -> Any:
            await cursor.execute(sql, small.arguments(i), prepare=True)
            return await cursor.fetchall()

        yield ask


@asynccontextmanager
async def psycopg_pool(small: Small) -> AsyncIterator[AsyncOp]:
    from psycopg_pool import AsyncConnectionPool

    sql = small.sql(("%s", "%s"))
    pool: Any = AsyncConnectionPool(
        small.url, min_size=POOL, max_size=POOL, kwargs={"autocommit": True}, open=False
    )
    async with pool:
        await pool.wait()

        async def ask(i: int) -> Any:
            async with pool.connection() as connection, connection.cursor(binary=True) as cursor:
                await cursor.execute(sql, small.arguments(i), prepare=True)
                return await cursor.fetchall()

        yield ask


@contextmanager
def psycopg_blocking(small: Small) -> Iterator[Op]:
    import psycopg

    sql = small.sql(("%s", "%s"))
    with (
        psycopg.connect(small.url, autocommit=True) as connection,
        connection.cursor(binary=True) as cursor,
    ):
        yield lambda i: cursor.execute(sql, small.arguments(i), prepare=True).fetchall()


@contextmanager
def adbc(small: Small) -> Iterator[Op]:
    """It has no asynchronous interface: the call blocks. Rows by `fetchall`."""
    from adbc_driver_postgresql import dbapi

    sql = small.sql()
    with dbapi.connect(small.url, autocommit=True) as connection, connection.cursor() as cursor:
        cursor.adbc_prepare(sql)

        def ask(i: int) -> Any:
            cursor.execute(sql, small.arguments(i))
            return cursor.fetchall()

        yield ask


@contextmanager
def adbc_threads(small: Small) -> Iterator[Op]:
    """BATCH queries by as many threads as others have connections, each with its own."""
    with ExitStack() as stack:
        asks = [stack.enter_context(adbc(small)) for _ in range(POOL)]
        threads = stack.enter_context(ThreadPoolExecutor(POOL))

        def share(worker: int, i: int) -> list[tuple[int, Any]]:
            return [(k, asks[worker](i * BATCH + k)) for k in range(worker, BATCH, POOL)]

        def batch(i: int) -> list[Any]:
            shares = threads.map(share, range(POOL), [i] * POOL)
            return [rows for _, rows in sorted(pair for part in shares for pair in part)]

        yield batch


def _core_statement(small: Small) -> Callable[[int], Any]:
    from sqlalchemy import (
        BigInteger,
        Boolean,
        Column,
        DateTime,
        Double,
        Integer,
        MetaData,
        Numeric,
        String,
        Table,
        select,
    )

    events = Table(
        small.table,
        MetaData(),
        Column("id", BigInteger, primary_key=True),
        Column("user_id", Integer),
        Column("status", String),
        Column("title", String),
        Column("score", Double),
        Column("amount", Numeric(12, 2)),
        Column("created_at", DateTime(timezone=True)),
        Column("unread", Boolean),
        Column("note", String),
    )
    key = events.c.id
    if small.query == "point":
        return lambda i: select(events).where(key == small.arguments(i)[0])

    def build(i: int) -> Any:
        first, limit = small.arguments(i)
        return select(events).where(key >= first).order_by(key).limit(limit)

    return build


@asynccontextmanager
async def sqlalchemy_async(small: Small) -> AsyncIterator[AsyncOp]:
    """Core on asyncpg, a new `select()` each time, on one connection that commits by itself."""
    statement = _core_statement(small)
    async with _engine(small) as engine, engine.connect() as connection:

        async def ask(i: int) -> Any:
            return (await connection.execute(statement(i))).all()

        yield ask


@asynccontextmanager
async def sqlalchemy_pool(small: Small) -> AsyncIterator[AsyncOp]:
    """The same with a connection of the engine's pool for each query."""
    statement = _core_statement(small)
    async with _engine(small) as engine:

        async def ask(i: int) -> Any:
            async with engine.connect() as connection:
                return (await connection.execute(statement(i))).all()

        yield ask


@asynccontextmanager
async def _engine(small: Small) -> AsyncIterator[Any]:
    import asyncpg
    from sqlalchemy.ext.asyncio import create_async_engine

    engine = create_async_engine(
        "postgresql+asyncpg://",
        async_creator=lambda: asyncpg.connect(small.url),
        pool_size=POOL,
        max_overflow=0,
        isolation_level="AUTOCOMMIT",
    )
    yield engine
    await engine.dispose()


@asynccontextmanager
async def in_flight(one: AbstractAsyncContextManager[AsyncOp]) -> AsyncIterator[AsyncOp]:
    """BATCH queries in one operation, IN_FLIGHT at a time: each task asks one after the other."""
    async with one as ask:

        async def task(first: int) -> list[Any]:
            return [await ask(k) for k in range(first, first + BATCH // IN_FLIGHT)]

        async def batch(i: int) -> list[Any]:
            starts = range(i * BATCH, (i + 1) * BATCH, BATCH // IN_FLIGHT)
            answers = await asyncio.gather(*map(task, starts))
            return [rows for share in answers for rows in share]

        yield batch
