"""Awaiting, cancelling, deadlines and Ctrl-C."""

# Long because: every loop, and every way to stop a query, is a short test of its own.

import asyncio
import builtins
import gc
import itertools
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest
import trio
import uvloop

import molt_sql
from molt_sql import (
    BusyError,
    Database,
    InvalidQueryError,
    MoltError,
    connect,
    raw,
    table,
)

ENDLESS_STEPS = "with recursive c(n) as (select 1 union all select n + 1 from c)"
ENDLESS = f"{ENDLESS_STEPS} select count(*) from c"

Main = Callable[[], Awaitable[Any]]
Run = Callable[[Main], Any]

BACKENDS: dict[str, Run] = {
    "asyncio": lambda main: asyncio.run(main()),  # type: ignore[arg-type]
    "uvloop": lambda main: uvloop.run(main()),  # type: ignore[arg-type]
    "trio": lambda main: trio.run(main),
    "anyio-asyncio": lambda main: anyio.run(main, backend="asyncio"),
    "anyio-uvloop": lambda main: anyio.run(
        main, backend="asyncio", backend_options={"use_uvloop": True}
    ),
    "anyio-trio": lambda main: anyio.run(main, backend="trio"),
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


@pytest.fixture
def one_reader(path: Path) -> Iterator[Database]:
    """A file database that serves one read at a time, with an empty table t(n)."""
    with connect(f"sqlite:///{path}?mode=rwc", max_readers=1) as db:
        raw("create table t (n integer)").on(db).execute().result()
        yield db


def one(db: Database) -> Any:
    return raw("select 1").on(db).fetch_value()


def count(db: Database) -> int:
    value = raw("select count(*) from t").on(db).fetch_value().result()
    assert isinstance(value, int)
    return value


# -- Awaiting --------------------------------------------------------------------------------------


def test_everything_can_be_awaited(run: Run, one_reader: Database) -> None:
    db = one_reader

    async def main() -> None:
        t = table("t")
        assert (await raw("create table u (x integer)").on(db).execute()).rows_affected == 0
        assert await db.insert("t", [(1,), (2,)]) == 2
        q = t.order_by(t.n).on(db)
        assert await q.fetch_all() == [(1,), (2,)]
        assert await q.fetch_one() == (1,)
        assert await q.fetch_value() == 1
        assert len(await q.fetch_arrow()) == 2
        assert "t" in await q.explain()
        assert [len(batch) async for batch in q.stream(batch_rows=1)] == [1, 1]

    run(main)


def test_errors_come_out_of_await(run: Run, one_reader: Database) -> None:
    async def main() -> None:
        with pytest.raises(InvalidQueryError, match="nothing_here"):
            await table("nothing_here").query().on(one_reader).fetch_all()

    run(main)


def test_many_concurrent_awaits_get_their_own_answers(run: Run, path: Path) -> None:
    answers: dict[int, Any] = {}

    async def main() -> None:
        async def ask(db: Database, number: int) -> None:
            answers[number] = await raw("select {n} as n", n=number).on(db).fetch_value()

        with connect(f"sqlite:///{path}?mode=rwc", max_readers=2) as db:
            async with anyio.create_task_group() as group:
                for number in range(500):
                    group.start_soon(ask, db, number)

    run(main)
    assert answers == {number: number for number in range(500)}


def test_readers_and_writers_await_together(run: Run, one_reader: Database) -> None:
    async def main() -> None:
        async with anyio.create_task_group() as group:
            for number in range(50):
                insert = raw("insert into t values ({n})", n=number).on(one_reader)
                group.start_soon(_await, insert.execute)
                group.start_soon(_await, lambda: one(one_reader))

    run(main)
    assert count(one_reader) == 50


async def _await(make: Callable[[], Awaitable[Any]]) -> Any:
    return await make()


def test_the_loop_keeps_running_while_a_query_does(run: Run, one_reader: Database) -> None:
    async def main() -> int:
        ticks = 0
        done = False

        async def tick() -> None:
            nonlocal ticks
            while not done:
                ticks += 1
                await anyio.lowlevel.checkpoint()

        async with anyio.create_task_group() as group:
            group.start_soon(tick)
            with pytest.raises(molt_sql.TimeoutError):
                await raw(ENDLESS).on(one_reader).fetch_all(timeout=0.3)
            done = True
        return ticks

    assert run(main) > 20


def test_awaiting_twice_is_refused(run: Run, one_reader: Database) -> None:
    async def main() -> None:
        pending = one(one_reader)
        assert await pending == 1
        with pytest.raises(InvalidQueryError, match=r"fetch_value\(\) was awaited or run before"):
            await pending
        with pytest.raises(InvalidQueryError, match="awaited or run before"):
            pending.result()
        assert await one(one_reader) == 1

    run(main)


def test_two_tasks_cannot_share_one_pending(run: Run, one_reader: Database) -> None:
    async def main() -> list[object]:
        pending = one(one_reader)
        outcomes: list[object] = []

        async def wait() -> None:
            try:
                outcomes.append(await pending)
            except InvalidQueryError:
                outcomes.append("refused")

        async with anyio.create_task_group() as group:
            group.start_soon(wait)
            group.start_soon(wait)
        return outcomes

    assert sorted(map(str, run(main))) == ["1", "refused"]


@pytest.mark.parametrize("method", ["fetch_all", "fetch_one", "fetch_value", "execute", "explain"])
def test_what_is_never_awaited_warns(one_reader: Database, method: str) -> None:
    with pytest.warns(RuntimeWarning, match=rf"{method}\(\) was never run: await it"):
        getattr(raw("delete from t").on(one_reader), method)()


def test_an_insert_never_awaited_warns_and_inserts_nothing(one_reader: Database) -> None:
    with pytest.warns(RuntimeWarning, match=r"insert\(\) was never run"):
        one_reader.insert("t", [(1,)])
    assert count(one_reader) == 0


def test_what_was_awaited_does_not_warn(run: Run, one_reader: Database) -> None:
    async def main() -> None:
        assert await one(one_reader) == 1

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run(main)
        gc.collect()


def test_loops_one_after_another_share_a_database(run: Run, one_reader: Database) -> None:
    async def main() -> Any:
        return await one(one_reader)

    for _ in range(3):
        assert run(main) == 1
    gc.collect()
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(20):
        assert run(main) == 1
    gc.collect()
    assert len(os.listdir("/proc/self/fd")) <= before


def test_loops_in_several_threads_share_a_database(run: Run, one_reader: Database) -> None:
    answers: list[Any] = []

    async def main() -> None:
        for _ in range(20):
            answers.append(await one(one_reader))

    threads = [threading.Thread(target=run, args=(main,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert answers == [1] * 80


def test_await_outside_of_a_known_loop_is_a_clear_error(one_reader: Database) -> None:
    pending = one(one_reader)
    with pytest.raises(RuntimeError, match="asyncio or trio"):
        pending.__await__().send(None)
    assert pending.result() == 1


def test_a_query_keeps_its_database_while_it_runs() -> None:
    async def main() -> None:
        steps = f"{ENDLESS_STEPS} select n from c limit 300000"
        pending = raw(steps).on(connect("sqlite:///:memory:")).fetch_all()
        task = asyncio.ensure_future(_await(lambda: pending))
        await asyncio.sleep(0)
        gc.collect()
        assert len(await task) == 300_000

    asyncio.run(main())


# -- Cancelling ------------------------------------------------------------------------------------


def best_of(attempts: int, measure: Callable[[], float]) -> float:
    """The least of several times, so that a busy machine does not fail a bound."""
    return min(measure() for _ in range(attempts))


async def _cancel_running(db: Database, pending: Callable[[], Awaitable[Any]]) -> float:
    """Seconds from cancelling what runs to the next query's answer on the only connection."""
    started = _cpu()
    async with anyio.create_task_group() as group:
        group.start_soon(_await, pending)
        # It runs when the process burns time while this task sleeps.
        while _cpu() - started < 0.03:  # noqa: ASYNC110 (nobody tells)
            await anyio.sleep(0.005)
        start = time.perf_counter()
        group.cancel_scope.cancel()
    assert await one(db) == 1
    return time.perf_counter() - start


def _cpu() -> float:
    return time.process_time() - time.thread_time()


def test_cancelling_stops_a_runaway_query_within_50_ms(run: Run, one_reader: Database) -> None:
    async def main() -> float:
        return await _cancel_running(one_reader, raw(ENDLESS).on(one_reader).fetch_all)

    assert best_of(5, lambda: run(main)) < 0.05


def test_a_cancelled_query_leaves_no_thread_at_work(run: Run, one_reader: Database) -> None:
    async def main() -> None:
        await _cancel_running(one_reader, raw(ENDLESS).on(one_reader).fetch_all)

    def burnt() -> float:
        run(main)
        before = time.process_time()
        time.sleep(0.1)
        return time.process_time() - before

    assert best_of(5, burnt) < 0.05


def test_cancelling_an_asyncio_task_raises_its_own_error(one_reader: Database) -> None:
    async def main() -> None:
        task = asyncio.ensure_future(_await(raw(ENDLESS).on(one_reader).fetch_all))
        await asyncio.sleep(0.05)
        task.cancel("enough")
        with pytest.raises(asyncio.CancelledError):
            await task
        assert task.cancelled()
        with pytest.raises(builtins.TimeoutError):
            async with asyncio.timeout(0.05):
                await raw(ENDLESS).on(one_reader).fetch_all()
        with pytest.raises(builtins.TimeoutError):
            await asyncio.wait_for(_await(raw(ENDLESS).on(one_reader).fetch_all), 0.05)
        assert await one(one_reader) == 1

    asyncio.run(asyncio.wait_for(main(), 60))


def test_cancelling_again_while_it_stops_changes_nothing(one_reader: Database) -> None:
    async def main() -> None:
        task = asyncio.ensure_future(_await(raw(ENDLESS).on(one_reader).fetch_all))
        await asyncio.sleep(0.05)
        for _ in range(10):
            task.cancel()
            await asyncio.sleep(0)
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await one(one_reader) == 1

    asyncio.run(asyncio.wait_for(main(), 60))


def test_cancelling_before_the_first_step_runs_nothing(one_reader: Database) -> None:
    async def main() -> None:
        task = asyncio.ensure_future(_await(raw("insert into t values (1)").on(one_reader).execute))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert count(one_reader) == 0


def test_cancelling_while_waiting_for_a_connection_is_prompt(
    run: Run, one_reader: Database
) -> None:
    async def main() -> float:
        with raw("select 1 as n union all select 2").on(one_reader).stream(batch_rows=1) as stream:
            next(stream)  # holds the only connection
            with anyio.move_on_after(0.1) as scope:
                await one(one_reader)
            start = scope.deadline
            assert scope.cancelled_caught
            waited = anyio.current_time() - start
        assert await one(one_reader) == 1
        return waited

    assert best_of(3, lambda: run(main)) < 0.05


def occupy_threads(db: Database, group: Any) -> None:
    """An endless read and an endless write: max_readers=1 gives two threads."""
    group.start_soon(_await, raw(ENDLESS).on(db).fetch_all)
    group.start_soon(_await, raw(f"insert into t {ENDLESS_STEPS} select n from c").on(db).execute)


def test_cancelling_what_waits_behind_busy_threads_is_prompt(
    run: Run, one_reader: Database
) -> None:
    """With every thread at work, a request that has not begun ends at once when cancelled."""

    async def main() -> float:
        async with anyio.create_task_group() as group:
            occupy_threads(one_reader, group)
            await anyio.sleep(0.1)
            with anyio.move_on_after(0.1) as scope:
                await one(one_reader)
            waited = anyio.current_time() - scope.deadline
            assert scope.cancelled_caught
            group.cancel_scope.cancel()
        assert await one(one_reader) == 1
        return waited

    assert best_of(2, lambda: run(main)) < 0.05
    assert count(one_reader) == 0


def test_a_stream_goes_on_while_others_wait_for_its_connection(
    run: Run, one_reader: Database
) -> None:
    async def main() -> float:
        stream = raw("select 1 as n union all select 2").on(one_reader).stream(batch_rows=1)
        async with stream:
            await anext(stream)  # holds the only connection
            async with anyio.create_task_group() as group:
                for _ in range(5):  # more than there are threads
                    group.start_soon(_await, lambda: one(one_reader))
                await anyio.sleep(0.1)
                start = time.perf_counter()
                assert [batch[0].n async for batch in stream] == [2]
                stream.close()
                waited = time.perf_counter() - start
        return waited

    assert run(main) < 1.0


def test_a_cancelled_insert_is_rolled_back(run: Run, one_reader: Database) -> None:
    async def main() -> None:
        begun = threading.Event()

        def rows() -> Iterator[tuple[int]]:
            for number in itertools.count():
                if number == 5000:
                    begun.set()
                yield (number,)

        async with anyio.create_task_group() as group:
            group.start_soon(
                _await, lambda: one_reader.insert("t", rows(), columns=["n"], batch_rows=100)
            )
            while not begun.is_set():  # noqa: ASYNC110 (set by another thread)
                await anyio.sleep(0.002)
            group.cancel_scope.cancel()
        # Nothing is locked any more either.
        assert (await raw("insert into t values (1)").on(one_reader).execute()).rows_affected == 1

    run(main)
    assert count(one_reader) == 1


def test_a_cancelled_write_is_undone(run: Run, one_reader: Database) -> None:
    async def main() -> None:
        statement = f"insert into t {ENDLESS_STEPS} select n from c"
        with anyio.move_on_after(0.1) as scope:
            await raw(statement).on(one_reader).execute()
        assert scope.cancelled_caught

    run(main)
    assert count(one_reader) == 0


# -- Deadlines -------------------------------------------------------------------------------------


def endless_rows() -> Iterator[tuple[int]]:
    return ((number,) for number in itertools.count())


TIMED: dict[str, Callable[[Database, float], Any]] = {
    "fetch_all": lambda db, s: raw(ENDLESS).on(db).fetch_all(timeout=s),
    "fetch_one": lambda db, s: raw(ENDLESS).on(db).fetch_one(timeout=s),
    "fetch_value": lambda db, s: raw(ENDLESS).on(db).fetch_value(timeout=s),
    "fetch_arrow": lambda db, s: raw(ENDLESS).on(db).fetch_arrow(timeout=s),
    "execute": lambda db, s: (
        raw(f"insert into t {ENDLESS_STEPS} select n from c").on(db).execute(timeout=s)
    ),
    "insert": lambda db, s: db.insert("t", endless_rows(), columns=["n"], timeout=s),
}


@pytest.mark.parametrize("method", TIMED)
def test_a_timeout_ends_every_method(one_reader: Database, method: str) -> None:
    start = time.perf_counter()
    with pytest.raises(molt_sql.TimeoutError) as caught:
        TIMED[method](one_reader, 0.1).result()
    assert 0.09 < time.perf_counter() - start < 1.0
    assert isinstance(caught.value, builtins.TimeoutError)
    assert isinstance(caught.value, MoltError)
    assert count(one_reader) == 0


@pytest.mark.parametrize("method", TIMED)
def test_a_timeout_ends_every_awaited_method(run: Run, one_reader: Database, method: str) -> None:
    async def main() -> None:
        with pytest.raises(molt_sql.TimeoutError):
            await TIMED[method](one_reader, 0.1)
        assert await one(one_reader) == 1

    run(main)
    assert count(one_reader) == 0


def test_a_timeout_counts_for_the_whole_stream(one_reader: Database) -> None:
    query = raw(f"{ENDLESS_STEPS} select n from c").on(one_reader)
    start = time.perf_counter()
    with pytest.raises(molt_sql.TimeoutError), query.stream(batch_rows=10, timeout=0.2) as stream:
        for _ in stream:
            pass
    assert 0.19 < time.perf_counter() - start < 2.0
    assert count(one_reader) == 0


def test_result_takes_a_timeout_too_and_the_earlier_one_counts(one_reader: Database) -> None:
    start = time.perf_counter()
    with pytest.raises(molt_sql.TimeoutError):
        raw(ENDLESS).on(one_reader).fetch_all().result(timeout=0.05)
    with pytest.raises(molt_sql.TimeoutError):
        raw(ENDLESS).on(one_reader).fetch_all(timeout=0.05).result(timeout=50)
    with pytest.raises(molt_sql.TimeoutError):
        raw(ENDLESS).on(one_reader).fetch_all(timeout=50).result(timeout=0.05)
    assert time.perf_counter() - start < 2


def test_a_database_gives_requests_its_timeout(path: Path) -> None:
    with connect(f"sqlite:///{path}?mode=rwc", timeout=0.05) as db:
        with pytest.raises(molt_sql.TimeoutError):
            raw(ENDLESS).on(db).fetch_all().result()
        # A request's own timeout goes before it.
        steps = "with recursive c(n) as (select 1 union all select n + 1 from c where n < 2000000)"
        query = raw(f"{steps} select count(*) from c").on(db)
        assert query.fetch_value(timeout=60).result() == 2_000_000


@pytest.mark.parametrize("seconds", [0, -1, 1e-9])
def test_a_timeout_that_has_passed_runs_nothing(one_reader: Database, seconds: float) -> None:
    with pytest.raises(molt_sql.TimeoutError):
        raw("insert into t values (1)").on(one_reader).execute(timeout=seconds).result()
    with pytest.raises(molt_sql.TimeoutError):
        raw("delete from t").on(one_reader).explain(timeout=seconds).result()
    with pytest.raises(molt_sql.TimeoutError):
        one_reader.insert("t", [(1,)], timeout=seconds).result()
    assert count(one_reader) == 0


@pytest.mark.parametrize("seconds", [1e6, 1e12, float("inf")])
def test_a_huge_timeout_is_none(one_reader: Database, seconds: float) -> None:
    assert raw("select 1").on(one_reader).fetch_value(timeout=seconds).result() == 1


def test_a_timeout_must_be_a_number(one_reader: Database) -> None:
    with pytest.raises(InvalidQueryError, match="not a number"):
        raw("select 1").on(one_reader).fetch_value(timeout=float("nan")).result()
    with pytest.raises(TypeError):
        raw("select 1").on(one_reader).fetch_value(timeout="1")  # type: ignore[arg-type]


def test_a_timeout_counts_while_waiting_for_a_connection(one_reader: Database) -> None:
    with raw("select 1 as n union all select 2").on(one_reader).stream(batch_rows=1) as stream:
        next(stream)
        start = time.perf_counter()
        with pytest.raises(molt_sql.TimeoutError, match="free connection"):
            raw("select 1").on(one_reader).fetch_value(timeout=0.1).result()
        assert 0.09 < time.perf_counter() - start < 1.0
    assert one(one_reader).result() == 1


def test_a_timeout_counts_while_waiting_behind_busy_threads(run: Run, one_reader: Database) -> None:
    async def main() -> float:
        async with anyio.create_task_group() as group:
            occupy_threads(one_reader, group)
            await anyio.sleep(0.1)
            start = anyio.current_time()
            with anyio.fail_after(3), pytest.raises((molt_sql.TimeoutError, BusyError)):
                await raw("insert into t values (1)").on(one_reader).execute(timeout=0.1)
            waited = anyio.current_time() - start
            group.cancel_scope.cancel()
        return waited

    assert run(main) < 1.0
    assert count(one_reader) == 0


def test_a_timeout_counts_while_waiting_for_a_lock(one_reader: Database, path: Path) -> None:
    other = sqlite3.connect(path, isolation_level=None)
    try:
        other.execute("begin immediate")
        start = time.perf_counter()
        with pytest.raises(molt_sql.TimeoutError):
            raw("insert into t values (1)").on(one_reader).execute(timeout=0.1).result()
        assert 0.09 < time.perf_counter() - start < 1.0
    finally:
        other.close()
    raw("insert into t values (1)").on(one_reader).execute(timeout=10).result()
    assert count(one_reader) == 1


# -- Ctrl-C ----------------------------------------------------------------------------------------


def interrupted_after(seconds: float, work: Callable[[], object], *, wake: bool = False) -> float:
    """Presses Ctrl-C while `work` runs; the seconds from then until KeyboardInterrupt is out.
    The main thread is not woken from what it sleeps in, unless `wake`, as a terminal does."""
    pressed: list[float] = []

    def press() -> None:
        pressed.append(time.perf_counter())
        if wake:
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        else:
            signal.raise_signal(signal.SIGINT)

    timer = threading.Timer(seconds, press)
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        work()
    timer.join(10)
    return time.perf_counter() - pressed[0]


def test_ctrl_c_ends_a_runaway_query(one_reader: Database) -> None:
    def attempt() -> float:
        return interrupted_after(0.1, raw(ENDLESS).on(one_reader).fetch_all().result)

    assert best_of(3, attempt) < 0.1
    assert one(one_reader).result() == 1


def test_ctrl_c_ends_an_insert_and_undoes_it(one_reader: Database) -> None:
    pending = one_reader.insert("t", endless_rows(), columns=["n"])
    assert interrupted_after(0.1, pending.result) < 2
    assert count(one_reader) == 0


def test_ctrl_c_ends_a_stream_and_gives_its_connection_back(one_reader: Database) -> None:
    stream = raw(f"{ENDLESS_STEPS} select n from c where n < 0").on(one_reader).stream()
    assert interrupted_after(0.1, lambda: next(stream)) < 2
    assert one(one_reader).result() == 1


def test_ctrl_c_ends_the_wait_for_a_connection(one_reader: Database) -> None:
    with raw("select 1 as n union all select 2").on(one_reader).stream(batch_rows=1) as stream:
        next(stream)
        assert interrupted_after(0.1, one(one_reader).result) < 1
    assert one(one_reader).result() == 1


def test_ctrl_c_ends_the_wait_for_a_lock(one_reader: Database, path: Path) -> None:
    other = sqlite3.connect(path, isolation_level=None)
    try:
        other.execute("begin immediate")
        insert = raw("insert into t values (1)").on(one_reader).execute()
        assert interrupted_after(0.1, insert.result) < 1
    finally:
        other.close()
    assert count(one_reader) == 0


def test_a_signal_whose_handler_returns_does_not_end_a_query(one_reader: Database) -> None:
    seen: list[int] = []
    before = signal.signal(signal.SIGUSR1, lambda number, _: seen.append(number))
    timers = [
        threading.Timer(0.05 * i, signal.raise_signal, (signal.SIGUSR1,)) for i in range(1, 4)
    ]
    try:
        for timer in timers:
            timer.start()
        with pytest.raises(molt_sql.TimeoutError):
            raw(ENDLESS).on(one_reader).fetch_all(timeout=0.5).result()
    finally:
        for timer in timers:
            timer.join(10)
        signal.signal(signal.SIGUSR1, before)
    assert seen


def test_ctrl_c_under_asyncio_ends_the_query(one_reader: Database) -> None:
    async def main() -> None:
        await raw(ENDLESS).on(one_reader).fetch_all()

    assert interrupted_after(0.2, lambda: asyncio.run(main()), wake=True) < 2
    assert one(one_reader).result() == 1


# -- Threads ---------------------------------------------------------------------------------------


CLOSING = """
import faulthandler, sys, threading, time
from molt_sql import connect, raw
faulthandler.dump_traceback_later(30, exit=True)
db = connect(f"sqlite:///{sys.argv[1]}?mode=rwc", max_readers=1)
rows = raw("select 1 as n union all select 2").on(db)
stop = threading.Event()
failures = []

def open_and_close():
    while not stop.is_set():
        try:
            with rows.stream(batch_rows=1) as stream:
                next(stream)
        except BaseException as error:
            failures.append(error)
            return

threads = [threading.Thread(target=open_and_close, daemon=True) for _ in range(3)]
for thread in threads:
    thread.start()
deadline = time.monotonic() + 3
while time.monotonic() < deadline:
    assert raw("select 1").on(db).fetch_value().result() == 1
stop.set()
for thread in threads:
    thread.join(10)
assert not any(thread.is_alive() for thread in threads)
assert failures == []
print("done")
"""


def test_threads_that_close_streams_never_block_the_main_thread(path: Path) -> None:
    """The pool's lock and the interpreter's are taken in one order. In a process of its own, since
    a deadlock cannot be left."""
    done = subprocess.run(
        [sys.executable, "-c", CLOSING, str(path)], capture_output=True, text=True, timeout=90
    )
    assert done.stdout == "done\n", done.stderr
