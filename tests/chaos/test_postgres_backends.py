"""The server ends, crashes, stops and refuses under the pool; service comes back each time."""

# ruff: noqa: PT012 (what a block raises goes through the end of its transaction)

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any

import psycopg
import pytest

import molt_sql
from chaos.tools import (
    AT_ONCE_S,
    Watcher,
    assert_serves,
    awaited,
    echo,
    eventually,
    lasts,
    opened,
    pids,
    right,
    run,
    sleep,
    start,
    until,
    until_async,
    value,
)
from molt_sql import BusyError, Database, DatabaseError, MoltError, connect
from servers.fixtures import PostgresDatabase, failing
from servers.postgres import PostgresServer

CONNECTIONS = 3
# An idle connection is looked at when it is taken, unless it was in use just before.
DOUBTFUL_AFTER_S = 0.15


@pytest.fixture
def broken(breakable: PostgresServer) -> Iterator[Database]:
    """A pool on the server that may be broken."""
    with opened(breakable.url(), connect_timeout=5) as db:
        yield db


def ended(watcher: Watcher, processes: set[int]) -> bool:
    return not processes & set(watcher.sessions())


# -- Ended by an administrator ---------------------------------------------------------------------


def test_idle_backends_that_are_terminated_are_replaced_unseen(
    pg: Database, watcher: Watcher
) -> None:
    before = pids(pg, CONNECTIONS)
    for pid in before:
        watcher.value("select pg_terminate_backend(%s)", pid)
    until(lambda: ended(watcher, before))
    time.sleep(DOUBTFUL_AFTER_S)
    assert right(echo(pg, 5).fetch_one(timeout=10).result(), 5)
    assert not pids(pg, CONNECTIONS) & before
    assert_serves(pg, CONNECTIONS)


def test_a_backend_that_is_terminated_just_after_use_fails_clearly_at_most(
    pg: Database, watcher: Watcher
) -> None:
    codes = set()
    for n in range(10):
        pid = value(pg, "select pg_backend_pid()")
        watcher.value("select pg_terminate_backend(%s)", pid)
        try:
            answer = echo(pg, n).fetch_one(timeout=10).result()
        except DatabaseError as error:
            codes.add(error.code)
        else:
            assert right(answer, n)
    assert codes <= {"57P01", "08006"}
    assert_serves(pg, CONNECTIONS)


def test_busy_backends_that_are_terminated_fail_their_queries(
    pg: Database, watcher: Watcher
) -> None:
    async def main() -> list[Any]:
        tasks = [start(sleep(pg).fetch_all()) for _ in range(CONNECTIONS)]
        await until_async(lambda: len(watcher.busy()) == CONNECTIONS)
        for pid in watcher.busy():
            watcher.value("select pg_terminate_backend(%s)", pid)
        return await asyncio.gather(*tasks, return_exceptions=True)

    for error in run(main):
        assert isinstance(error, DatabaseError), error
        assert error.code == "57P01"
        assert "terminating connection due to administrator command" in str(error)
    assert_serves(pg, CONNECTIONS)


def test_a_transaction_whose_backend_is_terminated_is_lost_and_says_so(
    pg: Database, watcher: Watcher
) -> None:
    with pytest.raises(DatabaseError) as caught, pg.transaction() as tx:
        watcher.value("select pg_terminate_backend(%s)", value(tx, "select pg_backend_pid()"))
        until(lambda: not watcher.busy())
    assert caught.value.code in ("57P01", "08006", "08007")
    assert_serves(pg, CONNECTIONS)


# -- Crashes ---------------------------------------------------------------------------------------


def comes_back(server: PostgresServer) -> float:
    """When the server takes sessions again."""
    while True:
        try:
            psycopg.connect(server.superuser_conninfo(), connect_timeout=10).close()
            return time.monotonic()
        except psycopg.OperationalError:
            time.sleep(0.002)


def test_the_crash_of_one_backend(breakable: PostgresServer, broken: Database) -> None:
    victims = pids(broken, CONNECTIONS)
    with ThreadPoolExecutor(3) as threads:
        asked = [threads.submit(sleep(broken).fetch_all().result) for _ in range(2)]
        watching = Watcher(breakable.superuser_conninfo("molt"))
        until(lambda: len(watching.busy()) == 2)
        busy = watching.busy()[0]
        watching.close()
        breakable.kill9_backend(busy)
        for future in asked:
            with pytest.raises(DatabaseError) as caught:
                future.result(20)
            assert caught.value.code in ("57P02", "57P01", "08006"), caught.value
        until(lambda: not os.path.exists(f"/proc/{busy}"))
        answered = threads.submit(
            eventually, lambda: (value(broken, "select 1"), time.monotonic())[1], 30
        )
        back = comes_back(breakable)
        assert answered.result(30) - back < 1
    assert not pids(broken, CONNECTIONS) & victims
    assert_serves(broken, CONNECTIONS)


