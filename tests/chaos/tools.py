"""What the chaos tests share: questions whose answers can be checked, and the proof of service."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, TypeVar

import psycopg
import pytest

import molt_sql
from molt_sql import Database, connect, raw

R = TypeVar("R")

ENDS_WITHIN_S = 60
# What "at once" may take on a busy machine.
AT_ONCE_S = 1.5


def echo(db: Any, n: int) -> Any:
    """A query whose answer is known from `n`, and no other query's is the same."""
    return raw("select {n}::int as n, repeat('x', {n}::int % 50) as t", n=n).on(db)


def right(row: Any, n: int) -> bool:
    return bool(row == (n, "x" * (n % 50)))


def value(db: Any, sql: str, timeout: float = 10.0) -> Any:
    return raw(sql).on(db).fetch_value(timeout=timeout).result()


def sleep(db: Any, seconds: float = 30.0) -> Any:
    return raw("select pg_sleep({s}::float8)", s=seconds).on(db)


def large(db: Any, rows: int = 1_000_000) -> Any:
    return raw("select n, repeat('y', 50) as t from generate_series(1, {r}) n", r=rows).on(db)


async def awaited(pending: Any) -> Any:
    return await pending


def start(pending: Any) -> asyncio.Task[Any]:
    return asyncio.ensure_future(awaited(pending))


def run(main: Callable[[], Coroutine[Any, Any, R]], seconds: float = ENDS_WITHIN_S) -> R:
    """On an event loop of its own, for so long at most."""
    return asyncio.run(asyncio.wait_for(main(), seconds))


def until(condition: Callable[[], object], seconds: float = 10.0, what: str = "") -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what or condition}"
        time.sleep(0.003)


async def until_async(condition: Callable[[], object], seconds: float = 10.0) -> None:
    await asyncio.to_thread(until, condition, seconds)


@contextmanager
def lasts(least: float, most: float) -> Iterator[None]:
    start = time.monotonic()
    yield
    assert least <= time.monotonic() - start <= most


def eventually(ask: Callable[[], R], seconds: float = 10.0) -> R:
    """The first answer that is no error, for what may fail until a fault is over."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return ask()
        except molt_sql.MoltError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def pids(db: Database, connections: int) -> set[int]:
    """Of the sessions of so many transactions that are open at once."""
    with ExitStack() as stack:
        opened = [stack.enter_context(db.transaction(timeout=15)) for _ in range(connections)]
        return {value(tx, "select pg_backend_pid()") for tx in opened}


def assert_serves(db: Database, connections: int) -> None:
    """Service is back: right answers, and neither fewer nor more connections than there may be."""
    assert right(echo(db, 7).fetch_one(timeout=15).result(), 7)
    with ExitStack() as stack:
        opened = [stack.enter_context(db.transaction(timeout=15)) for _ in range(connections)]
        found = {value(tx, "select pg_backend_pid()") for tx in opened}
        assert len(found) == connections
        with pytest.raises(molt_sql.TimeoutError, match=f"{connections} in use"):
            db.transaction(timeout=0.05).__enter__()

    async def at_once() -> list[Any]:
        asked = [awaited(echo(db, n).fetch_one(timeout=15)) for n in range(10 * connections)]
        return await asyncio.gather(*asked)

    assert all(right(row, n) for n, row in enumerate(run(at_once)))


def usable(db: Database) -> Database:
    """`db`, after its pool has opened all it needs for the first query."""
    assert right(echo(db, 3).fetch_one(timeout=15).result(), 3)
    return db


class Watcher:
    """A psycopg connection of a superuser: what it sees needs no part of what is tested."""

    def __init__(self, conninfo: str) -> None:
        self._connection = psycopg.connect(conninfo, autocommit=True, connect_timeout=15)

    def value(self, sql: str, *params: object) -> Any:
        row = self._connection.execute(sql, params).fetchone()
        return None if row is None else row[0]

    def run(self, sql: str) -> None:
        self._connection.execute(sql)

    def sessions(self, more: str = "true") -> list[int]:
        """Process ids of the sessions in this database, without our own."""
        sql = (
            "select coalesce(array_agg(pid), '{}') from pg_stat_activity"
            " where datname = current_database() and backend_type = 'client backend'"
            f" and pid <> pg_backend_pid() and ({more})"
        )
        found: list[int] = self.value(sql)
        return found

    def busy(self) -> list[int]:
        return self.sessions("state <> 'idle'")

    def until_idle(self) -> None:
        until(lambda: not self.busy(), what="no session runs anything")

    def close(self) -> None:
        self._connection.close()


@contextmanager
def opened(url: str, **options: Any) -> Iterator[Database]:
    """A small pool that gives up soon."""
    with connect(url, **({"max_connections": 3, "max_wait": 20} | options)) as db:
        yield usable(db)


def resident_bytes() -> int:
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
