"""Many at once on one connection: tasks, loops, threads; giving up; what is large; what is too much."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any

import psycopg
import pytest
import trio
import uvloop

import molt_sql
import molt_worker
from client.tools import ENDLESS, SocketWorker, Way, awaited, in_use, value
from molt_sql import (
    BusyError,
    CancelledError,
    ClosedError,
    Database,
    MoltError,
    connect,
    raw,
    table,
)
from servers.fixtures import PostgresDatabase
from servers.processes import wait_until

T = table("t")


def row(db: Database, n: int) -> Any:
    return T.where(T.n == n % 100).select(T.n, T.s).on(db).fetch_one()


def is_right(found: Any, n: int) -> bool:
    return bool(found == (n % 100, f"row {n % 100}"))


async def ask_many(db: Database, count: int) -> None:
    async def ask(n: int) -> Any:
        return await row(db, n)

    found = await asyncio.gather(*(ask(n) for n in range(count)))
    assert all(map(is_right, found, range(count)))


Run = Callable[[Callable[[], Coroutine[Any, Any, None]]], None]


def run_asyncio(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(main())


def run_uvloop(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    uvloop.run(main())


@pytest.mark.parametrize("run", [run_asyncio, run_uvloop])
def test_many_tasks_of_a_loop(database: Database, run: Run) -> None:
    run(lambda: ask_many(database, 900))
    assert value(database, "select count(*) from t") == 100


def test_many_tasks_of_trio(database: Database) -> None:
    right = []

    async def ask(n: int) -> None:
        right.append(is_right(await row(database, n), n))

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            for n in range(500):
                nursery.start_soon(ask, n)

    trio.run(main)
    assert right == [True] * 500


def test_many_threads(database: Database) -> None:
    def ask(start: int) -> bool:
        return all(is_right(row(database, n).result(), n) for n in range(start, start + 50))

    with ThreadPoolExecutor(16) as threads:
        assert all(threads.map(ask, range(64)))


def test_several_loops_and_threads_at_once(database: Database) -> None:
    """Whoever reads for all changes from loop to loop and thread to thread."""
    failures: list[BaseException] = []

    def guarded(work: Callable[[], object]) -> None:
        try:
            work()
        except BaseException as error:
            failures.append(error)

    def blocking() -> None:
        assert all(is_right(row(database, n).result(), n) for n in range(200))

    def by_trio() -> None:
        async def main() -> None:
            for n in range(100):
                assert is_right(await row(database, n), n)

        trio.run(main)

    works: list[Callable[[], object]] = [
        lambda: asyncio.run(ask_many(database, 300)),
        lambda: asyncio.run(ask_many(database, 300)),
        lambda: uvloop.run(ask_many(database, 300)),
        by_trio,
        blocking,
        blocking,
        blocking,
    ]
    threads = [threading.Thread(target=guarded, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_a_loop_that_ended_is_forgotten(database: Database) -> None:
    for _ in range(20):
        asyncio.run(ask_many(database, 5))
    assert is_right(row(database, 3).result(), 3)


# -- Giving up -------------------------------------------------------------------------------------


@pytest.fixture
def sessions(pg_database: PostgresDatabase) -> Iterator[Callable[[], int]]:
    """How many sessions of the database run pg_sleep now, as a superuser sees it."""
    with psycopg.connect(pg_database.conninfo("postgres"), autocommit=True) as watching:

        def count() -> int:
            sql = (
                "select count(*) from pg_stat_activity where datname = current_database()"
                " and state = 'active' and query like '%pg_sleep%' and pid <> pg_backend_pid()"
            )
            found = watching.execute(sql).fetchone()
            assert found is not None
            return int(found[0])

        yield count


@contextmanager
def on_postgres(url: str, way: Way) -> Iterator[Database]:
    with ExitStack() as stack:
        if way == "socket":
            url = stack.enter_context(SocketWorker({"default": url})).url()
        else:
            url = "molt+stdio:" + url
        yield stack.enter_context(connect(url))


SLEEP = raw("select pg_sleep(60)")


def test_a_cancelled_task_stops_its_statement(
    pg_url: str, way: Way, sessions: Callable[[], int]
) -> None:
    with on_postgres(pg_url, way) as db:

        async def main() -> None:
            tasks = [asyncio.create_task(awaited(SLEEP.on(db).fetch_all())) for _ in range(5)]
            await asyncio.to_thread(wait_until, lambda: sessions() == 5)
            tasks[0].cancel()
            await asyncio.wait(tasks[:1])
            assert tasks[0].cancelled()
            await asyncio.to_thread(wait_until, lambda: sessions() == 4)
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            assert all(task.cancelled() for task in tasks)

        asyncio.run(main())
        wait_until(lambda: sessions() == 0)
        assert value(db, "select 1") == 1


def test_a_cancelled_scope_of_trio_stops_its_statement(
    pg_url: str, way: Way, sessions: Callable[[], int]
) -> None:
    with on_postgres(pg_url, way) as db:

        async def main() -> None:
            with trio.move_on_after(0.3) as scope:
                await SLEEP.on(db).fetch_all()
            assert scope.cancelled_caught

        trio.run(main)
        wait_until(lambda: sessions() == 0)
        assert value(db, "select 1") == 1


@pytest.mark.parametrize("how", ["await", "result"])
def test_a_timeout_stops_the_statement(
    pg_url: str, way: Way, sessions: Callable[[], int], how: str
) -> None:
    with on_postgres(pg_url, way) as db:
        pending = SLEEP.on(db).fetch_all(timeout=0.3)
        with pytest.raises(molt_sql.TimeoutError):
            asyncio.run(awaited(pending)) if how == "await" else pending.result()
        wait_until(lambda: sessions() == 0)
        assert value(db, "select 1") == 1


def test_a_timeout_of_sqlite_stops_the_statement(worker: SocketWorker) -> None:
    with connect(worker.url()) as db, molt_worker.connect(worker.url(None)) as client:
        with pytest.raises(molt_sql.TimeoutError):
            raw(ENDLESS).on(db).fetch_all(timeout=0.2).result()
        wait_until(lambda: in_use(client) <= 1)


def test_an_ended_connection_stops_what_runs(worker: SocketWorker) -> None:
    with molt_worker.connect(worker.url(None)) as client:
        db = connect(worker.url())

        async def main() -> None:
            task = asyncio.create_task(awaited(raw(ENDLESS).on(db).fetch_all()))
            await asyncio.to_thread(wait_until, lambda: in_use(client) >= 1)
            task.cancel()
            await asyncio.wait([task])

        asyncio.run(main())
        db.close()
        wait_until(lambda: in_use(client) <= 1)


def test_giving_up_again_and_again_crosses_no_replies(database: Database) -> None:
    async def main() -> None:
        for round_ in range(60):
            tasks = [
                asyncio.create_task(awaited(row(database, n))) for n in range(round_, round_ + 10)
            ]
            await asyncio.sleep(0)
            for task in tasks[::2]:
                task.cancel()
            found = await asyncio.gather(*tasks, return_exceptions=True)
            for n, answer in enumerate(found, round_):
                assert isinstance(answer, asyncio.CancelledError) or is_right(answer, n)

    asyncio.run(main())
    assert is_right(row(database, 7).result(), 7)


def test_a_cancelled_write_is_done_or_not_as_it_says(database: Database) -> None:
    """A write that is given up is not left half known: its error says which."""

    async def main() -> int:
        done = 0
        for n in range(1000, 1060):
            insert = raw("insert into t values ({n}, 'x')", n=n).on(database).execute()
            task = asyncio.create_task(awaited(insert))
            for _ in range(1 + n % 3):  # it has begun
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task])
            done += not task.cancelled()
        return done

    done = asyncio.run(main())
    assert value(database, "select count(*) from t where n >= 1000") >= done


# -- What is large, what is too much ----------------------------------------------------------------

LARGE_ROWS, LARGE_BYTES = 10_000, 8192
LARGE = (
    f"with recursive c(n) as (select 1 union all select n + 1 from c where n < {LARGE_ROWS})"
    f" select n, hex(zeroblob({LARGE_BYTES // 2})) as filler from c"
)


def test_a_result_beyond_a_frame_is_whole(database: Database) -> None:
    result = raw(LARGE).on(database).fetch_arrow().result()
    assert len(result) == LARGE_ROWS
    arrow = result.to_arrow()
    assert arrow.nbytes > 64 << 20
    assert arrow.column("n").to_pylist() == list(range(1, LARGE_ROWS + 1))
    assert set(arrow.column("filler").to_pylist()) == {"0" * LARGE_BYTES}


def test_a_large_stream_leaves_the_connection_to_others(database: Database) -> None:
    async def main() -> None:
        rows = 0
        async with raw(LARGE).on(database).stream(batch_rows=500) as stream:
            async for batch in stream:
                rows += len(batch)
                assert is_right(await row(database, rows), rows)
        assert rows == LARGE_ROWS

    asyncio.run(main())


def test_a_large_parameter_goes_there_and_back(database: Database) -> None:
    text = "x" * (15 << 20)  # SQLite's limit is 16 MiB
    assert raw("select {t}", t=text).on(database).fetch_value().result() == text
    sizes = [raw("select length({t})", t=text).on(database).fetch_value() for _ in range(4)]
    with ThreadPoolExecutor(4) as threads:
        assert set(threads.map(lambda one: one.result(), sizes)) == {15 << 20}


def test_many_sets_that_are_large_together_are_written(database: Database) -> None:
    rows = [{"n": n, "s": "x" * (1 << 20)} for n in range(1000, 1020)]
    text = "insert into t values ({n}, {s})"
    assert database.execute_many(text, rows).result().rows_affected == 20
    assert value(database, "select sum(length(s)) from t where n >= 1000") == 20 << 20


def test_a_parameter_of_20_mib_reaches_postgresql(pg_url: str, way: Way) -> None:
    with on_postgres(pg_url, way) as db:
        text = "x" * (20 << 20)
        assert raw("select length({t}::text)", t=text).on(db).fetch_value().result() == 20 << 20


def test_a_parameter_beyond_a_frame_is_an_error_and_no_end(database: Database) -> None:
    text = "x" * (70 << 20)
    with pytest.raises(MoltError):
        raw("select length({t})", t=text).on(database).fetch_value().result()
    assert is_right(row(database, 1).result(), 1)


def test_900_long_statements_wait_on_stdio(own: Database) -> None:
    slow = (
        "with recursive c(n) as (select 1 union all select n + 1 from c where n < 20000)"
        " select count(*) + {n} from c"
    )

    async def main() -> list[int]:
        pending = [raw(slow, n=n).on(own).fetch_value() for n in range(900)]
        return await asyncio.gather(*map(awaited, pending))

    assert asyncio.run(main()) == [20_000 + n for n in range(900)]


def test_a_full_queue_is_busy_and_then_free_again(url: str) -> None:
    with (
        SocketWorker({"default": url}, "--threads", 1, "--max-queue", 2) as worker,
        connect(worker.url()) as db,
    ):

        async def main() -> None:
            tasks = [
                asyncio.create_task(awaited(raw(ENDLESS).on(db).fetch_all())) for _ in range(20)
            ]
            busy, waiting = await asyncio.wait(tasks, timeout=20, return_when="FIRST_COMPLETED")
            while len(busy) < 15:
                more, waiting = await asyncio.wait(waiting, return_when="FIRST_COMPLETED")
                busy |= more
            assert all(isinstance(task.exception(), BusyError) for task in busy)
            for task in waiting:
                task.cancel()
            await asyncio.wait(waiting)

        asyncio.run(main())
        wait_until(lambda: not isinstance(_asked(db), BusyError))
        assert is_right(row(db, 1).result(), 1)


def _asked(db: Database) -> object:
    try:
        return value(db, "select 1")
    except BusyError as error:
        return error


def test_closing_with_requests_under_way_ends_them(database: Database) -> None:
    async def main() -> None:
        tasks = [
            asyncio.create_task(awaited(raw(ENDLESS).on(database).fetch_all())) for _ in range(3)
        ]
        await asyncio.sleep(0)
        database.close()
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        for task in tasks:
            assert task.cancelled() or isinstance(task.exception(), ClosedError | CancelledError)

    asyncio.run(main())
    with pytest.raises(ClosedError):
        row(database, 1).result()
