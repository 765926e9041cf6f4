"""A client of the tests: sends what it is told, also what is wrong, and waits with a bound."""

from __future__ import annotations

import os
import select
import struct
import time
from itertools import count
from typing import Any

from conformance.codec import (
    FRAME_BYTES_MAX,
    ProtocolViolation,
    Reply,
    Wire,
    decode_reply,
    encode,
    encode_body,
    envelope,
    frame,
)
from servers.processes import SLOWER

ANSWERS_WITHIN_S = 10.0 * SLOWER
CHUNK_BYTES = 1 << 20


class Closed(Exception):  # noqa: N818 (an end, not an error)
    """The worker closed the connection."""


class Channel:
    """Bytes to and from a worker, over a socket or two pipes. It owns the file descriptors.

    Sending reads what comes meanwhile, so that neither side waits for the other to read.
    """

    def __init__(self, read_fd: int, write_fd: int) -> None:
        self._read_fd = read_fd
        self._write_fd = write_fd
        self._received = bytearray()
        self._ended = False
        for fd in (read_fd, write_fd):
            os.set_blocking(fd, False)

    def send(self, data: bytes, seconds: float = ANSWERS_WITHIN_S) -> None:
        deadline = time.monotonic() + seconds
        left = memoryview(data)
        while left:
            poll = select.poll()
            poll.register(self._write_fd, select.POLLOUT)
            if not self._ended and self._read_fd != self._write_fd:
                poll.register(self._read_fd, select.POLLIN)
            elif not self._ended:
                poll.modify(self._write_fd, select.POLLOUT | select.POLLIN)
            events = dict(poll.poll(_left_ms(deadline)))
            if not events:
                raise TimeoutError("the worker does not read")
            if events.get(self._read_fd, 0) & (select.POLLIN | select.POLLHUP):
                self._fill()
            if events.get(self._write_fd, 0) & ~select.POLLIN:
                try:
                    left = left[os.write(self._write_fd, left[:CHUNK_BYTES]) :]
                except BlockingIOError:
                    continue
                except (BrokenPipeError, ConnectionResetError) as error:
                    raise Closed from error

    def receive_frame(self, seconds: float = ANSWERS_WITHIN_S) -> bytes:
        """Raises Closed at the end of the connection, TimeoutError if nothing comes in time."""
        deadline = time.monotonic() + seconds
        while (body := self._take()) is None:
            if self._ended:
                if self._received:
                    raise ProtocolViolation("the connection ends within a frame")
                raise Closed
            poll = select.poll()
            poll.register(self._read_fd, select.POLLIN)
            if not poll.poll(_left_ms(deadline)):
                raise TimeoutError(f"no reply within {seconds} s")
            self._fill()
        return body

    def end_input(self) -> None:
        """The worker sees the end of its input; what it still answers can be read."""
        if self._write_fd >= 0 and self._write_fd != self._read_fd:
            os.close(self._write_fd)
        self._write_fd = -1

    def close(self) -> None:
        for fd in {self._read_fd, self._write_fd} - {-1}:
            os.close(fd)
        self._read_fd = self._write_fd = -1

    def _fill(self) -> None:
        try:
            data = os.read(self._read_fd, CHUNK_BYTES)
        except BlockingIOError:
            return
        except ConnectionResetError:
            data = b""
        self._received += data
        self._ended = not data

    def _take(self) -> bytes | None:
        if len(self._received) < 4:
            return None
        (size,) = struct.unpack_from("<I", self._received)
        if size > FRAME_BYTES_MAX:
            raise ProtocolViolation(f"a frame of {size} bytes; is something else on stdout?")
        if len(self._received) < 4 + size:
            return None
        body = bytes(self._received[4 : 4 + size])
        del self._received[: 4 + size]
        return body


def _left_ms(deadline: float) -> int:
    return max(0, int((deadline - time.monotonic()) * 1000))


