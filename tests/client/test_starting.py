"""Workers that are not there, were restarted, or do not start: said clearly, tried again with pauses."""

from __future__ import annotations

import asyncio
import signal
import stat
import time
from pathlib import Path

import pytest

import molt_sql
import molt_worker
from client.tools import (
    ENDLESS,
    SocketWorker,
    awaited,
    eventually,
    kill,
    queued,
    until_gone,
    value,
)
from molt_sql import MoltError, WorkerUnavailableError, connect, raw
from molt_sql._molt import _worker_process as process_of
from servers.processes import wait_until
from servers.worker import worker_binary

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
        with molt_worker.connect(worker.url(None)) as client:
            await asyncio.to_thread(wait_until, lambda: queued(client) >= 40)
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
    with pytest.raises(molt_sql.TimeoutError):
        connect("molt+stdio:" + url, connect_timeout=0.5)


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
