"""Every request is answered exactly once, by its own reply, or its connection was cut.

`make ledger` sends ten million; MOLT_LEDGER_REQUESTS says how many.
"""

from __future__ import annotations

import asyncio
import os
import random
import sqlite3
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from client.fake_worker import FakeWorker
from client.ledger import CLIENTS, Client, Ledger, Sent, keep
from client.tools import SocketWorker
from conformance.codec import pack
from servers.fault_proxy import (
    DIRECTIONS,
    CutAfter,
    Delay,
    Fault,
    FaultProxy,
    Pass,
    Slice,
    Stall,
)
from servers.processes import wait_until

REQUESTS = int(os.environ.get("MOLT_LEDGER_REQUESTS", "100000"))
CHANGES_AFTER_S = 0.03  # the weather, not what the test waits for


@pytest.fixture
def noted(tmp_path: Path) -> Iterator[tuple[SocketWorker, Path]]:
    """A worker with a table `noted`, in which each write leaves its number."""
    path = tmp_path / "noted.db"
    connection = sqlite3.connect(path)
    connection.execute("pragma journal_mode = wal")
    connection.execute("create table noted (n integer)")
    connection.close()
    url = f"sqlite:///{path}?mode=rw"
    with SocketWorker({"default": url}, "--max-queue", 256) as worker:
        yield worker, path


@contextmanager
def weather(proxy: FaultProxy) -> Iterator[None]:
    """Changes all the time, on both sides of the proxy."""
    stop = threading.Event()
    chance = random.Random(1)

    def next_fault() -> Fault:
        return chance.choice(
            [Pass(), Pass(), Delay(0.002), Slice(chance.randrange(200, 3000)),
             CutAfter(chance.randrange(0, 20_000)), Stall()]
        )  # fmt: skip

    def change() -> None:
        while not stop.wait(CHANGES_AFTER_S):
            for direction in DIRECTIONS:
                proxy.set(Pass(), direction)
            which = chance.randrange(
                max(0, len(proxy.connections) - CLIENTS), len(proxy.connections) + 1
            )
            fault = next_fault()
            direction = chance.choice(DIRECTIONS)
            proxy.set(fault, direction, which)
            if isinstance(fault, Stall) or chance.random() < 0.2:
                stop.wait(CHANGES_AFTER_S)
                proxy.set(Pass(), direction, which)
            if chance.random() < 0.1:
                proxy.set(chance.choice([Slice(400), Delay(0.001)]), chance.choice(DIRECTIONS))
            if chance.random() < 0.2:
                proxy.cut(which)

    changing = threading.Thread(target=change)
    changing.start()
    try:
        yield
    finally:
        stop.set()
        changing.join()


def assert_sound(ledger: Ledger) -> None:
    assert not ledger.mistakes, ledger.report() + "\n" + "\n".join(ledger.shown)
    assert ledger.sent >= ledger.wanted
    assert ledger.sent == ledger.answered + ledger.cut, ledger.report()


def sockets(worker: SocketWorker) -> int:
    found = 0
    for entry in Path(f"/proc/{worker.pid}/fd").iterdir():
        with suppress(FileNotFoundError):
            found += os.readlink(entry).startswith("socket:")
    return found


def test_every_request_has_one_reply(noted: tuple[SocketWorker, Path]) -> None:
    worker, path = noted
    ledger = asyncio.run(keep(worker.path, REQUESTS // 5))
    assert_sound(ledger)
    assert ledger.cut == 0
    assert ledger.connections == CLIENTS
    assert {"Ok", "InvalidInput", "Timeout"} <= ledger.statuses.keys()
    assert_written_once(path)


def test_every_request_has_one_reply_or_was_cut_off(
    noted: tuple[SocketWorker, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    worker, path = noted
    before = sockets(worker)
    with (
        tempfile.TemporaryDirectory(prefix="molt-proxy-", dir="/tmp") as folder,
        FaultProxy(worker.path, Path(folder)) as proxy,
    ):
        # The clients are not on the proxy's thread, so their GIL is free for it.
        with weather(proxy):
            ledger = asyncio.run(keep(proxy.path, REQUESTS))
        proxy.clear()
    with capsys.disabled():
        print(f"\n{ledger.report()}")
    assert_sound(ledger)
    assert ledger.cut > 0
    assert_written_once(path)
    wait_until(lambda: sockets(worker) <= before, 20, "the worker closes its connections")
    assert_sound(asyncio.run(keep(worker.path, 200, clients=2)))


def assert_written_once(path: Path) -> None:
    connection = sqlite3.connect(path)
    most = connection.execute("select max(c) from (select count(*) c from noted group by n)")
    assert most.fetchone() == (1,)
    connection.close()


def reply_to(request_id: int, entry: str, **more: Any) -> bytes:
    body = {
        "request_id": request_id,
        "status": "Ok",
        "codec": "raw",
        "metrics": {},
        "entry": entry,
        "compiled": 0,
    }
    return pack(body | more)


def test_a_doubled_a_crossed_and_a_wrong_reply_are_seen() -> None:
    """What the ledger is for, it finds."""
    ledger = Ledger(10)
    client = Client(ledger, Path("nowhere"), 0)
    pings = {n: Sent("__ping__", lambda r: r.status == "Ok") for n in (1, 2, 3, 4)}
    client._awaited, client._next = dict(pings), 5
    client._note(reply_to(1, "__ping__"))
    assert not ledger.mistakes
    client._note(reply_to(1, "__ping__"))
    assert ledger.mistakes == {"doubled": 1}
    client._note(reply_to(99, "__ping__"))
    client._note(reply_to(2, "health"))
    assert ledger.mistakes == {"doubled": 1, "crossed": 2}
    client._note(reply_to(3, "__ping__", status="Busy", error="busy"))
    client._note(reply_to(4, "__ping__")[:-1])
    assert ledger.mistakes == {"doubled": 1, "crossed": 2, "wrong": 1, "broken": 1}
    assert ledger.answered == 2


def test_a_lost_reply_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("client.ledger.ANSWERED_WITHIN_S", 0.2)
    with FakeWorker(lambda _: b"", greets=False) as fake:
        ledger = asyncio.run(keep(fake.path, 5, clients=1))
    assert ledger.mistakes["lost"] >= 5
