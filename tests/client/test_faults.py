"""Workers that die, stop, are not there, or never start: each call ends, and service comes back."""

# Long because: each fault is a test, and they share what they look at.

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import stat
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import molt_worker
from client.tools import ENDLESS, SocketWorker, eventually, is_alive, kill, until_gone, value
from molt_sql import (
    Database,
    DatabaseError,
    MoltError,
    TimeoutError,
    WorkerUnavailableError,
    connect,
    raw,
)
from molt_sql._molt import _worker_process as process_of
from servers.processes import wait_until
from servers.worker import worker_binary


async def awaited(pending: Any) -> Any:
    return await pending


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
    await asyncio.sleep(0.005)
    kill(before)
    assert all(await asyncio.gather(*tasks))
    assert await asyncio.to_thread(eventually, lambda: value(own, "select 1")) == 1


def test_a_write_in_flight_is_not_known_and_done_once_at_most(own: Database, path: Path) -> None:
    slow = (
        "insert into t with recursive c(n) as (select 1000 union all select n + 1 from c"
        " where n < 30000000) select n, 'x' from c"
    )
    before = process_of(own)
    killer = threading.Timer(0.3, kill, [before])
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
        began = time.monotonic()
        pending = raw("select 1").on(db).fetch_value(timeout=0.3)
        with pytest.raises(TimeoutError):
            asyncio.run(awaited(pending)) if how == "await" else pending.result()
        assert 0.3 <= time.monotonic() - began < 10
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
        await asyncio.sleep(0.05)
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
            with pytest.raises(TimeoutError):
                value(db, "select 1", timeout=0.2)
            os.kill(stopped.pid, signal.SIGCONT)
            assert [size.result() for size in sizes] == [1 << 20] * 8


# -- A worker that is not there -----------------------------------------------------------------------


def test_no_worker_at_a_socket_is_said_at_once_and_one_that_starts_is_found(url: str) -> None:
    with SocketWorker({"default": url}, start=False) as worker:
        for _ in range(2):
            with pytest.raises(
                WorkerUnavailableError, match=r"molt-worker --socket .*worker\.sock"
            ):
                connect(worker.url())
        worker.start()
        with connect(worker.url()) as db:
            assert value(db, "select count(*) from t") == 100


def test_a_worker_that_is_restarted_is_found_again(worker: SocketWorker) -> None:
    with connect(worker.url()) as db, molt_worker.connect(worker.url(None)) as client:
        for how in (signal.SIGKILL, signal.SIGTERM):
            worker.stop(how)
            with pytest.raises(WorkerUnavailableError):
                value(db, "select 1")
            with pytest.raises(WorkerUnavailableError):
                client.call("health").result()
            worker.start()
            assert value(db, "select count(*) from t") == 100
            assert client.call("health").result()["ok"]


async def test_awaited_requests_end_when_the_worker_at_a_socket_dies(worker: SocketWorker) -> None:
    with connect(worker.url()) as db:
        tasks = [asyncio.create_task(awaited(raw(ENDLESS).on(db).fetch_all())) for _ in range(50)]
        await asyncio.sleep(0.05)
        worker.stop()
        _, waiting = await asyncio.wait(tasks, timeout=20)
        assert waiting == set()
        assert all(isinstance(task.exception(), WorkerUnavailableError) for task in tasks)


def test_a_file_that_is_no_socket_is_no_worker(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(WorkerUnavailableError):
        connect(f"molt+unix://{tmp_path}/file?alias=default")
    with pytest.raises(MoltError, match="bytes"):
        connect(f"molt+unix://{tmp_path}/{'x' * 200}?alias=default")


# -- A worker that does not start ---------------------------------------------------------------------


class Program:
    """In the worker's place: notes each start, and does as it is told; at first, what a worker does."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "program"
        self._notes = folder / "starts"
        self._worker = worker_binary()
        self.work()

    def work(self) -> None:
        self.do(f'exec "{self._worker}" "$@"')

    def do(self, then: str) -> None:
        new = self.path.with_suffix(".new")
        new.write_text(f'#!/bin/sh\necho started >> "{self._notes}"\n{then}\n')
        new.chmod(new.stat().st_mode | stat.S_IXUSR)
        new.rename(self.path)

    @property
    def starts(self) -> int:
        return self._notes.read_text().count("started")


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Program:
    made = Program(tmp_path)
    monkeypatch.setenv("MOLT_WORKER_BINARY", str(made.path))
    return made


def test_a_program_that_ends_at_once_is_said_with_its_exit_code(program: Program, url: str) -> None:
    program.do("exit 3")
    with pytest.raises(WorkerUnavailableError, match="exit code 3"):
        connect("molt+stdio:" + url)
    assert program.starts <= 2


def test_a_program_that_ends_by_a_signal_is_said_with_it(program: Program, url: str) -> None:
    program.do("kill -SEGV $$")
    with pytest.raises(WorkerUnavailableError, match="signal 11"):
        connect("molt+stdio:" + url)


def test_a_program_that_is_not_there_is_named(
    monkeypatch: pytest.MonkeyPatch, url: str, tmp_path: Path
) -> None:
    monkeypatch.setenv("MOLT_WORKER_BINARY", str(tmp_path / "no-such-program"))
    with pytest.raises(WorkerUnavailableError, match=r"no-such-program.*No such file"):
        connect("molt+stdio:" + url)


def test_a_worker_that_does_not_start_again_is_not_started_all_the_time(
    program: Program, url: str
) -> None:
    with connect("molt+stdio:" + url) as db:
        assert program.starts == 1
        program.do("exit 3")
        kill(process_of(db))
        failed = 0
        until = time.monotonic() + 1.5
        while time.monotonic() < until:
            with pytest.raises(WorkerUnavailableError):
                value(db, "select 1")
            failed += 1
        assert failed > 20
        assert 2 <= program.starts <= 14
        program.work()
        assert eventually(lambda: value(db, "select count(*) from t")) == 100


def test_a_program_that_never_answers_ends_at_the_connect_timeout(
    program: Program, url: str
) -> None:
    program.do("exec sleep 60")
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        connect("molt+stdio:" + url, connect_timeout=0.5)
    assert time.monotonic() - began < 20


def test_a_database_that_cannot_be_opened_is_said_by_its_worker(tmp_path: Path) -> None:
    with pytest.raises(MoltError):
        connect(f"molt+stdio:sqlite:///{tmp_path}/no/such/folder/x.db")


def test_an_endless_number_of_databases_leaves_no_process(url: str) -> None:
    for _ in range(15):
        db = connect("molt+stdio:" + url)
        worker = process_of(db)
        assert value(db, "select 1") == 1
        db.close()
        until_gone(worker)
