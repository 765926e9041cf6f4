"""Workers that go away, do not answer, or are not there; impostors; forks."""

import asyncio
import os
import signal
import socket
import sqlite3
import stat
import struct
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import msgpack
import pytest

import molt_sql
from client.conftest import is_alive, worker_of
from client.tools import endless
from molt_sql import (
    Database,
    DatabaseError,
    MoltError,
    ProtocolError,
    WorkerUnavailableError,
    connect,
    raw,
)
from servers.processes import wait_until
from servers.worker import Worker

# Works for a while, then writes once.
SLOW_WRITE = (
    "insert into t (name) select 'slow' || max(i) from"
    " (with recursive c(i) as (select 1 union all select i + 1 from c where i < {n}) select i from c)"
)


def rows_of(path: Path) -> int:
    connection = sqlite3.connect(path)
    try:
        return int(connection.execute("select count(*) from t").fetchone()[0])
    finally:
        connection.close()


def test_a_worker_that_stands_still_does_not_hold_its_caller(remote: Database) -> None:
    process = worker_of(remote)
    os.kill(process, signal.SIGSTOP)
    try:
        with pytest.raises(molt_sql.TimeoutError):
            raw("select 1").on(remote).fetch_all(timeout=0.1).result()
    finally:
        os.kill(process, signal.SIGCONT)
    assert raw("select 1").on(remote).fetch_value().result() == 1


def test_reads_go_on_when_the_worker_is_killed(remote: Database) -> None:
    first = worker_of(remote)
    os.kill(first, signal.SIGKILL)
    assert raw("select 7").on(remote).fetch_value().result() == 7
    assert worker_of(remote) != first


async def test_calls_under_way_end_when_the_worker_is_killed(remote: Database) -> None:
    tasks = [asyncio.ensure_future(endless(remote)) for _ in range(8)]
    await asyncio.sleep(0)
    # What is sent once more goes to a worker that is killed as well.
    for _ in range(2):
        await asyncio.to_thread(wait_until, lambda: is_alive(worker_of(remote)), 20)
        os.kill(worker_of(remote), signal.SIGKILL)
        await asyncio.sleep(0.2)
    for task in tasks:
        task.cancel()
    ends = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(end, WorkerUnavailableError | asyncio.CancelledError) for end in ends)
    assert await raw("select 1").on(remote).fetch_value() == 1


def test_a_write_that_is_lost_is_not_done_twice(path: Path) -> None:
    with connect(f"molt+stdio:sqlite:///{path}?mode=rw") as remote:
        before = rows_of(path)
        ends: list[BaseException | None] = []

        def write() -> None:
            try:
                remote.execute(raw(SLOW_WRITE, n=30_000_000)).result()
                ends.append(None)
            except MoltError as error:
                ends.append(error)

        process = worker_of(remote)
        thread = threading.Thread(target=write)
        thread.start()
        wait_until(lambda: _is_busy(process), 20)
        os.kill(process, signal.SIGKILL)
        thread.join()
        (end,) = ends
        assert isinstance(end, DatabaseError)
        assert end.code == "08007"
        assert "not known" in str(end)
        assert rows_of(path) == before  # killed before it was done, and not sent again
        # What comes after a loss that is known by now is sent, once.
        remote.execute(raw("insert into t (name) values ('after')")).result()
        assert rows_of(path) == before + 1


def _is_busy(process: int) -> bool:
    """It has used a tenth of a second of the processor by now."""
    fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    return int(fields[11]) + int(fields[12]) > os.sysconf("SC_CLK_TCK") / 10


def test_a_socket_without_a_worker_and_one_that_comes(tmp_path: Path, path: Path) -> None:
    where = tmp_path / "w.sock"
    with pytest.raises(WorkerUnavailableError, match="molt-worker --socket"):
        connect(f"molt+unix://{where}")
    env = {"MOLT_DB_SQLITE_PATH": path}
    with Worker("--socket", where, env=env) as worker:
        worker.connect(where).close()
        database = connect(f"molt+unix://{where}")
        assert raw("select count(*) from t").on(database).fetch_value().result() == 100
        worker.signal(signal.SIGKILL)
        worker.wait()
    with pytest.raises(WorkerUnavailableError):
        raw("select 1").on(database).fetch_value().result()
    with Worker("--socket", where, env=env) as worker:
        worker.connect(where).close()
        assert raw("select count(*) from t").on(database).fetch_value().result() == 100
    database.close()


def test_an_alias_that_is_not_there_names_those_that_are(tmp_path: Path, path: Path) -> None:
    where = tmp_path / "w.sock"
    with Worker("--socket", where, env={"MOLT_DB_SQLITE_PATH": path}) as worker:
        worker.connect(where).close()
        with pytest.raises(MoltError, match='"reports"; there is default'):
            connect(f"molt+unix://{where}?alias=reports")


def _program(folder: Path, script: str) -> str:
    program = folder / "worker"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return str(program)


