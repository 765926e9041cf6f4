"""A client that does not read its replies: it costs a bounded amount of memory, and nobody else."""

from __future__ import annotations

import socket
import sqlite3
from itertools import accumulate
from pathlib import Path
from typing import Any

import pytest

from conformance.client import Channel, Client
from conformance.codec import Wire, encode
from conformance.conftest import Running, Start
from conformance.data import ENDLESS
from servers.processes import wait_until

MIB = 1 << 20
CLIENT_BYTES_MAX = 32 * MIB
# Far more than a client may hold, of results that are each less.
LARGE_BYTES, LARGE_COUNT = 12 * MIB, 30
LARGE = f"select n, hex(zeroblob({LARGE_BYTES // 4})) as filler from (select 1 as n union select 2)"
# What may be held, and what the database and the making of a few results take beside it.
GROWTH_MAX = CLIENT_BYTES_MAX + 224 * MIB
ENDLESS_ROWS = (
    "with recursive c(n) as (select 1 union all select n + 1 from c)"
    " select n, hex(zeroblob(4096)) as filler from c"
)


def start_bounded(start: Start, tmp_path: Path, url: str) -> Running:
    config = tmp_path / "worker.toml"
    config.write_text(f'max_client_bytes = {CLIENT_BYTES_MAX}\n[databases]\ndefault = "{url}"\n')
    return start("--config", config, "--threads", 2, "--max-queue", 100)


@pytest.fixture
def running(start: Start, items_path: Path, tmp_path: Path) -> Running:
    return start_bounded(start, tmp_path, f"sqlite:///{items_path}")