@pytest.mark.parametrize("busy", [False, True])
def test_an_immediate_restart(breakable: PostgresServer, broken: Database, busy: bool) -> None:
    pids(broken, CONNECTIONS)
    with ThreadPoolExecutor(CONNECTIONS) as threads:
        asked = [
            threads.submit(sleep(broken).fetch_all().result) for _ in range(CONNECTIONS * busy)
        ]
        watching = Watcher(breakable.superuser_conninfo("molt"))
        until(lambda: len(watching.busy()) == len(asked))
        watching.close()
        breakable.stop("immediate")
        for future in asked:
            with pytest.raises(DatabaseError):
                future.result(20)
        for _ in range(CONNECTIONS + 1):  # while it is down
            with lasts(0, AT_ONCE_S), pytest.raises(DatabaseError) as caught:
                value(broken, "select 1")
            assert caught.value.code in ("08001", "08006", "57P02"), caught.value
        breakable.start()
        back = time.monotonic()
        eventually(lambda: value(broken, "select 1"))
        assert time.monotonic() - back < 1
    assert_serves(broken, CONNECTIONS)


# -- Processes that stand still --------------------------------------------------------------------


@contextmanager
def stopped(*processes: int) -> Iterator[None]:
    try:
        for pid in processes:
            os.kill(pid, signal.SIGSTOP)
        yield
    finally:
        for pid in processes:
            os.kill(pid, signal.SIGCONT)


def test_a_deadline_answers_though_the_backend_stands_still(
    breakable: PostgresServer, broken: Database
) -> None:
    with stopped(*pids(broken, CONNECTIONS)):
        for _ in range(CONNECTIONS):
            with lasts(0.1, 0.1 + AT_ONCE_S), pytest.raises(molt_sql.TimeoutError):
                echo(broken, 1).fetch_all(timeout=0.1).result()
    assert_serves(broken, CONNECTIONS)


@pytest.mark.slow
def test_a_backend_that_stands_still_for_long_is_replaced(breakable: PostgresServer) -> None:
    with opened(breakable.url(), max_connections=1) as db:
        victims = pids(db, 1)
        with stopped(*victims):
            with pytest.raises(molt_sql.TimeoutError):
                echo(db, 1).fetch_all(timeout=0.1).result()
            assert right(echo(db, 2).fetch_one(timeout=15).result(), 2)
            assert not pids(db, 1) & victims
        assert_serves(db, 1)


def test_a_deadline_answers_though_the_postmaster_stands_still(
    breakable: PostgresServer, broken: Database
) -> None:
    """Neither a new connection nor a request to cancel is answered meanwhile."""
    with stopped(breakable.pid):
        assert right(echo(broken, 1).fetch_one(timeout=5).result(), 1)
        with lasts(0.2, 0.2 + AT_ONCE_S), pytest.raises(molt_sql.TimeoutError):
            sleep(broken).fetch_all(timeout=0.2).result()
        with lasts(0.2, 0.2 + AT_ONCE_S), pytest.raises(molt_sql.TimeoutError):
            echo(broken, 2).fetch_one(timeout=0.2).result()
        with lasts(0.3, 0.3 + AT_ONCE_S), pytest.raises(molt_sql.TimeoutError, match="connect"):
            connect(breakable.url(), connect_timeout=0.3)
    assert_serves(broken, CONNECTIONS)


# -- No more connections ---------------------------------------------------------------------------


def test_the_servers_own_limit_of_connections() -> None:
    settings = {"max_connections": "6", "superuser_reserved_connections": "2"}
    with failing(), PostgresServer(settings) as server, ExitStack() as held:
        db = held.enter_context(opened(server.url()))
        others = [psycopg.connect(server.conninfo()) for _ in range(3)]
        with pytest.raises(BusyError) as caught:
            connect(server.url())
        assert "too many clients" in str(caught.value) or "slots" in str(caught.value)

        async def main() -> list[Any]:
            asked = [awaited(sleep(db, 0.2).fetch_all()) for _ in range(6)]
            return await asyncio.gather(*asked, return_exceptions=True)

        answers = run(main)
        assert any(not isinstance(answer, BaseException) for answer in answers)
        for answer in answers:
            assert not isinstance(answer, BaseException) or isinstance(answer, BusyError), answer
        for other in others:
            other.close()
        eventually(lambda: pids(db, CONNECTIONS))
        assert_serves(db, CONNECTIONS)


@pytest.mark.parametrize("of", ["role", "database"])
def test_a_limit_of_connections_of_a(
    of: str, pg_database: PostgresDatabase, watcher: Watcher
) -> None:
    role = f"limited_{of}"
    watcher.run(f"create role {role} login")
    limited = role if of == "role" else f'"{pg_database.name}"'
    # Of the database's, the watcher has one.
    limit = 1 if of == "role" else 2
    url = pg_database.url(role)
    try:
        with opened(url) as db:
            watcher.run(f"alter {of} {limited} connection limit {limit}")
            with pytest.raises(BusyError, match="too many connections"):
                connect(url)
            with db.transaction() as tx:
                # It waits for the one that is in use, and says why it did not get another.
                with lasts(0, 0.2 + AT_ONCE_S), pytest.raises(MoltError, match="too many"):
                    echo(db, 1).fetch_one(timeout=0.2).result()
                assert right(echo(tx, 2).fetch_one().result(), 2)
            assert right(echo(db, 3).fetch_one().result(), 3)
            watcher.run(f"alter {of} {limited} connection limit -1")
            assert_serves(db, CONNECTIONS)
    finally:
        watcher.run(f"alter {of} {limited} connection limit -1")
        watcher.run(f"drop role {role}")
