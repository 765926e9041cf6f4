"""A ledger of replies: many clients, mixed requests, frames in any splitting, connections that are cut.

Every request is answered exactly once, by what it asked for, or its connection was cut. The number of
requests is MOLT_LEDGER_REQUESTS; `make ledger` runs ten million.
"""

from __future__ import annotations

import asyncio
import os
import random
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from conformance.codec import WIRES, Reply, decode_reply, encode_body, envelope, frame, to_json
from conformance.data import make_items
from servers.bounded import bounded_in_time
from servers.worker import Worker

REQUESTS = int(os.environ.get("MOLT_LEDGER_REQUESTS", "100000"))
CLIENTS = 64
IN_FLIGHT = 16
CUTS_EVERY = 500  # requests of a client, about


@dataclass
class Ledger:
    """What became of all requests."""

    sent: int = 0
    answered: int = 0
    busy: int = 0
    cut: int = 0
    wrong: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Asked:
    """A request, and what its answer must hold."""

    entry: str
    payload: Any
    expected: Any


def ask(number: int, chance: random.Random) -> Asked:
    kind = chance.randrange(10)
    if kind < 4:
        return Asked("__ping__", None, None)
    if kind < 6:
        return Asked("compute", {"values": [number]}, [float(number)])
    if kind < 9:
        text = {"mode": "positional", "values": [number]}
        return Asked("db_query", {"sql": "select ?", "params": text}, [[number]])
    return Asked("nothing_of_this_name", {}, "InvalidInput")


class Caller:
    """One client after the other, each until its connection is cut."""

    def __init__(self, path: Path, seed: int, ledger: Ledger) -> None:
        self._path = path
        self._chance = random.Random(seed)
        self._ledger = ledger
        self._wire = WIRES[seed % len(WIRES)]
        self._under_way: dict[int, Asked] = {}
        self._next_id = 1

    async def run(self, requests: int) -> None:
        left = requests
        while left > 0:
            part = min(left, self._chance.randrange(1, 2 * CUTS_EVERY))
            await self._connection(part, is_cut=part < left)
            left -= part

    async def _connection(self, requests: int, *, is_cut: bool) -> None:
        reader, writer = await asyncio.open_unix_connection(self._path, limit=1 << 20)
        left = requests
        while left > 0:
            count = min(left, self._chance.randrange(1, IN_FLIGHT + 1))
            left -= count
            await self._write(writer, b"".join(self._request() for _ in range(count)))
            if is_cut and left == 0:
                break
            while self._under_way:
                self._take(await self._read(reader))
        self._ledger.cut += len(self._under_way)
        self._under_way.clear()
        writer.close()
        await writer.wait_closed()

    def _request(self) -> bytes:
        number = self._next_id
        self._next_id += 1
        asked = ask(number, self._chance)
        self._under_way[number] = asked
        self._ledger.sent += 1
        codec = "raw" if asked.payload is None else "json"
        payload = b"" if asked.payload is None else to_json(asked.payload)
        body = envelope(self._wire, number, asked.entry, 0, codec, payload)
        return frame(encode_body(self._wire, body))

    async def _write(self, writer: asyncio.StreamWriter, data: bytes) -> None:
        while data:
            size = self._chance.choice((1, 3, 40, 4096, len(data)))
            writer.write(data[:size])
            data = data[size:]
            if self._chance.random() < 0.2:
                await writer.drain()
                await asyncio.sleep(0)

    async def _read(self, reader: asyncio.StreamReader) -> Reply:
        (length,) = struct.unpack("<I", await reader.readexactly(4))
        return decode_reply(await reader.readexactly(length))

    def _take(self, reply: Reply) -> None:
        asked = self._under_way.pop(reply.request_id, None)
        if asked is None:
            self._ledger.wrong.append(f"nobody asked for {reply.request_id}")
            return
        self._ledger.answered += 1
        if reply.status == "Busy":
            self._ledger.busy += 1
        elif asked.expected == "InvalidInput":
            if reply.status != "InvalidInput":
                self._ledger.wrong.append(f"{asked} was answered {reply.status}")
        elif reply.status != "Ok" or _content(asked, reply) != asked.expected:
            self._ledger.wrong.append(f"{asked} was answered {reply}")


def _content(asked: Asked, reply: Reply) -> Any:
    if asked.expected is None:
        return None
    return reply.value["rows" if asked.entry == "db_query" else "scaled"]


@pytest.fixture(autouse=True)
def bounded() -> Iterator[None]:
    """By how much there is to do, at 500 requests a second."""
    with bounded_in_time(60 + REQUESTS // 500):
        yield


@pytest.fixture
def worker_at(tmp_path: Path) -> Path:
    return tmp_path / "w.sock"


def test_every_request_is_answered_once(worker_at: Path, tmp_path: Path) -> None:
    database = tmp_path / "items.db"
    make_items(database)
    ledger = Ledger()

    async def all_of_them() -> None:
        callers = (Caller(worker_at, seed, ledger) for seed in range(CLIENTS))
        await asyncio.gather(*(caller.run(REQUESTS // CLIENTS) for caller in callers))

    with Worker("--socket", worker_at, env={"MOLT_DB_SQLITE_PATH": database}) as worker:
        worker.connect(worker_at).close()
        asyncio.run(all_of_them())
        # It still serves, and has forgotten all that was cut.
        final = Ledger()
        asyncio.run(Caller(worker_at, 0, final).run(CUTS_EVERY))
        assert final.wrong == []
    assert ledger.wrong == []
    assert ledger.sent == REQUESTS // CLIENTS * CLIENTS
    assert ledger.answered + ledger.cut == ledger.sent
    assert ledger.answered > ledger.sent * 0.9
    assert ledger.busy < ledger.sent * 0.5
