"""Stopping on PostgreSQL: cancelled tasks, Ctrl-C, closing, and how programs end."""

# Long because: every way to end a program is a short test of its own.

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
import trio
import uvloop

import molt_sql
from molt_sql import ClosedError, Database, connect, raw, table
from servers.fixtures import PostgresDatabase

Main = Callable[[], Awaitable[Any]]
Run = Callable[[Main], Any]

BACKENDS: dict[str, Run] = {
    "asyncio": lambda main: asyncio.run(main()),  # type: ignore[arg-type]
    "uvloop": lambda main: uvloop.run(main()),  # type: ignore[arg-type]
    "trio": lambda main: trio.run(main),
}


@pytest.fixture(params=BACKENDS)
def run(request: pytest.FixtureRequest) -> Run:
    """Runs an async function, which may use anyio, under one of the event loops."""

    def bounded(main: Main) -> Any:
        async def limited() -> Any:
            with anyio.fail_after(60):
                return await main()

        return BACKENDS[request.param](limited)

    return bounded


@pytest.fixture(scope="module")
def pg(pg_url: str) -> Iterator[Database]:
    with connect(pg_url, max_connections=3, max_wait=50) as db:
        raw("create table t (n int)").on(db).execute().result()
        yield db


@pytest.fixture
def one(pg_url: str) -> Iterator[Database]:
    """With one connection, which shows what a request leaves behind."""
    with connect(pg_url, max_connections=1, max_wait=10) as db:
        yield db


def echo(db: Database, n: int) -> Any:
    return raw("select {n}::int as n, repeat('x', {n}::int) as t", n=n).on(db)


def right(row: Any, n: int) -> bool:
    return bool(row == (n, "x" * n))


def sleep(db: Database, seconds: float = 30.0) -> Any:
    return raw("select pg_sleep({s}::float8)", s=seconds).on(db)


def active(server: PostgresDatabase) -> str:
    """How many sessions run something or have a transaction open."""
    return server.run_sql(
        "select count(*) from pg_stat_activity where datname = current_database()"
        " and state <> 'idle' and pid <> pg_backend_pid()"
    )


async def _await(pending: Any) -> Any:
    return await pending


# -- Cancelling ------------------------------------------------------------------------------------


def test_a_cancelled_task_stops_its_query(
    run: Run,
    one: Database,
    pg_database: PostgresDatabase,
    until: Callable[[Callable[[], object]], None],
) -> None:
    async def main() -> None:
        start = time.perf_counter()
        with anyio.move_on_after(0.1) as scope:
            await sleep(one).fetch_all()
        assert scope.cancelled_caught
        assert time.perf_counter() - start < 1
        assert right(await echo(one, 5).fetch_one(), 5)

    run(main)
    until(lambda: active(pg_database) == "0")


def test_cancelled_while_waiting_for_a_connection(run: Run, one: Database) -> None:
    async def main() -> None:
        async with one.transaction():
            with anyio.move_on_after(0.05) as scope:
                await echo(one, 1).fetch_all()
            assert scope.cancelled_caught
        assert right(await echo(one, 5).fetch_one(), 5)

    run(main)


def test_a_cancelled_write_is_undone(run: Run, pg: Database) -> None:
    async def main() -> None:
        with anyio.move_on_after(0.1):
            await pg.execute(raw("insert into t select 1 from pg_sleep(30)"))
        assert await table("t").query().on(pg).fetch_all() == []

    run(main)


def test_cancels_that_race_with_the_end_hit_no_other_query(pg: Database) -> None:
    async def main() -> int:
        wrong = 0
        for n in range(200):
            task = asyncio.ensure_future(_await(echo(pg, 1000 + n).fetch_one()))
            await asyncio.sleep(0.0002 * (n % 8))
            task.cancel()
            row = await echo(pg, n).fetch_one()
            wrong += not right(row, n)
            await asyncio.wait([task])
            if not task.cancelled():
                wrong += not right(task.result(), 1000 + n)
        return wrong

    assert asyncio.run(main()) == 0


@pytest.mark.usefixtures("pg")  # for its table
def test_a_loop_goes_on_while_an_insert_is_given_up(one: Database, pg_url: str) -> None:
    async def main() -> float:
        task = asyncio.ensure_future(_await(one.insert("t", [(1,)], timeout=0.1)))
        worst = 0.0
        while not task.done():
            start = time.perf_counter()
            await asyncio.sleep(0.01)
            worst = max(worst, time.perf_counter() - start)
        with pytest.raises(molt_sql.TimeoutError):
            await task
        return worst

    with connect(pg_url) as other, other.transaction() as tx:
        tx.execute(raw("lock table t in access exclusive mode")).result()
        assert asyncio.run(main()) < 0.3


def python(code: str, *arguments: str) -> subprocess.Popen[str]:
    """Warnings are errors in it, and asyncio and the interpreter look more closely."""
    command = [sys.executable, "-X", "dev", "-W", "error", "-c", textwrap.dedent(code), *arguments]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=Path("/")
    )


