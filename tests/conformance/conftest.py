"""Workers and clients, on every wire and transport.

| fixture | lives for | is |
| --- | --- | --- |
| `wire`, `transport` | a test | each of msgpack and json, each of stdio and socket |
| `client` | a test | a Client of a worker whose alias `default` is the table `items`, read only |
| `socket_client` | a test | the same, over a Unix socket only |
| `program` | a test | its workers are each of the program `molt-worker` and `python -m molt_worker` |
| `start` | a test | starts a worker with its own arguments and environment; gives a Running |
| `pg` | a test | a Client of a worker on PostgreSQL, both wires |
| `items_path`, `own_items` | the run, a test | the SQLite file; a copy that may be written |
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Literal

import pytest

from conformance.client import Channel, Client
from conformance.codec import WIRES, Wire
from conformance.data import make_items
from servers.bounded import bounded_in_time
from servers.fixtures import PostgresDatabase, failing
from servers.processes import SLOWER
from servers.worker import PROGRAMS, Program, Worker, running_as

Transport = Literal["stdio", "socket"]
HANGS_AFTER_S = 45


@pytest.fixture(autouse=True)
def bounded() -> Iterator[None]:
    """A test that hangs fails, with the place where it hangs, and the run goes on."""
    with bounded_in_time(HANGS_AFTER_S):
        yield


@pytest.fixture(params=PROGRAMS)
def program(request: pytest.FixtureRequest) -> Iterator[Program]:
    """For tests of what a process does, not of what it answers: both run the same library."""
    chosen: Program = request.param
    with running_as(chosen):
        yield chosen


class Running:
    """A worker and the clients that were connected to it."""

    def __init__(self, transport: Transport, *args: object, env: dict[str, object]) -> None:
        self.transport = transport
        self._clients: list[Client] = []
        # Short: the name of a socket has 107 bytes at most.
        self._folder = tempfile.TemporaryDirectory(prefix="molt-sock-", dir="/tmp")
        self.path = Path(self._folder.name) / "worker.sock"
        flags: tuple[object, ...] = ("--stdio",)
        if transport == "socket":
            flags = ("--socket", self.path)
        try:
            self.worker = Worker(*flags, *args, env=env)
        except BaseException:
            self._folder.cleanup()
            raise

    def client(self, wire: Wire = "msgpack") -> Client:
        """A connection of its own; on stdio there is only one."""
        if self.transport == "stdio":
            channel = Channel(*self.worker.take_pipes())
        else:
            fd = self.worker.connect(self.path).detach()
            channel = Channel(fd, fd)
        self._clients.append(Client(channel, wire))
        return self._clients[-1]

    def close(self) -> None:
        for client in self._clients:
            client.close()
        self.worker.close()
        self._folder.cleanup()


Start = Callable[..., Running]


@pytest.fixture
def start() -> Iterator[Start]:
    with ExitStack() as stack:

        def start_worker(
            *args: object, transport: Transport = "socket", env: dict[str, Any] | None = None
        ) -> Running:
            with failing():
                running = Running(transport, *args, env=env or {})
            stack.callback(running.close)
            return running

        yield start_worker


@pytest.fixture(params=WIRES)
def wire(request: pytest.FixtureRequest) -> Wire:
    chosen: Wire = request.param
    return chosen


@pytest.fixture(params=["stdio", "socket"])
def transport(request: pytest.FixtureRequest) -> Transport:
    chosen: Transport = request.param
    return chosen


@pytest.fixture(scope="session")
def items_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_items(tmp_path_factory.mktemp("items") / "items.db")


@pytest.fixture
def own_items(items_path: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(items_path, tmp_path / "own.db"))


class Shared:
    """One worker for many tests; started anew if a test was the end of it."""

    def __init__(self, env: dict[str, object]) -> None:
        self._env = env
        self._running: Running | None = None

    @contextmanager
    def client(self, wire: Wire) -> Generator[Client]:
        """Closed at the end, so that what a test left running is not there for the next."""
        if self._running is not None and not self._running.worker.is_running:
            self.close()
        with failing():
            if self._running is None:
                self._running = Running("socket", env=self._env)
            client = self._running.client(wire)
        yield client
        client.close()

    def close(self) -> None:
        if self._running is not None:
            self._running.close()
            self._running = None


@pytest.fixture(scope="session")
def shared_worker(items_path: Path) -> Iterator[Shared]:
    shared = Shared({"MOLT_DB_SQLITE_PATH": items_path})
    yield shared
    shared.close()


@pytest.fixture
def client(
    wire: Wire, transport: Transport, items_path: Path, start: Start, shared_worker: Shared
) -> Iterator[Client]:
    if transport == "stdio":
        yield start(transport="stdio", env={"MOLT_DB_SQLITE_PATH": items_path}).client(wire)
        return
    with shared_worker.client(wire) as connected:
        yield connected


@pytest.fixture
def socket_client(wire: Wire, shared_worker: Shared) -> Iterator[Client]:
    with shared_worker.client(wire) as connected:
        yield connected


@pytest.fixture(scope="module")
def pg_worker(pg_database: PostgresDatabase) -> Iterator[Shared]:
    """Its sessions have a zone that is not UTC, which must not be seen in any value."""
    dsn = pg_database.url(options="-c TimeZone=Asia/Kolkata")
    timeout_ms = int(10_000 * SLOWER)
    shared = Shared({"MOLT_DB_POSTGRES_DSN": dsn, "MOLT_DB_POSTGRES_QUERY_TIMEOUT_MS": timeout_ms})
    yield shared
    shared.close()


@pytest.fixture
def pg(wire: Wire, pg_worker: Shared) -> Iterator[Client]:
    with pg_worker.client(wire) as connected:
        yield connected
