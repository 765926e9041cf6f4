"""Many at once on PostgreSQL: tasks, threads and loops share connections; deadlines."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import anyio
import pytest
import trio
import uvloop

import molt_sql
from molt_sql import BusyError, Database, MoltError, connect, raw
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


# -- At once ---------------------------------------------------------------------------------------


def test_500_queries_share_three_connections(run: Run, pg: Database) -> None:
    answers: dict[int, Any] = {}

    async def ask(n: int) -> None:
        answers[n] = await echo(pg, n).fetch_one()

    async def main() -> None:
        async with anyio.create_task_group() as group:
            for n in range(500):
                group.start_soon(ask, n)

    run(main)
    assert len(answers) == 500
    assert all(right(row, n) for n, row in answers.items())


def test_gather_of_500(pg: Database) -> None:
    async def main() -> list[Any]:
        return await asyncio.gather(*[_await(echo(pg, n).fetch_one()) for n in range(500)])

    assert all(right(row, n) for n, row in enumerate(asyncio.run(main())))


async def _await(pending: Any) -> Any:
    return await pending


def test_no_more_connections_are_open_than_allowed(
    pg: Database, pg_database: PostgresDatabase
) -> None:
    async def main() -> str:
        tasks = [asyncio.ensure_future(_await(sleep(pg, 0.5).fetch_all())) for _ in range(6)]
        await asyncio.sleep(0.3)
        count = "select count(*) from pg_stat_activity where datname = current_database()"
        running = pg_database.run_sql(f"{count} and query like '%pg_sleep%' and state = 'active'")
        await asyncio.gather(*tasks)
        return running

    # psql's own query is one of those that match.
    assert asyncio.run(main()) == "4"


def test_sixteen_threads_ask_at_once(pg: Database) -> None:
    wrong: list[Any] = []

    def work(thread: int) -> None:
        for n in range(50):
            try:
                row = echo(pg, thread * 50 + n).fetch_one().result()
            except MoltError as error:
                wrong.append(error)
            else:
                if not right(row, thread * 50 + n):
                    wrong.append(row)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert wrong == []


def test_threads_and_loops_share_a_database(run: Run, pg: Database) -> None:
    answers: list[bool] = []

    async def main() -> None:
        for n in range(30):
            answers.append(right(await echo(pg, n).fetch_one(), n))

    def block() -> None:
        for n in range(30):
            answers.append(right(echo(pg, n).fetch_one().result(), n))

    targets: list[Callable[[], Any]] = [lambda: run(main)] * 3 + [block] * 3
    threads = [threading.Thread(target=target) for target in targets]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert answers == [True] * 180


def test_loops_one_after_another_share_a_database(run: Run, pg: Database) -> None:
    async def main() -> bool:
        return right(await echo(pg, 3).fetch_one(), 3)

    for _ in range(3):
        assert run(main)
    gc.collect()
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(20):
        assert run(main)
    gc.collect()
    assert len(os.listdir("/proc/self/fd")) <= before


def test_a_loop_goes_on_while_it_waits(pg: Database) -> None:
    async def main() -> int:
        task = asyncio.ensure_future(_await(sleep(pg, 0.5).fetch_all()))
        ticks = 0
        while not task.done():
            await asyncio.sleep(0.01)
            ticks += 1
        return ticks

    assert asyncio.run(main()) > 25


def test_a_large_result_leaves_the_loop_to_others(pg: Database) -> None:
    async def main() -> float:
        large = raw("select n, repeat('x', 100) as t from generate_series(1, 500000) n").on(pg)
        task = asyncio.ensure_future(_await(large.fetch_arrow()))
        worst = 0.0
        while not task.done():
            start = time.perf_counter()
            await asyncio.sleep(0.001)
            worst = max(worst, time.perf_counter() - start)
        assert len(await task) == 500_000
        return worst

    assert min(asyncio.run(main()) for _ in range(3)) < 0.15


# -- Deadlines -------------------------------------------------------------------------------------


def test_a_deadline_stops_the_query_in_the_server(
    run: Run,
    one: Database,
    pg_database: PostgresDatabase,
    until: Callable[[Callable[[], object]], None],
) -> None:
    async def main() -> None:
        start = time.perf_counter()
        with pytest.raises(molt_sql.TimeoutError, match="timeout passed"):
            await sleep(one).fetch_all(timeout=0.1)
        assert time.perf_counter() - start < 1
        assert right(await echo(one, 5).fetch_one(timeout=5), 5)

    run(main)
    until(lambda: active(pg_database) == "0")


def test_a_deadline_of_a_blocking_call(one: Database) -> None:
    start = time.perf_counter()
    with pytest.raises(molt_sql.TimeoutError):
        sleep(one).fetch_all(timeout=0.1).result()
    with pytest.raises(molt_sql.TimeoutError):
        sleep(one).fetch_all().result(timeout=0.1)
    assert time.perf_counter() - start < 2
    assert right(echo(one, 5).fetch_one().result(), 5)


def test_the_databases_own_timeout_counts_where_none_is_given(pg_url: str) -> None:
    with connect(pg_url, timeout=0.1) as db:
        with pytest.raises(molt_sql.TimeoutError):
            sleep(db).fetch_all().result()
        assert sleep(db, 0.3).fetch_all(timeout=5).result()


@pytest.mark.parametrize("timeout", [0, 1e-9])
def test_no_time_at_all_is_a_timeout(one: Database, timeout: float) -> None:
    with pytest.raises(molt_sql.TimeoutError):
        echo(one, 1).fetch_all(timeout=timeout).result()
    assert right(echo(one, 5).fetch_one().result(), 5)


def test_many_timeouts_hit_no_other_query(pg: Database) -> None:
    async def ask(n: int) -> str:
        if n % 2:
            return "right" if right(await echo(pg, n).fetch_one(), n) else "wrong"
        try:
            await sleep(pg, 0.02).fetch_all(timeout=0.001 * (n % 40))
        except molt_sql.TimeoutError:
            return "timeout"
        return "slept"

    async def main() -> list[str]:
        return await asyncio.gather(*[ask(n) for n in range(400)])

    answers = asyncio.run(main())
    assert answers[1::2] == ["right"] * 200
    assert set(answers[::2]) <= {"timeout", "slept"}


def test_a_wait_for_a_connection_ends_with_the_counters(pg_url: str) -> None:
    with connect(pg_url, max_connections=1, max_wait=0.1) as db, db.transaction():
        pending = echo(db, 1).fetch_all()
        with pytest.raises(BusyError, match=r"1 open, 0 idle, 1 in use.*max_connections=1"):
            pending.result()
