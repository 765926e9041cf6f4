"""Workers that die or stop in the midst of work: each call ends, and service comes back."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import molt_sql
from client.tools import (
    ENDLESS,
    SocketWorker,
    awaited,
    eventually,
    is_alive,
    kill,
    until_gone,
    value,
    when_written,
)
from molt_sql import (
    Database,
    DatabaseError,
    WorkerUnavailableError,
    connect,
    raw,
)
from molt_sql._molt import _worker_process as process_of
from servers.processes import wait_until


def count(path: Path, sql: str = "select count(*) from t") -> int:
    connection = sqlite3.connect(path)
    try:
        return int(connection.execute(sql).fetchone()[0])
    finally:
        connection.close()


# -- A worker that dies -----------------------------------------------------------------------------


def test_an_own_worker_that_was_killed_is_started_anew(own: Database) -> None:
    for _ in range(3):
        before = process_of(own)
        kill(before)
        until_gone(before)
        assert value(own, "select count(*) from t") == 100
        assert process_of(own) not in (before, -1)
        eventually(lambda: value(own, "select 1"))


@pytest.mark.parametrize("how", ["await", "result"])
def test_a_read_in_flight_is_sent_once_more(own: Database, how: str) -> None:
    slow = (
        "with recursive c(n) as (select 1 union all select n + 1 from c where n < 3000000)"
        " select count(*) from c"
    )
    before = process_of(own)
    killer = threading.Timer(0.1, kill, [before])
    killer.start()
    pending = raw(slow).on(own).fetch_value(timeout=30)
    found = asyncio.run(awaited(pending)) if how == "await" else pending.result()
    killer.join()
    assert found == 3_000_000
    until_gone(before)


def test_a_read_whose_worker_dies_again_and_again_is_an_error_in_time(own: Database) -> None:
    stop = threading.Event()

    def murder() -> None:
        while not stop.is_set():
            if (worker := process_of(own)) > 0 and is_alive(worker):
                kill(worker)
            stop.wait(0.01)

    murderer = threading.Thread(target=murder)
    murderer.start()
    try:
        with pytest.raises(WorkerUnavailableError):
            value(own, ENDLESS, timeout=20)
    finally:
        stop.set()
        murderer.join()
    assert eventually(lambda: value(own, "select 1")) == 1


def test_reads_under_load_survive_a_kill(own: Database) -> None:
    """A read ends with its answer, sent twice if it must be, or says that the worker is not there."""
    stop = threading.Event()
    ends: Counter[str] = Counter()
    wrong: list[object] = []

    def ask(start: int) -> None:
        n = start
        while not stop.is_set():
            n += 1
            try:
                found = raw("select {n} + 0", n=n).on(own).fetch_value(timeout=20).result()
                ends["right"] += 1
                if found != n:
                    wrong.append((n, found))
            except WorkerUnavailableError:
                ends["unavailable"] += 1
            except BaseException as error:
                wrong.append(error)

    threads = [threading.Thread(target=ask, args=(n * 1_000_000,)) for n in range(8)]
    for thread in threads:
        thread.start()
    killed = 0
    for _ in range(4):
        before, so_far = process_of(own), ends["right"]
        if before > 0:
            kill(before)
            killed += 1
            until_gone(before)
        wait_until(lambda so_far=so_far: ends["right"] > so_far + 100, 20)
    stop.set()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert killed >= 3


async def test_tasks_under_load_survive_a_kill(own: Database) -> None:
    async def ask(n: int) -> bool:
        try:
            return bool(await raw("select {n} + 0", n=n).on(own).fetch_value(timeout=20) == n)
        except WorkerUnavailableError:
            return True

    before = process_of(own)
    tasks = [asyncio.create_task(ask(n)) for n in range(500)]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    kill(before)
    assert all(await asyncio.gather(*tasks))
    assert await asyncio.to_thread(eventually, lambda: value(own, "select 1")) == 1


def test_a_write_in_flight_is_not_known_and_done_once_at_most(own: Database, path: Path) -> None:
    slow = (
        "insert into t with recursive c(n) as (select 1000 union all select n + 1 from c"
        " where n < 30000000) select n, 'x' from c"
    )
    before = process_of(own)
    killer = threading.Thread(target=lambda: (when_written(path), kill(before)))
    killer.start()
    with pytest.raises(DatabaseError, match="not known") as caught:
        raw(slow).on(own).execute(timeout=30).result()
    killer.join()
    assert caught.value.code == "08007"
    assert value(own, "select count(*) from t") == 100
    assert count(path) == 100


def test_writes_under_load_are_done_once_at_most(own: Database, path: Path) -> None:
    raw("create table once (n integer)").on(own).execute().result()
    stop = threading.Event()
    done: list[int] = []
    unknown: list[int] = []
    not_done: list[int] = []
    wrong: list[BaseException] = []

    def write(start: int) -> None:
        n = start
        while not stop.is_set():
            n += 1
            try:
                raw("insert into once values ({n})", n=n).on(own).execute(timeout=20).result()
                done.append(n)
            except WorkerUnavailableError:
                not_done.append(n)
            except DatabaseError as error:
                if error.code == "08007":
                    unknown.append(n)
                else:
                    wrong.append(error)
            except BaseException as error:
                wrong.append(error)

    threads = [threading.Thread(target=write, args=(n * 1_000_000,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for _ in range(5):
        so_far, before = len(done), process_of(own)
        wait_until(lambda so_far=so_far: len(done) > so_far + 20, 20)
        if before > 0:
            kill(before)
            until_gone(before)
    so_far = len(done)
    wait_until(lambda: len(done) > so_far + 20, 20)
    stop.set()
    for thread in threads:
        thread.join()
    assert wrong == []
    connection = sqlite3.connect(path)
    rows = Counter(n for (n,) in connection.execute("select n from once"))
    connection.close()
    assert max(rows.values()) == 1
    assert set(done) <= rows.keys()
    assert rows.keys() <= set(done) | set(unknown)
    assert not rows.keys() & set(not_done)


def test_a_stream_whose_worker_dies_is_an_error(own: Database) -> None:
    numbers = (
        "with recursive c(n) as (select 1 union all select n + 1 from c) select n,"
        " hex(zeroblob(500)) from c"
    )
    with raw(numbers).on(own).stream(batch_rows=1000) as stream:
        next(stream)
        kill(process_of(own))
        with pytest.raises(WorkerUnavailableError):
            for _ in stream:
                pass
    assert value(own, "select 1") == 1


# -- A worker that is stopped -----------------------------------------------------------------------


@pytest.fixture
def stopped(worker: SocketWorker) -> Iterator[SocketWorker]:
    """Continued at the end, or when the test sends SIGCONT itself."""
    yield worker
    os.kill(worker.pid, signal.SIGCONT)


@pytest.mark.parametrize("how", ["await", "result"])
def test_a_deadline_holds_though_the_worker_is_stopped(stopped: SocketWorker, how: str) -> None:
    with connect(stopped.url()) as db:
        os.kill(stopped.pid, signal.SIGSTOP)
        pending = raw("select 1").on(db).fetch_value(timeout=0.3)
        with pytest.raises(molt_sql.TimeoutError):
            asyncio.run(awaited(pending)) if how == "await" else pending.result()
        os.kill(stopped.pid, signal.SIGCONT)
        assert value(db, "select count(*) from t") == 100


def test_a_write_is_not_known_when_the_worker_is_stopped(stopped: SocketWorker) -> None:
    with connect(stopped.url()) as db:
        os.kill(stopped.pid, signal.SIGSTOP)
        with pytest.raises(DatabaseError, match="not known") as caught:
            raw("insert into t values (1000, 'x')").on(db).execute(timeout=0.3).result()
        assert caught.value.code == "08007"
        os.kill(stopped.pid, signal.SIGCONT)
        assert value(db, "select count(*) from t where n >= 1000") in (0, 1)


async def test_cancelling_holds_though_the_worker_is_stopped(stopped: SocketWorker) -> None:
    with connect(stopped.url()) as db:
        os.kill(stopped.pid, signal.SIGSTOP)
        tasks = [
            asyncio.create_task(awaited(raw("select 1").on(db).fetch_value())) for _ in range(9)
        ]
        await asyncio.wait(tasks, timeout=0.05)  # they are sent, and wait
        for task in tasks:
            task.cancel()
        _, waiting = await asyncio.wait(tasks, timeout=10)
        assert waiting == set()
        os.kill(stopped.pid, signal.SIGCONT)
        assert await raw("select count(*) from t").on(db).fetch_value() == 100


def test_more_than_a_socket_takes_is_sent_when_it_can_be(stopped: SocketWorker) -> None:
    """What is sent to a worker that does not read waits, and blocks nobody."""
    text = "x" * (1 << 20)
    with connect(stopped.url()) as db:
        os.kill(stopped.pid, signal.SIGSTOP)
        with ThreadPoolExecutor(8) as threads:
            sizes = [
                threads.submit(
                    raw("select length({t})", t=text).on(db).fetch_value(timeout=30).result
                )
                for _ in range(8)
            ]
            with pytest.raises(molt_sql.TimeoutError):
                value(db, "select 1", timeout=0.2)
            os.kill(stopped.pid, signal.SIGCONT)
            assert [size.result() for size in sizes] == [1 << 20] * 8
