"""Frames arrive in any splitting; a length that promises too much costs nothing."""

from __future__ import annotations

import os
import random
import struct
from pathlib import Path

import pytest

from conformance.client import Client, Closed
from conformance.codec import FRAME_BYTES_MAX, Wire, encode_body, envelope, frame
from conformance.conftest import Start
from servers.processes import wait_until


def ping(client: Client, request_id: int) -> bytes:
    return client.encode("__ping__", request_id=request_id)


def test_a_frame_may_come_byte_by_byte(client: Client) -> None:
    for byte in ping(client, 7):
        client.channel.send(bytes([byte]))
    assert client.receive().request_id == 7


def test_many_frames_may_come_in_one_write(client: Client) -> None:
    client.channel.send(b"".join(ping(client, i) for i in range(100)))
    assert sorted(client.receive().request_id for _ in range(100)) == list(range(100))


@pytest.mark.parametrize("seed", range(5))
def test_frames_may_be_cut_anywhere(client: Client, seed: int) -> None:
    dice = random.Random(seed)
    data = b"".join(ping(client, i) for i in range(20))
    cuts = sorted(dice.sample(range(1, len(data)), 60))
    for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True):
        client.channel.send(data[start:end])
    assert sorted(client.receive().request_id for _ in range(20)) == list(range(20))


def test_the_rest_of_a_frame_may_come_after_other_answers(client: Client) -> None:
    first, second = ping(client, 1), ping(client, 2)
    client.channel.send(first + second[:6])
    assert client.receive().request_id == 1
    client.channel.send(second[6:])
    assert client.receive().request_id == 2


@pytest.mark.parametrize("length", [FRAME_BYTES_MAX + 1, 0x7FFF_FFFF, 0xFFFF_FFFF])
def test_a_length_above_64_mib_is_answered_with_id_0_and_closes(
    client: Client, length: int
) -> None:
    client.ping()
    client.channel.send(struct.pack("<I", length))
    reply = client.receive()
    assert (reply.request_id, reply.status, reply.wire) == (0, "InvalidInput", "msgpack")
    client.expect_closed()


def test_a_frame_of_exactly_64_mib_is_read(client: Client, wire: Wire) -> None:
    body = envelope(wire, 9, "__ping__", 0, "raw", None)
    empty: bytes | str = b"" if wire == "msgpack" else ""
    # A value of at least 64 KiB has a header of five bytes in MsgPack.
    header = 5 - 2 if wire == "msgpack" else 0
    room = FRAME_BYTES_MAX - len(encode_body(wire, body | {"ignored": empty})) - header
    filler: bytes | str = b"x" * room if wire == "msgpack" else "x" * room
    full = encode_body(wire, body | {"ignored": filler})
    assert len(full) == FRAME_BYTES_MAX
    client.channel.send(frame(full))
    assert client.receive().request_id == 9


def test_an_empty_frame_is_answered_and_the_connection_goes_on(client: Client) -> None:
    client.send_body(b"")
    reply = client.receive()
    assert (reply.request_id, reply.status, reply.wire) == (0, "InvalidInput", "msgpack")
    client.ping()


def test_one_connection_that_is_closed_for_its_length_leaves_the_others(start: Start) -> None:
    running = start()
    bad, good = running.client(), running.client()
    bad.channel.send(struct.pack("<I", 0xFFFF_FFFF))
    bad.receive()
    bad.expect_closed()
    good.ping()
    running.client().ping()


def test_a_connection_that_ends_within_a_frame_leaves_the_others(start: Start) -> None:
    running = start()
    good = running.client()
    for cut in (1, 4, 20):
        bad = running.client()
        bad.channel.send(ping(bad, 1)[:cut])
        bad.close()
    good.ping()


def test_promised_frames_cost_no_memory(start: Start) -> None:
    running = start()
    running.client().ping()
    before = running.worker.rss_bytes()
    promising = [running.client() for _ in range(50)]
    for client in promising:
        client.channel.send(struct.pack("<I", FRAME_BYTES_MAX) + b"x")
    running.client().ping()
    assert running.worker.rss_bytes() - before < 64 << 20


def test_a_frame_that_comes_slowly_holds_up_no_other_connection(start: Start) -> None:
    running = start()
    slow, quick = running.client(), running.client()
    data = ping(slow, 5)
    for byte in data[:-1]:
        slow.channel.send(bytes([byte]))
        quick.ping()
    slow.channel.send(data[-1:])
    assert slow.receive().request_id == 5


def test_a_client_that_stops_reading_holds_up_no_other(start: Start, items_path: Path) -> None:
    running = start(env={"MOLT_DB_SQLITE_PATH": items_path})
    deaf, good = running.client(), running.client()
    payload = {"sql": "select hex(zeroblob(500000)) as big"}
    fd = running.worker.connect(running.path)
    fd.settimeout(5)
    for request_id in range(20):
        fd.sendall(deaf.encode("db_query", payload, request_id=request_id))
    for _ in range(20):
        good.ping()
        assert good.query("select 1 as n").status == "Ok"
    fd.close()


def test_a_client_that_is_gone_is_noticed_while_it_is_answered(
    start: Start, items_path: Path
) -> None:
    running = start(env={"MOLT_DB_SQLITE_PATH": items_path})
    for _ in range(10):
        gone = running.client()
        gone.send("db_query", {"sql": "select hex(zeroblob(2000000)) as big"})
        gone.close()
    client = running.client()
    client.ping()
    fds = Path(f"/proc/{running.worker.pid}/fd")
    wait_until(lambda: _sockets(fds) <= 3, 10, "the worker closes connections that are gone")


def _sockets(fds: Path) -> int:
    found = 0
    for link in fds.iterdir():
        try:
            found += os.readlink(link).startswith("socket:")
        except FileNotFoundError:
            continue
    return found


def test_stdout_has_frames_and_nothing_else(start: Start, items_path: Path, wire: Wire) -> None:
    running = start(transport="stdio", env={"MOLT_DB_SQLITE_PATH": items_path})
    client = running.client(wire)
    for request_id in (1, 2, 3):
        client.query("select 1 as n", envelope={"request_id": request_id})
        client.call("no_such_entry")
        client.send_body(b"\xc1")
        client.receive()
    client.channel.end_input()
    with pytest.raises(Closed):
        client.receive()
