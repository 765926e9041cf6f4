"""A server that speaks PostgreSQL's protocol just well enough to break it at a chosen place.

Asked for rows, it says that there is one: (n int4 = 7, t text = 'seven'); in catalogs, none. `breaks(reply, how)` puts
`how(message)` in place of the next replies of that type; None hangs up, b"" says nothing more.
"""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Self

Breakage = Callable[[bytes], bytes | None]

PROTOCOL_3 = 196_608
SSL_REQUEST = 80_877_103
CANCEL_REQUEST = 80_877_102
INT4, TEXT = 23, 25
ANSWER = (7, "seven")


def message(kind: str, body: bytes = b"") -> bytes:
    return kind.encode() + struct.pack("!I", len(body) + 4) + body


def text(value: str) -> bytes:
    return value.encode() + b"\0"


def error(code: str, words: str, severity: str = "ERROR") -> bytes:
    fields = (("S", severity), ("V", severity), ("C", code), ("M", words))
    return message("E", b"".join(k.encode() + text(v) for k, v in fields) + b"\0")


def columns(formats: int) -> bytes:
    described = b""
    for name, kind, size in (("n", INT4, 4), ("t", TEXT, -1)):
        described += text(name) + struct.pack("!IhIhih", 0, 0, kind, size, -1, formats)
    return message("T", struct.pack("!h", 2) + described)


ROW = message("D", struct.pack("!hiii", 2, 4, 7, 5) + b"seven")


class FakeServer:
    """Listens on a free port of 127.0.0.1. To be used with `with`."""

    def __init__(self) -> None:
        self.has_catalogs = True
        """Whether its catalogs are empty; else they give the same row as everything."""
        self.sessions = 0
        """How many were told that they may begin."""
        self.cancels = 0
        self.tls_requests = 0
        self.parameters = {
            "server_version": "15.0",
            "client_encoding": "UTF8",
            "is_superuser": "off",
            "standard_conforming_strings": "on",
            "TimeZone": "UTC",
            "default_transaction_read_only": "off",
            "in_hot_standby": "off",
        }
        self._broken: dict[str, Breakage] = {}
        self._open: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, daemon=True)

    @property
    def url(self) -> str:
        return f"postgresql://molt@127.0.0.1:{self.port}/molt?sslmode=disable"

    def breaks(self, reply: str, how: Breakage) -> None:
        """`reply` is a message's type, or "startup" for the first words to a client, or "ssl"."""
        self._broken[reply] = how

    def mends(self) -> None:
        self._broken.clear()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for sock in self._open:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        self._thread.join(10)

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._open.append(sock)
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        # What a client that is gone makes of its connection is no matter.
        with sock, suppress(OSError, EOFError):
            _Session(self, sock).run()

    def _break(self, reply: str, honest: bytes) -> bytes | None:
        how = self._broken.get(reply)
        return honest if how is None else how(honest)


class _Session:
    def __init__(self, server: FakeServer, sock: socket.socket) -> None:
        self._server = server
        self._sock = sock
        self._out = b""
        self._silent = False
        self._skips = False
        self._copies = False
        self._status = b"I"
        self._statements: dict[bytes, str] = {}
        self._portal = ""

    def run(self) -> None:
        if not self._start():
            return
        while True:
            kind = self._exactly(1).decode("latin-1")
            (length,) = struct.unpack("!I", self._exactly(4))
            body = self._exactly(length - 4)
            if kind == "X":
                return
            if not self._silent:
                self._answer(kind, body)

    def _start(self) -> bool:
        while True:
            length, code = struct.unpack("!II", self._exactly(8))
            if code == CANCEL_REQUEST:
                self._server.cancels += 1
                return False
            self._exactly(length - 8)
            if code != SSL_REQUEST:
                break
            self._server.tls_requests += 1
            self._reply("ssl", b"N")
            self._flush()
        self._reply("startup", b"")
        self._reply("R", message("R", struct.pack("!I", 0)))
        for name, value in self._server.parameters.items():
            self._reply("S", message("S", text(name) + text(value)))
        self._reply("K", message("K", struct.pack("!II", 4711, 1234)))
        self._reply("first Z", message("Z", b"I"))
        self._server.sessions += 1
        self._flush()
        return True

    def _answer(self, kind: str, body: bytes) -> None:
        if kind == "S":
            self._skips = False
            if not self._copies:
                self._reply("Z", message("Z", self._status))
        elif kind == "H":
            pass
        elif not self._skips:
            {
                "P": self._parse,
                "B": self._bind,
                "D": self._describe,
                "E": self._execute,
                "C": lambda _: self._reply("3", message("3")),
                "d": lambda _: None,
                "c": self._end_copy,
                "f": self._end_copy,
            }[kind](body)
        if kind in "SHcf":
            self._flush()

    def _parse(self, body: bytes) -> None:
        name, sql, _ = body.split(b"\0", 2)
        self._statements[name] = sql.decode().strip().lower()
        self._reply("1", message("1"))

    def _bind(self, body: bytes) -> None:
        _, name, _ = body.split(b"\0", 2)
        self._portal = self._statements[name]
        self._reply("2", message("2"))

    def _describe(self, body: bytes) -> None:
        of_statement = body[:1] == b"S"
        sql = self._statements[body[1:-1]] if of_statement else self._portal
        if of_statement:
            self._reply("t", message("t", struct.pack("!h", 0)))
        if sql.startswith("select"):
            self._reply("T", columns(0 if of_statement else 1))
        else:
            self._reply("n", message("n"))

    def _execute(self, _: bytes) -> None:
        sql = self._portal
        tag = sql.split()[0].upper()
        if sql.startswith("select 'fails'"):
            self._skips = True
            self._reply("E", error("22012", "division by zero"))
            return
        if tag == "COPY":
            self._copies = True
            self._reply("G", message("G", struct.pack("!bhh", 1, 1, 1)))
            return
        if tag == "SELECT":
            is_empty = self._server.has_catalogs and "pg_" in sql
            if not is_empty:
                self._reply("D", ROW)
            tag = f"SELECT {int(not is_empty)}"
        elif tag in ("INSERT", "UPDATE"):
            tag = f"{tag} 0 1" if tag == "INSERT" else f"{tag} 1"
        elif tag == "BEGIN":
            self._status = b"T"
        elif tag in ("COMMIT", "ROLLBACK"):
            self._status = b"I"
        self._reply("C", message("C", text(tag)))

    def _end_copy(self, _: bytes) -> None:
        if self._copies:
            self._copies = False
            self._reply("C", message("C", text("COPY 1")))

    def _reply(self, kind: str, honest: bytes) -> None:
        if self._silent:
            return
        said = self._server._break(kind, honest)
        if said is None:
            self._flush()
            self._sock.shutdown(socket.SHUT_RDWR)
            raise EOFError
        self._out += said
        self._silent = said != honest and (not said or len(said) < len(honest))

    def _flush(self) -> None:
        out, self._out = self._out, b""
        self._sock.sendall(out)

    def _exactly(self, size: int) -> bytes:
        got = b""
        while len(got) < size:
            more = self._sock.recv(size - len(got))
            if not more:
                raise EOFError
            got += more
        return got
