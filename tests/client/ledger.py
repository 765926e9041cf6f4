"""Many clients that note every request and every reply to it, while the network misbehaves.

Written on the codec of tests/conformance, which shares nothing with the project's own client: what
is counted is what travelled. A request ends answered, once, by a reply that is its own; or with its
connection. Everything else is a mistake, and is noted with what was seen.
"""

from __future__ import annotations

import asyncio
import random
import struct
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from conformance.codec import (
    WIRES,
    ProtocolViolation,
    Reply,
    Wire,
    decode_reply,
    encode,
    encode_body,
    envelope,
    frame,
)
from conformance.data import ENDLESS, rows_of_text
from servers.processes import SLOWER

CLIENTS = 64
AWAITED_MAX = 24  # of one connection
ANSWERED_WITHIN_S = 30.0 * SLOWER
MISTAKES_SHOWN = 20
BIG = rows_of_text(30, 50_000)  # more than one part of a stream

Right = Callable[[Reply], bool]


@dataclass
class Sent:
    entry: str
    is_right: Right
    seq: int = 0


@dataclass
class Ledger:
    """What came of all requests."""

    wanted: int
    sent: int = 0
    answered: int = 0
    cut: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    mistakes: Counter[str] = field(default_factory=Counter)
    shown: list[str] = field(default_factory=list)
    connections: int = 0

    def mistake(self, kind: str, what: object) -> None:
        self.mistakes[kind] += 1
        if len(self.shown) < MISTAKES_SHOWN:
            self.shown.append(f"{kind}: {what!s:.500}")

    def report(self) -> str:
        return (
            f"{self.sent} sent, {self.answered} answered, {self.cut} cut off on"
            f" {self.connections} connections; {dict(self.statuses)};"
            f" mistakes: {dict(self.mistakes) or 'none'}"
        )


class Kinds:
    """Requests of every kind, each with what is a right reply to it."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance

    def next(self, token: int, wire: Wire) -> tuple[dict[str, Any], Sent]:
        """The envelope, without its id, and what to expect. `token` is this request's alone."""
        kind = self._chance.choices(
            (self._query, self._ping, self._health, self._write, self._mistake, self._unknown,
             self._cut_short, self._stream, self._big_stream),
            (50, 15, 10, 4, 6, 5, 5, 4.9, 0.1),
        )[0]  # fmt: skip
        return kind(token, wire)

    def _ask(
        self, wire: Wire, entry: str, payload: dict[str, Any] | None, **more: Any
    ) -> dict[str, Any]:
        codec = "raw" if payload is None else wire
        data = None if payload is None else encode(payload, codec)
        timeout_ms = more.pop("timeout_ms", 0)
        return envelope(wire, 0, entry, timeout_ms, codec, data) | more

    def _tagged(self, token: int, wire: Wire, payload: dict[str, Any], **more: Any) -> Any:
        entry = more.pop("entry", "db_query")
        return self._ask(wire, entry, payload | {"tag": f"t{token}"}, **more)

    def _query(self, token: int, wire: Wire) -> tuple[dict[str, Any], Sent]:
        params = {"mode": "positional", "values": [token]}
        asked = self._tagged(token, wire, {"sql": "select ? + 0 as n", "params": params})

        def is_right(reply: Reply) -> bool:
            if reply.status != "Ok":
                return reply.status == "Busy"
            tag = reply.metrics.get("db_tag")
            return bool(reply.value["rows"] == [[token]] and tag == f"t{token}")

        return asked, Sent("db_query", is_right)

    def _ping(self, _: int, wire: Wire) -> tuple[dict[str, Any], Sent]:
        asked = self._ask(wire, "__ping__", None)
        return asked, Sent("__ping__", lambda r: (r.status, r.payload) == ("Ok", b""))

    def _health(self, _: int, wire: Wire) -> tuple[dict[str, Any], Sent]:
        asked = self._ask(wire, "health", None)
        return asked, Sent("health", lambda r: bool(r.status == "Ok" and r.value["ok"]))

    def _write(self, token: int, wire: Wire) -> tuple[dict[str, Any], Sent]:
        params = {"mode": "positional", "values": [token]}
        payload = {"sql": "insert into noted values (?)", "params": params, "allow_write": True}
        asked = self._tagged(token, wire, payload, entry="db_exec")

        def is_right(reply: Reply) -> bool:
            if reply.status != "Ok":
                return reply.status == "Busy"
            return bool(reply.value["rows_affected"] == 1)

        return asked, Sent("db_exec", is_right)

    def _mistake(self, token: int, wire: Wire) -> tuple[dict[str, Any], Sent]:
        asked = self._tagged(token, wire, {"sql": f"select * from nowhere_{token}"})

        def is_right(reply: Reply) -> bool:
            told = reply.status == "InvalidInput" and f"nowhere_{token}" in reply.error
            return told or reply.status == "Busy"

        return asked, Sent("db_query", is_right)

    def _unknown(self, token: int, wire: Wire) -> tuple[dict[str, Any], Sent]:
        entry = f"no_such_entry_{token}"
        asked = self._ask(wire, entry, None)
        return asked, Sent(entry, lambda r: r.status == "InvalidInput" and entry in r.error)

    def _cut_short(self, token: int, wire: Wire) -> tuple[dict[str, Any], Sent]:
        """Ends by its deadline, or by the cancel that may be sent for it."""
        asked = self._tagged(token, wire, {"sql": ENDLESS}, timeout_ms=5)
        return asked, Sent("db_query", lambda r: r.status in ("Timeout", "Cancelled", "Busy"))

    def _stream(self, token: int, wire: Wire) -> tuple[dict[str, Any], Sent]:
        payload = {"sql": f"select {token} as n", "result_format": "jsonl"}
        asked = self._tagged(token, wire, payload, stream={"window": 1024})
        text = b'{"n":%d}\n' % token

        def is_right(reply: Reply) -> bool:
            return reply.status == "Busy" or (reply.status == "Ok" and reply.payload in (text, b""))

        return asked, Sent("db_query", is_right)

    def _big_stream(self, token: int, wire: Wire) -> tuple[dict[str, Any], Sent]:
        payload = {"sql": BIG, "result_format": "jsonl", "max_rows": 1000}
        asked = self._tagged(token, wire, payload, stream={"window": 1024})
        return asked, Sent("db_query", lambda r: r.status in ("Ok", "Busy"))


