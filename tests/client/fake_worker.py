"""A server at a Unix socket that answers as it is told, also what no worker would."""

from __future__ import annotations

import socket
import struct
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from conformance.codec import frame, pack, unpack

# Given a request's envelope, the bytes to answer with; None closes the connection.
Answer = Callable[[dict[str, Any]], bytes | None]


def reply(request: dict[str, Any], payload: bytes = b"", codec: str = "raw", **more: Any) -> bytes:
    """A frame."""
    body = {
        "request_id": request["request_id"],
        "status": "Ok",
        "codec": codec,
        "payload": payload,
        "metrics": {},
        "entry": request["entry"],
        "compiled": 0,
    }
    return frame(pack(body | more))


def hello(request: dict[str, Any]) -> bytes:
    known = {
        "protocol": 1,
        "server": "fake 1",
        "entries": ["db_query"],
        "aliases": {"default": "sqlite"},
        "limits": {},
    }
    return reply(request, pack(known), "msgpack")


class FakeWorker:
    """Answers `__hello__` as a worker does, unless `greets` is false, and the rest by `answer`.

    `held` keeps connections open after an answer that ends them in no other way.
    """

    def __init__(self, answer: Answer, *, greets: bool = True) -> None:
        self.requests: list[dict[str, Any]] = []
        self._answer = answer
        self._greets = greets
        self._folder = tempfile.TemporaryDirectory(prefix="molt-fake-", dir="/tmp")
        self.path = Path(self._folder.name) / "fake.sock"
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self.path))
        self._listener.listen(64)
        self._connections: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    @property
    def url(self) -> str:
        return f"molt+unix://{self.path}?alias=default"

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._connections.append(connection)
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as stream:
            while True:
                try:
                    head = stream.read(4)
                    if len(head) < 4:
                        return
                    request = unpack(stream.read(struct.unpack("<I", head)[0]))
                except OSError:
                    return
                if request["entry"] in ("__cancel__", "__credit__"):
                    continue
                if request["entry"] == "__hello__" and self._greets:
                    answer: bytes | None = hello(request)
                else:
                    self.requests.append(request)
                    answer = self._answer(request)
                if answer is None:
                    return
                try:
                    connection.sendall(answer)
                except OSError:
                    return

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue
        for thread in self._threads:
            thread.join(10)
        self._folder.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()
