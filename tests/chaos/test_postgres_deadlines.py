"""Wherever a request is, its deadline, a cancelled task or Ctrl-C ends it: soon, wholly, alone."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest

import molt_sql
from chaos.stages import CONNECTIONS, STAGES, SYNC, Scene, T, scene, until_reached
from chaos.tools import (
    AT_ONCE_S,
    Watcher,
    assert_serves,
    awaited,
    echo,
    lasts,
    opened,
    right,
    run,
    sleep,
    start,
    until,
    until_async,
)
from molt_sql import Database, raw
from servers.fault_proxy import FaultProxy
from servers.fixtures import PostgresDatabase

TIMEOUT_S = 0.25
# A write waits for the server to say whether it was done.
SETTLED_WITHIN_S = 2 + AT_ONCE_S
IDLE_BEFORE_INTERRUPT_S = 0.1


@pytest.fixture
def through_url(pg_database: PostgresDatabase, pg_proxy: FaultProxy) -> str:
    return pg_database.url(tls="disable", **pg_proxy.address)


def set_scene(
    name: str,
    url: str,
    pg_database: PostgresDatabase,
    watcher: Watcher,
    pg_proxy: FaultProxy,
    **options: Any,
) -> Iterator[Scene]:
    with (
        opened(url, max_connections=CONNECTIONS, **options) as db,
        scene(name, pg_database, db, watcher, pg_proxy) as made,
    ):
        yield made


@pytest.fixture
def stage(
    request: pytest.FixtureRequest,
    through_url: str,
    pg_database: PostgresDatabase,
    watcher: Watcher,
    pg_proxy: FaultProxy,
) -> Iterator[Scene]:
    """Set by the parameter, a name of STAGES."""
    # Only what the database's own timeout ends has one.
    options = {"timeout": TIMEOUT_S} if request.param == "committing" else {}
    yield from set_scene(request.param, through_url, pg_database, watcher, pg_proxy, **options)


@pytest.fixture
def patient(
    request: pytest.FixtureRequest,
    through_url: str,
    pg_database: PostgresDatabase,
    watcher: Watcher,
    pg_proxy: FaultProxy,
) -> Iterator[Scene]:
    """The same without any timeout."""
    yield from set_scene(request.param, through_url, pg_database, watcher, pg_proxy)


def assert_whole(scene: Scene) -> None:
    """The server has stopped though what it waited for is still there; nothing was written."""
    until(lambda: not scene.active(), what="the server has stopped")
    scene.over()
    scene.assert_nothing_written()
    assert_serves(scene.db, CONNECTIONS)


def in_time() -> AbstractContextManager[None]:
    return lasts(TIMEOUT_S * 0.9, TIMEOUT_S + SETTLED_WITHIN_S)


@pytest.mark.parametrize("stage", STAGES, indirect=True)
def test_a_deadline_of_an_awaited_request(stage: Scene) -> None:
    async def main() -> None:
        with in_time(), pytest.raises(molt_sql.TimeoutError):
            await stage.start(TIMEOUT_S)

    run(main)
    assert_whole(stage)


@pytest.mark.parametrize("stage", SYNC, indirect=True)
def test_a_deadline_of_a_blocking_request(stage: Scene) -> None:
    assert stage.pending is not None
    with in_time(), pytest.raises(molt_sql.TimeoutError):
        stage.pending(TIMEOUT_S).result()
    assert_whole(stage)


@pytest.mark.parametrize("patient", STAGES, indirect=True)
def test_a_task_that_is_cancelled(patient: Scene) -> None:
    async def main() -> None:
        task = asyncio.ensure_future(patient.start(None))
        await until_async(lambda: patient.active() or not patient.in_server)
        await asyncio.sleep(0.05)
        assert not task.done()
        task.cancel()
        with lasts(0, SETTLED_WITHIN_S), pytest.raises(asyncio.CancelledError):
            await task

    run(main)
    assert_whole(patient)


@pytest.fixture
def interruptible() -> Iterator[Callable[[Callable[[], object]], None]]:
    """`interruptible(condition)` sends Ctrl-C to this thread soon after it holds."""
    threads: list[threading.Thread] = []

    def after(condition: Callable[[], object]) -> None:
        def wait() -> None:
            condition()
            time.sleep(IDLE_BEFORE_INTERRUPT_S)
            os.kill(os.getpid(), signal.SIGINT)

        threads.append(threading.Thread(target=wait))
        threads[-1].start()

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield after
    for thread in threads:
        thread.join()
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("patient", SYNC, indirect=True)
def test_ctrl_c_in_a_blocking_request(
    patient: Scene, interruptible: Callable[[Callable[[], object]], None]
) -> None:
    assert patient.pending is not None
    pending = patient.pending(None)
    interruptible(lambda: until_reached(patient))
    with lasts(0, IDLE_BEFORE_INTERRUPT_S + SETTLED_WITHIN_S), pytest.raises(KeyboardInterrupt):
        pending.result()
    assert_whole(patient)


# -- More than one deadline ------------------------------------------------------------------------


def test_waiters_of_different_patience_are_each_answered_in_time(pg: Database) -> None:
    async def waiter(timeout: float) -> float:  # noqa: ASYNC109
        began = time.monotonic()
        with pytest.raises(molt_sql.TimeoutError, match="free connection"):
            await echo(pg, 1).fetch_all(timeout=timeout)
        return time.monotonic() - began - timeout

    async def main() -> list[float]:
        async with pg.transaction(), pg.transaction(), pg.transaction():
            return await asyncio.gather(*[waiter(0.02 * (n % 10 + 1)) for n in range(60)])

    late = run(main)
    assert min(late) > -0.01
    assert max(late) < AT_ONCE_S
    assert_serves(pg, CONNECTIONS)


def test_an_insert_that_waits_for_a_connection_leaves_its_loop_alone(
    pg: Database, watcher: Watcher
) -> None:
    watcher.run(f"create table {T} (n int); alter table {T} owner to molt")
    try:

        async def main() -> None:
            async with pg.transaction(), pg.transaction(), pg.transaction():
                task = start(pg.insert(T, [(1,)], timeout=0.3))
                worst = 0.0
                while not task.done():
                    began = time.monotonic()
                    await asyncio.sleep(0.01)
                    worst = max(worst, time.monotonic() - began)
                with pytest.raises(molt_sql.TimeoutError):
                    await task
                assert worst < 0.2
                task = start(pg.insert(T, [(1,)]))
                await asyncio.sleep(0.05)
            assert await task == 1

        run(main)
        assert_serves(pg, CONNECTIONS)
    finally:
        watcher.run(f"drop table {T}")


def test_a_stream_that_nobody_reads_ends_at_its_deadline(pg: Database, watcher: Watcher) -> None:
    rows = raw("select generate_series(1, 100000000) as n").on(pg)
    with rows.stream(batch_rows=10, timeout=0.3) as stream:
        assert len(next(stream)) == 10
        time.sleep(0.4)
        with pytest.raises(molt_sql.TimeoutError):
            for _ in stream:
                pass
    watcher.until_idle()
    assert_serves(pg, CONNECTIONS)


def test_a_source_of_rows_that_is_slow(pg: Database, watcher: Watcher) -> None:
    """The deadline is looked at between the batches; nothing stays of those that were sent."""
    watcher.run(f"create table {T} (n int); alter table {T} owner to molt")
    taken = 0

    def source() -> Iterator[tuple[int]]:
        nonlocal taken
        for taken in range(10_000):
            time.sleep(0.002)
            yield (taken,)

    try:
        with lasts(0.3, 0.3 + SETTLED_WITHIN_S), pytest.raises(molt_sql.TimeoutError):
            pg.insert(T, source(), batch_rows=20, timeout=0.3).result()
        assert taken < 5_000
        watcher.until_idle()
        assert watcher.value(f"select count(*) from {T}") == 0
        assert_serves(pg, CONNECTIONS)
    finally:
        watcher.run(f"drop table {T}")


def test_a_query_past_its_deadline_is_gone_from_the_server(pg: Database, watcher: Watcher) -> None:
    """Within 10 ms on a quiet machine, see benchmarks/pg_deadline.py; here only soon."""

    async def main() -> None:
        tasks = [start(sleep(pg).fetch_all(timeout=0.1)) for _ in range(CONNECTIONS)]
        await until_async(lambda: len(watcher.busy()) == CONNECTIONS)
        for error in await asyncio.gather(*tasks, return_exceptions=True):
            assert isinstance(error, molt_sql.TimeoutError), error
        await until_async(lambda: not watcher.busy(), 1)

    for _ in range(5):
        run(main)
    assert_serves(pg, CONNECTIONS)


def test_deadlines_in_a_row_do_not_use_up_the_pool(pg: Database) -> None:
    """Each waits for a connection that is being recovered from the one before."""

    async def main() -> None:
        for n in range(40):
            asked = [awaited(sleep(pg).fetch_all(timeout=0.005)) for _ in range(2 * CONNECTIONS)]
            for error in await asyncio.gather(*asked, return_exceptions=True):
                assert isinstance(error, molt_sql.TimeoutError), error
            assert right(await echo(pg, n).fetch_one(timeout=5), n)

    run(main)
    assert_serves(pg, CONNECTIONS)