class Cut(Exception):  # noqa: N818 (what happened, not an error)
    """The connection ended."""


class Client:
    """Connects again when it was cut off, until all requests that are wanted were sent."""

    def __init__(self, ledger: Ledger, path: Path, number: int) -> None:
        self._ledger = ledger
        self._path = path
        self._wire: Wire = WIRES[number % len(WIRES)]
        self._chance = random.Random(number)
        self._kinds = Kinds(self._chance)
        self._awaited: dict[int, Sent] = {}
        self._next = 1
        self._room = asyncio.Event()

    async def run(self) -> None:
        while self._ledger.sent < self._ledger.wanted:
            try:
                reader, writer = await asyncio.open_unix_connection(self._path, limit=1 << 20)
            except OSError:
                await asyncio.sleep(0.001)
                continue
            self._ledger.connections += 1
            self._awaited, self._next = {}, 1
            reading = asyncio.create_task(self._read(reader))
            try:
                await self._write(writer, reading)
            except (Cut, OSError):
                pass
            finally:
                reading.cancel()
                await asyncio.wait([reading])
                writer.close()
                self._ledger.cut += len(self._awaited)

    async def _write(self, writer: asyncio.StreamWriter, reading: asyncio.Task[None]) -> None:
        while self._ledger.sent < self._ledger.wanted:
            while len(self._awaited) >= AWAITED_MAX:
                await self._wait(reading)
            for _ in range(self._chance.randrange(1, 9)):
                writer.write(self._request())
            await writer.drain()
            if reading.done():
                raise Cut
        while self._awaited:
            await self._wait(reading)

    async def _wait(self, reading: asyncio.Task[None]) -> None:
        """Until there was a reply. None at all for long, without a fault that lasts, is a loss."""
        if reading.done():
            raise Cut
        self._room.clear()
        try:
            await asyncio.wait_for(self._room.wait(), ANSWERED_WITHIN_S)
        except TimeoutError:
            for sent in self._awaited.values():
                self._ledger.mistake("lost", sent.entry)
            raise Cut from None

    def _request(self) -> bytes:
        request_id, self._next = self._next, self._next + 1
        self._ledger.sent += 1
        body, sent = self._kinds.next(self._ledger.sent, self._wire)
        self._awaited[request_id] = sent
        data = frame(encode_body(self._wire, body | {"request_id": request_id}))
        if sent.entry == "db_query" and self._chance.random() < 0.02:
            # The cancel is a request of its own, with a reply of its own.
            cancel_id, self._next = self._next, self._next + 1
            self._ledger.sent += 1
            payload = encode({"request_id": request_id}, self._wire)
            asked = envelope(self._wire, cancel_id, "__cancel__", 0, self._wire, payload)
            self._awaited[cancel_id] = Sent("__cancel__", lambda r: r.status == "Ok")
            was_right = sent.is_right
            sent.is_right = lambda r: r.status == "Cancelled" or was_right(r)
            data += frame(encode_body(self._wire, asked))
        return data

    async def _read(self, reader: asyncio.StreamReader) -> None:
        try:
            while True:
                (size,) = struct.unpack("<I", await reader.readexactly(4))
                self._note(await reader.readexactly(size))
                self._room.set()
        except (asyncio.IncompleteReadError, OSError):
            return
        finally:
            self._room.set()

    def _note(self, body: bytes) -> None:
        try:
            reply = decode_reply(body)
        except (ProtocolViolation, ValueError) as error:
            return self._ledger.mistake("broken", error)
        sent = self._awaited.get(reply.request_id)
        if sent is None:
            kind = "doubled" if 0 < reply.request_id < self._next else "crossed"
            return self._ledger.mistake(kind, reply)
        if reply.entry != sent.entry or reply.wire != self._wire:
            return self._ledger.mistake("crossed", f"{sent.entry} was answered {reply}")
        if not sent.is_right(reply):
            self._ledger.mistake("wrong", reply)
        if reply.seq is not None:
            if reply.seq != sent.seq:
                self._ledger.mistake("out of order", reply)
            sent.seq += 1
        if reply.is_last:
            del self._awaited[reply.request_id]
            self._ledger.answered += 1
            self._ledger.statuses[reply.status] += 1
        return None


async def keep(path: Path, wanted: int, clients: int = CLIENTS) -> Ledger:
    """Sends so many requests, or a few more, by so many clients; returns when each has an end."""
    ledger = Ledger(wanted)
    await asyncio.gather(*(Client(ledger, path, number).run() for number in range(clients)))
    return ledger
