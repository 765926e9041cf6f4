"""What the tests of the client share: workers at a socket, and one database by several ways."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, Literal, NamedTuple, Self

import pyarrow as pa

import molt_worker
from molt_sql import Database, MoltError, Query, Raw, ResultSet, connect, raw
from postgres_cells import canonical
from servers.processes import wait_until
from servers.worker import Worker

Way = Literal["stdio", "socket"]
WAYS: tuple[Way, Way] = ("stdio", "socket")

ENDLESS = "with recursive c(n) as (select 1 union all select n + 1 from c) select count(*) from c"
"""Reads for ever on SQLite; only a cancel or a deadline ends it."""


class SocketWorker:
    """A worker at a socket of its own, which may be ended and started again."""

    def __init__(self, databases: Mapping[str, str], *args: object, start: bool = True) -> None:
        # Short: the name of a socket has 107 bytes at most.
        self._folder = tempfile.TemporaryDirectory(prefix="molt-sock-", dir="/tmp")
        self.path = Path(self._folder.name) / "worker.sock"
        self._args = ("--socket", self.path, *args)
        known = {alias: {"url": url, "write": True} for alias, url in databases.items()}
        self._env = {"MOLT_DATABASES": json.dumps(known)}
        self.process: Worker | None = None
        if start:
            self.start()

    def start(self) -> None:
        """Returns when it answers."""
        assert self.process is None
        self.process = Worker(*self._args, env=self._env)
        self.process.connect(self.path).close()

    def stop(self, how: signal.Signals = signal.SIGKILL) -> None:
        assert self.process is not None
        self.process.signal(how)
        self.process.wait()
        self.process.close()
        self.process = None

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def url(self, alias: str | None = "default") -> str:
        return f"molt+unix://{self.path}" + (f"?alias={alias}" if alias else "")

    def close(self) -> None:
        if self.process is not None:
            self.process.close()
        self._folder.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()


class Ways(NamedTuple):
    """One database: in this process, and through workers."""

    direct: Database
    stdio: Database
    socket: Database

    def through(self, way: Way) -> Database:
        return self.stdio if way == "stdio" else self.socket


@contextmanager
def open_ways(url: str) -> Iterator[Ways]:
    with ExitStack() as stack:
        worker = stack.enter_context(SocketWorker({"default": url}))
        yield Ways(
            stack.enter_context(connect(url)),
            stack.enter_context(connect("molt+stdio:" + url)),
            stack.enter_context(connect(worker.url())),
        )


def outcome(call: Callable[[], Any]) -> Any:
    """What it gives in a form that compares every detail, or its error."""
    try:
        value = call()
    except MoltError as error:
        return type(error).__name__, str(error), getattr(error, "code", None)
    if isinstance(value, ResultSet):
        return rows_of(value)
    return canonical(value)


def rows_of(result: ResultSet) -> Any:
    cells = [[canonical(cell) for cell in row] for row in result]
    facts = [result._column_facts(i) for i in range(len(result.columns))]
    return result.columns, result.schema, facts, cells


def arrow_of(result: ResultSet) -> bytes:
    """The table as Arrow IPC: equal bytes are equal schema, metadata and cells."""
    table = pa.table(result).combine_chunks()
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def assert_same_query(ways: Ways, way: Way, query: Query | Raw) -> None:
    through = ways.through(way)
    expected = outcome(query.on(ways.direct).fetch_all().result)
    assert outcome(query.on(through).fetch_all().result) == expected
    expected = outcome(query.on(ways.direct).fetch_one().result)
    assert outcome(query.on(through).fetch_one().result) == expected
    expected = outcome(lambda: arrow_of(query.on(ways.direct).fetch_arrow().result()))
    assert outcome(lambda: arrow_of(query.on(through).fetch_arrow().result())) == expected


def value(db: Database, sql: str, timeout: float = 20.0) -> Any:
    return raw(sql).on(db).fetch_value(timeout=timeout).result()


async def awaited(pending: Awaitable[Any]) -> Any:
    return await pending


def in_use(client: molt_worker.Client) -> int:
    """Connections of the worker's database that are in use."""
    metrics = client.request("db_query", b'{"sql": "select 1 as n"}', "json").result().metrics
    return int(metrics["pool_in_flight"])


def queued(client: molt_worker.Client) -> int:
    """Requests in the worker's queue."""
    return int(client.request("health").result().metrics["queue_depth"])


def when_written(path: Path) -> None:
    """Returns while somebody writes to the SQLite file."""

    def is_locked() -> bool:
        connection = sqlite3.connect(path, timeout=0)
        try:
            connection.execute("begin immediate")
        except sqlite3.OperationalError:
            return True
        finally:
            connection.close()
        return False

    wait_until(is_locked, 30)


def is_alive(pid: int) -> bool:
    """A zombie is not."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def workers_of(parent: int) -> list[int]:
    """The processes that it has started and that still run."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except (FileNotFoundError, ProcessLookupError):
                continue
            name = b"molt-worker" in _command_line(entry)
            if int(fields[1]) == parent and fields[0] != "Z" and name:
                found.append(int(entry.name))
    return found


def _command_line(entry: Path) -> bytes:
    try:
        return (entry / "cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


def kill(pid: int) -> None:
    """If it is still there."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def until_gone(pid: int, seconds: float = 10.0) -> None:
    wait_until(lambda: not is_alive(pid), seconds, f"process {pid} ends")


def eventually(ask: Callable[[], Any], seconds: float = 15.0) -> Any:
    """The first answer that is no error, for what may fail until a fault is over."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return ask()
        except MoltError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.005)