class Client:
    """One connection that speaks one wire unless told otherwise. Ids count from 1."""

    def __init__(self, channel: Channel, wire: Wire) -> None:
        self.channel = channel
        self.wire: Wire = wire
        self._ids = count(1)
        self._kept: list[Reply] = []

    def encode(
        self,
        entry: str,
        payload: object = None,
        *,
        request_id: int,
        timeout_ms: int = 0,
        codec: str | None = None,
        wire: Wire | None = None,
        **fields: Any,
    ) -> bytes:
        """A frame. Without `codec`, a payload is in that of the wire, and none is `raw`."""
        wire = wire or self.wire
        if codec is None:
            codec = "raw" if payload is None or isinstance(payload, bytes) else wire
        data = None if payload is None else encode(payload, codec)
        body = envelope(wire, request_id, entry, timeout_ms, codec, data)
        return frame(encode_body(wire, body | fields))

    def send(self, entry: str, payload: object = None, **options: Any) -> int:
        """The options are those of encode(); returns the request's id."""
        request_id: int = options.pop("request_id") if "request_id" in options else next(self._ids)
        self.channel.send(self.encode(entry, payload, request_id=request_id, **options))
        return request_id

    def send_body(self, body: bytes) -> None:
        self.channel.send(frame(body))

    def receive(self, seconds: float = ANSWERS_WITHIN_S) -> Reply:
        """The next reply, whichever it is."""
        if self._kept:
            return self._kept.pop(0)
        return decode_reply(self.channel.receive_frame(seconds))

    def reply_to(self, request_id: int, seconds: float = ANSWERS_WITHIN_S) -> Reply:
        """The next reply with this id; others are kept for later."""
        for index, kept in enumerate(self._kept):
            if kept.request_id == request_id:
                return self._kept.pop(index)
        deadline = time.monotonic() + seconds
        while True:
            reply = decode_reply(self.channel.receive_frame(max(0.0, deadline - time.monotonic())))
            if reply.request_id == request_id:
                return reply
            self._kept.append(reply)

    def replies_to(self, request_ids: list[int], seconds: float = ANSWERS_WITHIN_S) -> list[Reply]:
        deadline = time.monotonic() + seconds
        return [self.reply_to(i, max(0.0, deadline - time.monotonic())) for i in request_ids]

    def call(self, entry: str, payload: object = None, **options: Any) -> Reply:
        seconds = options.pop("seconds", ANSWERS_WITHIN_S)
        return self.reply_to(self.send(entry, payload, **options), seconds)

    def query(self, sql: str, *params: object, **options: Any) -> Reply:
        """A db_query with positional parameters. Options of the envelope go by `envelope=`."""
        around: dict[str, Any] = options.pop("envelope", {})
        payload: dict[str, Any] = {"sql": sql} | options
        if params:
            payload["params"] = {"mode": "positional", "values": list(params)}
        return self.call("db_query", payload, **around)

    def execute(self, sql: str, *params: object, **options: Any) -> Reply:
        """The same as db_exec, with allow_write unless told otherwise."""
        around: dict[str, Any] = options.pop("envelope", {})
        payload: dict[str, Any] = {"sql": sql, "allow_write": True} | options
        if params:
            payload["params"] = {"mode": "positional", "values": list(params)}
        return self.call("db_exec", payload, **around)

    def cancel(self, request_id: int) -> Reply:
        """The reply to the cancel itself."""
        return self.call("__cancel__", {"request_id": request_id})

    def ping(self) -> None:
        """Passes if the connection is alive and in step."""
        reply = self.call("__ping__")
        assert (reply.status, reply.codec, reply.payload) == ("Ok", "raw", b""), reply

    def expect_silence(self, *, but: int | None = None) -> None:
        """What was sent before has no further reply: a ping overtakes nothing that is ready.

        Replies to `but` are left for later.
        """
        for _ in range(3):
            self.ping()
        unexpected = [kept for kept in self._kept if kept.request_id != but]
        assert unexpected == []

    def expect_closed(self, seconds: float = ANSWERS_WITHIN_S) -> None:
        try:
            extra = self.receive(seconds)
        except Closed:
            return
        raise AssertionError(f"the connection should be closed; got {extra}")

    def close(self) -> None:
        self.channel.close()
