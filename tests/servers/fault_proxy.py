"""A proxy before a server that misbehaves as it is told, at any moment and in either direction.

    with FaultProxy(server.tcp) as proxy:
        connection = psycopg.connect(server.conninfo(tls="require", **proxy.address))
        proxy.set(Stall(), "to_client")

It runs on a thread of its own; all its methods may be called from any other, and have taken effect
when they return. A client in the same process must not keep the GIL while it waits. The proxy
forwards bytes and knows of PostgreSQL no more than how a connection begins.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import socket
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

from servers.processes import ServerError, free_port, wait_until

Direction = Literal["to_server", "to_client"]
DIRECTIONS: tuple[Direction, Direction] = ("to_server", "to_client")
Which = int | Literal["cancels"] | None
Kind = Literal["unknown", "session", "tls", "cancel"]

CHUNK_BYTES = 65_536
KINDS: dict[int, Kind] = {80_877_102: "cancel", 80_877_103: "tls"}
ANSWERS_WITHIN_S = 10


@dataclass(frozen=True)
class Pass:
    """Forwards everything at once, which is what happens without a fault."""


@dataclass(frozen=True)
class Delay:
    """Forwards each chunk that arrives, 64 KiB at most, after this long."""

    seconds: float


@dataclass(frozen=True)
class Slice:
    """Forwards so many bytes at a time, each a packet of its own, with a pause after each."""

    size: int = 1
    pause: float = 0.0


@dataclass(frozen=True)
class Stall:
    """Neither reads nor forwards, nor closes what the other side closed. What stays is kept."""


@dataclass(frozen=True)
class BlackHole:
    """Reads and drops; does not close what the other side closed."""


@dataclass(frozen=True)
class CutAfter:
    """Forwards so many more bytes of this direction, then closes both sides."""

    size: int
    reset: bool = False


Fault = Pass | Delay | Slice | Stall | BlackHole | CutAfter


class Connection:
    """What the proxy knows of one connection, for tests to look at; the proxy writes to it."""

    def __init__(self, index: int, client: socket.socket, server: socket.socket) -> None:
        self.index = index
        """Its place among all the connections that were accepted, from 0."""
        self.kind: Kind = "unknown"
        """From its first bytes. What a TLS connection carries, a cancel say, is not seen."""
        self.bytes: dict[Direction, int] = dict.fromkeys(DIRECTIONS, 0)
        """Forwarded so far."""
        self.closed = False
        self._client = client
        self._server = server
        self._tasks: list[asyncio.Task[None]] = []
        self._head = b""
        self._counted: dict[Direction, tuple[CutAfter, int]] = {}  # a fault and its bytes so far

    @property
    def is_cancel(self) -> bool:
        return self.kind == "cancel"

    @property
    def names(self) -> tuple[Which, ...]:
        """What faults may be for that are for this connection, the nearest first."""
        return (self.index, "cancels", None) if self.is_cancel else (self.index, None)

    def _recognize(self, data: bytes) -> None:
        self._head += data[: 8 - len(self._head)]
        if self.kind == "unknown" and len(self._head) == 8:
            self.kind = KINDS.get(struct.unpack("!II", self._head)[1], "session")

    def _allowance(self, direction: Direction, fault: CutAfter) -> int:
        """How many bytes the fault still lets through. A fault that is set anew counts anew."""
        known, since = self._counted.get(direction, (None, 0))
        if known is not fault:
            since = self.bytes[direction]
            self._counted[direction] = (fault, since)
        return max(0, since + fault.size - self.bytes[direction])


class FaultProxy:
    """Listens on a free port of 127.0.0.1, or, with `front`, on a Unix socket in that folder."""

    def __init__(self, behind: tuple[str, int] | Path, front: Path | None = None) -> None:
        self.connections: list[Connection] = []
        """All that were accepted, also those that are closed."""
        self.unreachable = 0
        """Clients that were turned away, as the server behind could not be reached."""
        self.port = free_port()
        self._behind = behind
        self._front = front
        self._listener: socket.socket | None = None
        self._faults: dict[tuple[Which, Direction], Fault] = {}
        # Not the policy's loop: another one may keep sockets of its own, which cannot be closed.
        self._loop = asyncio.SelectorEventLoop()
        self._changed = asyncio.Event()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="fault proxy", daemon=True
        )

    @property
    def address(self) -> dict[str, Any]:
        """The parameters of a libpq connection that lead it here."""
        return {"host": self._front or "127.0.0.1", "port": self.port}

    @property
    def path(self) -> Path:
        """Of the Unix socket that it listens on: where a client of anything but PostgreSQL connects."""
        assert self._front is not None, "it listens on a port"
        return self._front / f".s.PGSQL.{self.port}"

    @property
    def cancels(self) -> int:
        return sum(connection.is_cancel for connection in self.connections)

    @property
    def open(self) -> int:
        return sum(not connection.closed for connection in self.connections)

    def forwarded(self, direction: Direction) -> int:
        """Forwarded so far, over all connections."""
        return sum(connection.bytes[direction] for connection in self.connections)

    def set(self, fault: Fault, direction: Direction | None = None, which: Which = None) -> None:
        """A fault for one direction or both, from now on, in place of the one that it had.

        `which`: None, for all connections, also later ones; "cancels", for those that begin as
        cancel requests; or the index of a connection, also of one to come (`len(connections)` is
        the next). What is said of one wins over what is said of cancels, and that over the rest.
        """

        def change() -> None:
            for each in DIRECTIONS if direction is None else (direction,):
                self._faults[which, each] = fault
            self._wake()

        self._call(change)

    def clear(self) -> None:
        """Takes all faults back, and listens again."""

        def change() -> None:
            self._faults.clear()
            self._wake()

        self._call(change)
        self._call(self._listen)

    def cut(self, which: Which = None, reset: bool = False) -> None:
        """Closes connections on both sides; with `reset`, TCP tells both of an error."""

        def change() -> None:
            for connection in self.connections:
                if which is None or which in connection.names:
                    self._close(connection, reset)

        self._call(change)

    def refuse(self) -> None:
        """Refuses new connections until accept() or clear(); those that are open stay."""
        self._call(self._deafen)

    def accept(self) -> None:
        self._call(self._listen)

    def wait(self, condition: Callable[[Self], object], seconds: float = 10.0) -> None:
        """Until the proxy has seen something: `proxy.wait(lambda p: p.cancels == 1)`."""
        wait_until(lambda: condition(self), seconds)

    def __enter__(self) -> Self:
        self._thread.start()
        try:
            self._call(self._listen)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def close(self) -> None:
        self.refuse()
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(ANSWERS_WITHIN_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(ANSWERS_WITHIN_S)
        if self._thread.is_alive():
            raise ServerError("The fault proxy's thread does not end")
        self._loop.close()

    # Everything below runs on the proxy's thread.

    def _call(self, function: Callable[[], None]) -> None:
        """Except this, which runs `function` there and waits for it."""
        done: concurrent.futures.Future[None] = concurrent.futures.Future()

        def run() -> None:
            try:
                function()
                done.set_result(None)
            except BaseException as error:
                done.set_exception(error)

        self._loop.call_soon_threadsafe(run)
        done.result(ANSWERS_WITHIN_S)

    async def _end(self) -> None:
        for connection in self.connections:
            self._close(connection)
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        await asyncio.gather(*tasks, return_exceptions=True)

    def _wake(self) -> None:
        """All that wait for the end of a fault look again."""
        self._changed.set()
        self._changed = asyncio.Event()

    def _listen(self) -> None:
        if self._listener is not None:
            return
        if self._front is None:
            listener = socket.socket(socket.AF_INET)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(("127.0.0.1", self.port))
        else:
            self.path.unlink(missing_ok=True)
            listener = socket.socket(socket.AF_UNIX)
            listener.bind(str(self.path))
        listener.setblocking(False)
        listener.listen(128)
        self._listener = listener
        # Not sock_accept(): cancelled at the wrong moment, it loses a connection.
        self._loop.add_reader(listener, self._accept, listener)

    def _deafen(self) -> None:
        """The socket file stays, so that clients are refused there too."""
        if self._listener is not None:
            self._release(self._listener)
            self._listener = None

    def _accept(self, listener: socket.socket) -> None:
        try:
            client, _ = listener.accept()
        except (BlockingIOError, ConnectionError):  # gone again
            return
        server = socket.socket(socket.AF_UNIX if isinstance(self._behind, Path) else socket.AF_INET)
        for side in (client, server):
            side.setblocking(False)
            if side.family == socket.AF_INET:
                side.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = Connection(len(self.connections), client, server)
        self.connections.append(connection)
        connection._tasks.append(self._loop.create_task(self._serve(connection)))

    async def _serve(self, connection: Connection) -> None:
        behind = self._behind
        try:
            await self._loop.sock_connect(
                connection._server, str(behind) if isinstance(behind, Path) else behind
            )
        except OSError:
            self.unreachable += 1
            self._close(connection, reset=True)
            return
        client, server = connection._client, connection._server
        pumps = (
            self._loop.create_task(self._pump(connection, "to_server", client, server)),
            self._loop.create_task(self._pump(connection, "to_client", server, client)),
        )
        connection._tasks.extend(pumps)
        await asyncio.gather(*pumps)
        self._close(connection)

    async def _pump(
        self, connection: Connection, direction: Direction, source: socket.socket, to: socket.socket
    ) -> None:
        try:
            while True:
                while isinstance(self._fault(connection, direction), Stall):
                    await self._changed.wait()
                data = await self._loop.sock_recv(source, CHUNK_BYTES)
                if not data:
                    break
                if direction == "to_server":
                    connection._recognize(data)
                await self._forward(connection, direction, data, to)
            await self._still(connection, direction)
            to.shutdown(socket.SHUT_WR)
        except OSError:
            await self._still(connection, direction)
            self._close(connection, reset=True)

    async def _still(self, connection: Connection, direction: Direction) -> None:
        """Holds back the end of a connection for as long as a fault hides it."""
        while isinstance(self._fault(connection, direction), Stall | BlackHole):
            await self._changed.wait()

    async def _forward(
        self, connection: Connection, direction: Direction, data: bytes, to: socket.socket
    ) -> None:
        """Asks for the fault anew before each piece: it may be another after the last wait."""
        rest = memoryview(data)
        while rest:
            match self._fault(connection, direction):
                case BlackHole():
                    return
                case Stall():
                    await self._changed.wait()
                    continue
                case Delay(seconds) if await self._is_changed_within(seconds):
                    continue
                case CutAfter() as fault:
                    size = connection._allowance(direction, fault)
                    pause = 0.0
                case Slice(size, pause):
                    pass
                case _:
                    size, pause = len(rest), 0.0
            piece, rest = rest[:size], rest[size:]
            # Counted first: who has received something finds it counted.
            connection.bytes[direction] += len(piece)
            await self._loop.sock_sendall(to, piece)
            match self._fault(connection, direction):
                case CutAfter(reset=reset) as fault:
                    if connection._allowance(direction, fault) == 0:
                        self._close(connection, reset)
                        return
                case Slice():
                    await self._is_changed_within(pause)

    async def _is_changed_within(self, seconds: float) -> bool:
        try:
            await asyncio.wait_for(self._changed.wait(), seconds)
        except TimeoutError:
            return False
        return True

    def _fault(self, connection: Connection, direction: Direction) -> Fault:
        for which in connection.names:
            if fault := self._faults.get((which, direction)):
                return fault
        return Pass()

    def _close(self, connection: Connection, reset: bool = False) -> None:
        if connection.closed:
            return
        connection.closed = True
        for side in (connection._client, connection._server):
            if reset and side.family == socket.AF_INET:
                side.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._release(side)
        for task in connection._tasks:
            task.cancel()

    def _release(self, sock: socket.socket) -> None:
        """A descriptor that the loop still watches may not be closed: its number is used again."""
        self._loop.remove_reader(sock)
        self._loop.remove_writer(sock)
        sock.close()