def test_ctrl_c_ends_a_blocking_call_and_its_query(
    pg_url: str, pg_database: PostgresDatabase, until: Callable[[Callable[[], object]], None]
) -> None:
    code = """
        import sys, molt_sql
        db = molt_sql.connect(sys.argv[1], max_connections=1)
        print("ready", flush=True)
        try:
            molt_sql.raw("select pg_sleep(30), 'ctrl-c'").on(db).fetch_all().result()
        except KeyboardInterrupt:
            print("interrupted", flush=True)
        print(molt_sql.raw("select 7").on(db).fetch_value().result(), flush=True)
    """
    sleeping = (
        "select count(*) from pg_stat_activity where query like '%ctrl-c%' and state = 'active'"
        " and pid <> pg_backend_pid()"
    )
    with python(code, pg_url) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        until(lambda: pg_database.run_sql(sleeping) == "1")
        start = time.perf_counter()
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=20)
    assert (out, err) == ("interrupted\n7\n", "")
    assert time.perf_counter() - start < 5
    until(lambda: pg_database.run_sql(sleeping) == "0")


# -- The end ---------------------------------------------------------------------------------------


def test_closing_lets_what_runs_come_to_its_end(run: Run, pg_url: str) -> None:
    async def main() -> None:
        db = connect(pg_url, max_connections=2)
        answers: list[Any] = []

        async def ask() -> None:
            answers.append(len(await sleep(db, 0.3).fetch_all()))

        async with anyio.create_task_group() as group:
            group.start_soon(ask)
            group.start_soon(ask)
            await anyio.sleep(0.1)
            db.close()
            with pytest.raises(ClosedError):
                await echo(db, 1).fetch_all()
        assert answers == [1, 1]

    run(main)


def test_closing_ends_the_wait_for_a_connection(pg_url: str) -> None:
    async def main() -> None:
        db = connect(pg_url, max_connections=1)
        runs = asyncio.ensure_future(_await(sleep(db, 0.3).fetch_all()))
        await asyncio.sleep(0.1)
        waits = asyncio.ensure_future(_await(echo(db, 1).fetch_all()))
        await asyncio.sleep(0.05)
        db.close()
        with pytest.raises(ClosedError):
            await waits
        assert len(await runs) == 1

    asyncio.run(main())


def test_closing_ends_the_sessions(
    pg_url: str, pg_database: PostgresDatabase, until: Callable[[Callable[[], object]], None]
) -> None:
    db = connect(f"{pg_url}&application_name=leaves", max_connections=4)
    threads = [threading.Thread(target=sleep(db, 0.1).fetch_all().result) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    stays = "select count(*) from pg_stat_activity where application_name = 'leaves'"
    assert pg_database.run_sql(stays) != "0"
    db.close()
    until(lambda: pg_database.run_sql(stays) == "0")


ENDS = {
    "nothing closed": """
        db = molt_sql.connect(url)
        assert molt_sql.raw("select 1").on(db).fetch_value().result() == 1
    """,
    "a stream half read": """
        db = molt_sql.connect(url)
        stream = endless.on(db).stream(batch_rows=10)
        assert len(next(stream)) == 10
    """,
    "a stream half read, closed before": """
        with molt_sql.connect(url) as db:
            stream = endless.on(db).stream(batch_rows=10)
            next(stream)
    """,
    "a transaction that is open": """
        db = molt_sql.connect(url)
        tx = db.transaction()
        tx.__enter__()
        molt_sql.raw("select 1").on(tx).fetch_all().result()
    """,
    "a task that is cancelled by the end of its loop": """
        db = molt_sql.connect(url)

        async def main():
            async def wait():
                await molt_sql.raw("select pg_sleep(30)").on(db).fetch_all()

            task = asyncio.create_task(wait())
            await asyncio.sleep(0.1)

        asyncio.run(main())
    """,
    "an asynchronous stream half read": """
        db = molt_sql.connect(url)

        async def main():
            async with endless.on(db).stream(batch_rows=10) as stream:
                async for batch in stream:
                    break
            other = endless.on(db).stream(batch_rows=10)
            await anext(other)

        asyncio.run(main())
    """,
    "a thread that still asks": """
        db = molt_sql.connect(url)

        def ask():
            try:
                # The server does not learn before its end that nobody waits.
                molt_sql.raw("select pg_sleep(2)").on(db).fetch_all().result()
            except BaseException:
                pass

        threading.Thread(target=ask, daemon=True).start()
        time.sleep(0.2)
    """,
    "a timeout just before": """
        db = molt_sql.connect(url)
        try:
            molt_sql.raw("select pg_sleep(30)").on(db).fetch_all(timeout=0.05).result()
        except molt_sql.TimeoutError:
            pass
    """,
}


@pytest.mark.parametrize("name", ENDS)
def test_a_program_ends_cleanly_with(
    name: str, pg_url: str, pg_database: PostgresDatabase, until: Callable[..., None]
) -> None:
    code = (
        "import asyncio, sys, threading, time\nimport molt_sql\nurl = sys.argv[1]\n"
        'endless = molt_sql.raw("select generate_series(1, 2000000000) as n")\n'
    )
    with python(code + textwrap.dedent(ENDS[name]), f"{pg_url}&application_name=ends") as child:
        try:
            out, err = child.communicate(timeout=15)
        except subprocess.TimeoutExpired:
            child.kill()
            raise
    assert (out, err, child.returncode) == ("", "", 0)
    left = "select count(*) from pg_stat_activity where application_name = 'ends'"
    until(lambda: pg_database.run_sql(left) == "0")