def peak_bytes(running: Running) -> int:
    """The most memory that the worker has ever had."""
    status = Path(f"/proc/{running.worker.pid}/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


class Silent:
    """A connection whose replies nobody reads, until somebody does."""

    def __init__(self, running: Running, wire: Wire) -> None:
        self._socket: socket.socket = running.worker.connect(running.path)
        self._socket.setblocking(False)
        self.client = Client(Channel(fd := self._socket.detach(), fd), wire)
        self._writer = socket.socket(fileno=fd)

    def send(self, frames: bytes) -> int:
        """As much of it as the worker takes."""
        try:
            return self._writer.send(frames)
        except BlockingIOError:
            return 0

    def close(self) -> None:
        self._writer.detach()
        self.client.close()


def running_requests(client: Client) -> int:
    count: int = client.call("health").value["databases"]["default"]["running"]
    return count


def wait_until_idle(client: Client) -> None:
    """Until nothing runs for any client."""
    wait_until(lambda: all(running_requests(client) == 0 for _ in range(10)), 30)


def read_large(
    silent: Silent, entry: str, payload: Any, running: Running, other: Client, **options: Any
) -> None:
    """Asks for a lot at once, and reads it late."""
    before = peak_bytes(running)
    frames = b"".join(
        silent.client.encode(entry, payload, request_id=n, **options) for n in range(LARGE_COUNT)
    )
    assert silent.send(frames) == len(frames)
    wait_until_idle(other)
    assert other.query("select 1 as n").value["rows"] == [[1]]
    large = other.query(LARGE, result_format="csv")
    assert (large.status, large.metrics["db_row_count"]) == ("Ok", 2)
    assert peak_bytes(running) - before < GROWTH_MAX

    for n in range(LARGE_COUNT):
        reply = silent.client.reply_to(n, 30)
        assert reply.status == "Ok", reply.error
        assert len(reply.payload) > LARGE_BYTES
    assert peak_bytes(running) - before < GROWTH_MAX
    silent.client.ping()


def test_unread_results_are_bounded_and_all_come_when_they_are_read(
    running: Running, wire: Wire
) -> None:
    silent, other = Silent(running, "msgpack"), running.client(wire)
    other.ping()
    payload = {"sql": LARGE, "result_format": "csv"}
    read_large(silent, "db_query", payload, running, other)
    silent.close()


def test_unread_batches_are_bounded_and_all_come_when_they_are_read(running: Running) -> None:
    silent, other = Silent(running, "msgpack"), running.client()
    other.ping()
    half = LARGE.replace("(select 1 as n union select 2)", "(select 1 as n)")
    query = {"sql": half, "result_format": "csv"}
    read_large(silent, "db_batch", {"queries": [query, query]}, running, other)
    silent.close()


@pytest.mark.parametrize("codec", ["json", "msgpack"])
def test_unread_pages_of_items_are_bounded_and_all_come_when_they_are_read(
    start: Start, own_items: Path, tmp_path: Path, codec: str
) -> None:
    connection = sqlite3.connect(own_items)
    connection.execute(
        "with recursive c(n) as (select 1 union all select n + 1 from c where n < ?)"
        " insert into items (user_id, created_at, status, title, unread)"
        " select 9, '', 'open', replace(hex(zeroblob(?)), '00', 'xx'), 0 from c",
        (LARGE_BYTES // MIB + 1, MIB // 2),
    )
    connection.commit()
    connection.close()
    running = start_bounded(start, tmp_path, f"sqlite:///{own_items}")
    silent, other = Silent(running, "msgpack"), running.client()
    other.ping()
    page = encode({"user_id": 9}, codec)
    read_large(silent, "list_items", page, running, other, codec=codec)
    silent.close()


def test_results_of_postgresql_are_bounded_too(start: Start, pg_url: str, tmp_path: Path) -> None:
    running = start_bounded(start, tmp_path, pg_url)
    silent, other = Silent(running, "msgpack"), running.client()
    other.ping()
    before = peak_bytes(running)
    sql = f"select n, repeat('x', 4096) as filler from generate_series(1, {LARGE_BYTES // 4096}) n"
    payload = {"sql": sql, "result_format": "csv", "max_rows": 1_000_000}
    frames = b"".join(
        silent.client.encode("db_query", payload, request_id=n) for n in range(LARGE_COUNT)
    )
    assert silent.send(frames) == len(frames)
    wait_until_idle(other)
    assert other.query("select 1 as n").value["rows"] == [[1]]
    for n in range(LARGE_COUNT):
        reply = silent.client.reply_to(n, 30)
        assert (reply.status, len(reply.payload) > LARGE_BYTES) == ("Ok", True), reply.error
    assert peak_bytes(running) - before < GROWTH_MAX
    silent.close()


def test_unread_small_replies_stop_the_reading(running: Running, wire: Wire) -> None:
    silent, other = Silent(running, wire), running.client(wire)
    other.ping()
    before = peak_bytes(running)
    # Answered at once, with nine times as much.
    payload = {"values": [1] * 1000}
    frames = [silent.client.encode("compute", payload, request_id=n) for n in range(10_000)]
    left = memoryview(b"".join(frames))
    total = len(left)
    without_progress = 0
    while left and without_progress < 100:
        sent = silent.send(left[:65536])
        left = left[sent:]
        without_progress = 0 if sent else without_progress + 1
        other.ping()
    assert len(left) > total // 2
    assert other.query("select 1 as n").value["rows"] == [[1]]
    assert peak_bytes(running) - before < GROWTH_MAX
    # It stopped between requests that had come already: those are answered when it is read.
    taken = total - len(left)
    for n, end in enumerate(accumulate(map(len, frames))):
        if end <= taken:
            assert silent.client.reply_to(n).value["count"] == 1000
    silent.close()


def test_a_stream_waits_until_its_client_reads(running: Running) -> None:
    silent, other = Silent(running, "msgpack"), running.client()
    other.ping()
    before = peak_bytes(running)
    payload = {"sql": ENDLESS_ROWS, "result_format": "csv", "max_rows": 2**31}
    frame = silent.client.encode("db_query", payload, request_id=7, stream={"window": 1024})
    assert silent.send(frame) == len(frame)
    # The large read takes its turn on the same threads while the stream has credit for a GiB.
    for _ in range(20):
        assert other.query(LARGE, result_format="csv").status == "Ok"
    assert peak_bytes(running) - before < GROWTH_MAX
    for _ in range(40):
        assert silent.client.reply_to(7).more is True
    assert silent.client.cancel(7).status == "Ok"
    while (reply := silent.client.reply_to(7)).more:
        pass
    assert reply.status == "Cancelled"
    silent.close()


def test_a_stream_that_nobody_reads_ends_at_its_deadline(running: Running) -> None:
    silent, other = Silent(running, "msgpack"), running.client()
    payload = {"sql": ENDLESS_ROWS, "result_format": "csv", "max_rows": 2**31}
    frame = silent.client.encode(
        "db_query", payload, request_id=7, stream={"window": 1024}, timeout_ms=1500
    )
    assert silent.send(frame) == len(frame)
    wait_until(lambda: running_requests(other) == 1)
    wait_until_idle(other)
    while (reply := silent.client.reply_to(7)).more:
        pass
    assert reply.status == "Timeout"
    silent.close()


def test_health_is_answered_to_a_client_that_holds_all_it_may(running: Running) -> None:
    silent, other = Silent(running, "msgpack"), running.client()
    payload = {"sql": LARGE, "result_format": "csv"}
    frames = [silent.client.encode("db_query", payload, request_id=n) for n in range(LARGE_COUNT)]
    assert silent.send(b"".join(frames)) > 0
    wait_until_idle(other)
    # Of those that wait for room, one is cancelled: control messages are read once it reads.
    for n in range(LARGE_COUNT - 1):
        silent.client.reply_to(n, 30)
    assert silent.client.call("health").status == "Ok"
    assert silent.client.reply_to(LARGE_COUNT - 1, 30).status == "Ok"
    silent.close()


def test_requests_under_way_may_not_be_too_long_together(start: Start, items_path: Path) -> None:
    running = start("--threads", 1, "--max-queue", 20, env={"MOLT_DB_SQLITE_PATH": items_path})
    client = running.client()
    payload = {"sql": ENDLESS, "unused": "x" * (15 * MIB)}
    # 120 MiB of the 128 that are allowed.
    ids = [client.send("db_query", payload) for _ in range(8)]
    reply = client.call("db_query", payload)
    assert reply.status == "Busy", reply.error
    for request_id in ids:
        client.cancel(request_id)
        assert client.reply_to(request_id).status == "Cancelled"
    assert client.query("select 1 as n", unused=payload["unused"]).status == "Ok"