def test_a_program_that_ends_at_once_is_not_started_in_a_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: Path
) -> None:
    starts = tmp_path / "starts"
    monkeypatch.setenv("MOLT_WORKER_BINARY", _program(tmp_path, f"echo >> {starts}; exit 3"))
    with pytest.raises(WorkerUnavailableError, match=r"exit code 3|closed the connection"):
        connect(f"molt+stdio:sqlite:///{path}")
    assert 1 <= len(starts.read_text()) <= 2


def test_a_program_that_is_not_there_is_named(
    monkeypatch: pytest.MonkeyPatch, path: Path, tmp_path: Path
) -> None:
    monkeypatch.setenv("MOLT_WORKER_BINARY", str(tmp_path / "nothing"))
    with pytest.raises(WorkerUnavailableError, match=r"cannot be started.*nothing"):
        connect(f"molt+stdio:sqlite:///{path}")


class Impostor(threading.Thread):
    """Answers every connection at a socket with the same bytes, then closes it."""

    def __init__(self, path: Path, answer: bytes) -> None:
        super().__init__(daemon=True)
        self._answer = answer
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        self.start()

    def run(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            with client:
                client.recv(65536)
                client.sendall(self._answer)

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.join()


def _frame(body: Any) -> bytes:
    packed = body if isinstance(body, bytes) else msgpack.packb(body)
    return struct.pack("<I", len(packed)) + packed


REPLY = {"request_id": 1, "status": "Ok", "codec": "msgpack", "metrics": {}, "entry": "__hello__"}


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"\xff\xff\xff\xff",
        _frame(b"\xc1"),
        _frame([1, 2]),
        _frame({"request_id": 1}),
        _frame({**REPLY, "status": "Fine"}),
        _frame({**REPLY, "payload": b"\x01"}),
        _frame({**REPLY, "payload": msgpack.packb({"aliases": {"default": "oracle"}})}),
        _frame(REPLY)[:20],
        b"",
    ],
    ids=lambda answer: answer[:12].hex() or "nothing",
)
def test_what_is_no_worker_is_told(tmp_path: Path, answer: bytes) -> None:
    where = tmp_path / "i.sock"
    impostor = Impostor(where, answer)
    try:
        with pytest.raises((ProtocolError, WorkerUnavailableError)):
            connect(f"molt+unix://{where}", connect_timeout=5)
    finally:
        impostor.close()


def test_a_result_that_is_none_is_told(tmp_path: Path) -> None:
    where = tmp_path / "i.sock"
    hello = _frame({**REPLY, "payload": msgpack.packb({"aliases": {"default": "sqlite"}})})
    wrong = _frame(
        {**REPLY, "request_id": 2, "codec": "raw", "payload": b"MOLTCOL\x01\xff\xff\xff"}
    )
    impostor = Impostor(where, hello + wrong)
    try:
        database = connect(f"molt+unix://{where}", connect_timeout=5)
        with pytest.raises((ProtocolError, WorkerUnavailableError)):
            raw("select 1").on(database).fetch_all(timeout=5).result()
        database.close()
    finally:
        impostor.close()


def test_a_forked_child_has_a_worker_of_its_own(remote: Database) -> None:
    ours = worker_of(remote)
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            value = raw("select 5").on(remote).fetch_value().result()
            os.write(write, f"{value} {worker_of(remote)}".encode())
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        value, theirs = pipe.read().split()
    os.waitpid(child, 0)
    assert value == "5"
    assert int(theirs) != ours
    wait_until(lambda: not is_alive(int(theirs)), 20)
    assert raw("select 6").on(remote).fetch_value().result() == 6
    assert worker_of(remote) == ours


def test_a_forked_child_does_not_keep_its_parents_worker_alive(path: Path) -> None:
    read, hold = os.pipe()
    database = connect(f"molt+stdio:sqlite:///{path}")
    process = worker_of(database)
    child = os.fork()
    if child == 0:
        os.close(hold)
        os.read(read, 1)  # until the parent lets go
        os._exit(0)
    database.close()
    del database
    wait_until(lambda: not is_alive(process), 20)
    os.close(hold)
    os.close(read)
    os.waitpid(child, 0)


@pytest.mark.parametrize("end", ["pass", "os._exit(0)", "os.kill(os.getpid(), 9)"])
def test_no_worker_outlives_the_program(path: Path, end: str) -> None:
    script = (
        "import os, sys, molt_sql\n"
        f"db = molt_sql.connect('molt+stdio:sqlite:///{path}')\n"
        "from molt_sql._molt import _worker_process\n"
        "print(_worker_process(db), flush=True)\n" + end
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=50
    )
    process = int(done.stdout)
    wait_until(lambda: not is_alive(process), 20)


def test_closing_ends_the_worker(path: Path) -> None:
    database = connect(f"molt+stdio:sqlite:///{path}")
    process = worker_of(database)
    database.close()
    wait_until(lambda: not is_alive(process), 20)
    with pytest.raises(MoltError, match="closed"):
        raw("select 1").on(database).fetch_all().result()
