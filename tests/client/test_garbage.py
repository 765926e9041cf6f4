"""Another side that speaks nonsense: an error in time, whatever comes, and no crash."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

import molt_sql
import molt_worker
from client.fake_worker import FakeWorker, reply
from client.tools import SocketWorker, value
from conformance.codec import FRAME_BYTES_MAX, frame, pack
from molt_sql import (
    MoltError,
    ProtocolError,
    WorkerUnavailableError,
    connect,
    raw,
    table,
)

Request = dict[str, Any]
MAGIC = b"MOLTCOL\x01"


def cut(request: Request) -> bytes:
    return reply(request, b"x" * 100)[:-50]


# What comes in place of a frame, and the error that it is.
NONSENSE: dict[str, tuple[Callable[[Request], bytes | None], type[MoltError]]] = {
    "text": (lambda _: b"HTTP/1.1 400 Bad Request\r\n\r\n", ProtocolError),
    "a frame that is too long": (lambda _: struct.pack("<I", FRAME_BYTES_MAX + 1), ProtocolError),
    "the longest length": (lambda _: b"\xff" * 64, ProtocolError),
    "an empty frame": (lambda _: frame(b""), ProtocolError),
    "no MsgPack": (lambda _: frame(b"\xc1\xc1\xc1"), ProtocolError),
    "no map": (lambda _: frame(pack([1, 2])), ProtocolError),
    "an empty map": (lambda _: frame(pack({})), ProtocolError),
    "no status": (lambda r: frame(pack({"request_id": r["request_id"]})), ProtocolError),
    "an unknown status": (lambda r: reply(r, status="Perhaps"), ProtocolError),
    "an unknown codec": (lambda r: reply(r, codec="xml"), ProtocolError),
    "bytes after the map": (lambda r: frame(reply(r)[4:] + b"\x00"), ProtocolError),
    "deeply nested": (lambda _: frame(b"\x91" * 100_000 + b"\xc0"), ProtocolError),
    "JSON that breaks off": (lambda _: frame(b'{"request_id": 1'), ProtocolError),
    "the end": (lambda _: None, WorkerUnavailableError),
}


@pytest.mark.parametrize("kind", NONSENSE)
def test_what_is_no_reply_is_an_error(kind: str) -> None:
    answer, error = NONSENSE[kind]
    with FakeWorker(answer) as fake, connect(fake.url) as db:
        for _ in range(2):
            with pytest.raises(error):
                value(db, "select 1", timeout=10)


@pytest.mark.parametrize("kind", NONSENSE)
def test_what_is_no_reply_to_hello_is_an_error_of_connect(kind: str) -> None:
    answer, error = NONSENSE[kind]
    with FakeWorker(answer, greets=False) as fake, pytest.raises(error):
        connect(fake.url, connect_timeout=10)


HELLOS: dict[str, object] = {
    "no map": [1],
    "no aliases": {"protocol": 1},
    "aliases that are none": {"protocol": 1, "aliases": 5},
    "an unknown engine": {"protocol": 1, "aliases": {"default": "no such engine"}},
}


@pytest.mark.parametrize("kind", HELLOS)
def test_a_hello_of_something_else_is_an_error(kind: str) -> None:
    def answer(request: Request) -> bytes:
        return reply(request, pack(HELLOS[kind]), "msgpack")

    with FakeWorker(answer, greets=False) as fake, pytest.raises(ProtocolError):
        connect(fake.url)


def test_a_connection_that_ends_within_a_frame_is_an_error() -> None:
    seen = []

    def answer(request: Request) -> bytes | None:
        seen.append(request)
        return cut(request) if len(seen) == 1 else None

    with FakeWorker(answer) as fake, connect(fake.url) as db:
        with pytest.raises(molt_sql.TimeoutError):  # the rest may still come
            value(db, "select 1", timeout=0.3)
        with pytest.raises(WorkerUnavailableError):
            value(db, "select 1", timeout=10)


def test_replies_to_nobody_are_dropped() -> None:
    def answer(request: Request) -> bytes:
        stranger = dict(request, request_id=request["request_id"] + 1_000_000)
        again = reply(request, pack({"rows_affected": 3}), "msgpack")
        return reply(stranger) + again + again + reply(stranger)

    with FakeWorker(answer) as fake, connect(fake.url) as db:
        for _ in range(5):
            done = raw("delete from t").on(db).execute(timeout=10).result()
            assert done.rows_affected == 3


@pytest.mark.parametrize("payload", [b"", b"\x80", pack([1]), pack({"rows_affected": "many"})])
def test_a_write_without_its_number_of_rows_is_an_error(payload: bytes) -> None:
    with (
        FakeWorker(lambda r: reply(r, payload, "msgpack")) as fake,
        connect(fake.url) as db,
        pytest.raises(ProtocolError),
    ):
        raw("delete from t").on(db).execute(timeout=10).result()


def test_no_answer_at_all_ends_at_the_deadline() -> None:
    with FakeWorker(lambda _: b"") as fake, connect(fake.url) as db:
        with pytest.raises(molt_sql.TimeoutError):
            value(db, "select 1", timeout=0.3)
        with pytest.raises(MoltError):
            raw("delete from t").on(db).execute(timeout=0.3).result()


def test_an_answer_byte_by_byte_is_one() -> None:
    """Of a real worker's reply; the reader may not depend on how it is cut."""
    good = MAGIC + struct.pack("<I", 0) + struct.pack("<q", 0)

    def answer(request: Request) -> bytes:
        return reply(request, good, seq=0, more=False)

    with FakeWorker(answer) as fake, connect(fake.url) as db:
        assert len(raw("select").on(db).fetch_all(timeout=10).result()) == 0


def columns_of(worker: SocketWorker, sql: str) -> bytes:
    """What a real worker sends."""
    import json

    body = json.dumps({"sql": sql, "result_format": "columns"}).encode()
    with molt_worker.connect(worker.url(None)) as client:
        payload: bytes = client.request("db_query", body, "json").result().payload
        return payload


SQL = "select n, s, n / 3.0 as f, case n % 2 when 0 then n else s end as mixed from t limit 7"


def fetch_bytes(payload: bytes) -> Any:
    def answer(request: Request) -> bytes:
        return reply(request, payload, seq=0, more=False)

    with FakeWorker(answer) as fake, connect(fake.url) as db:
        result = raw("select x").on(db).fetch_all(timeout=20).result()
        return [tuple(row) for row in result]


def test_the_columns_of_a_worker_are_read(worker: SocketWorker) -> None:
    rows = fetch_bytes(columns_of(worker, SQL))
    assert rows[2] == (2, "row 2", 2 / 3.0, 2)
    assert len(rows) == 7


def in_turn(payloads: list[bytes]) -> Callable[[Request], bytes]:
    """Answers each request with the next."""
    answers = iter(payloads)
    return lambda request: reply(request, next(answers), seq=0, more=False)


def test_columns_cut_anywhere_are_an_error(worker: SocketWorker) -> None:
    whole = columns_of(worker, SQL)
    payloads = [whole[:size] for size in range(1, len(whole))]
    whole_parts = 0
    with FakeWorker(in_turn(payloads)) as fake, connect(fake.url) as db:
        for _ in payloads:
            try:
                found = raw("select x").on(db).fetch_all(timeout=20).result()
                assert len(found) == 0  # cut after its fields
                whole_parts += 1
            except ProtocolError:
                pass
    assert whole_parts <= 1


def test_columns_with_any_bytes_changed_are_a_result_or_an_error(worker: SocketWorker) -> None:
    whole = columns_of(worker, SQL)
    chance = random.Random(7)
    payloads = []
    for at in range(len(whole)):
        changed = bytearray(whole)
        changed[at] ^= 1 << chance.randrange(8)
        payloads.append(bytes(changed))
        changed[at] = 0xFF
        payloads.append(bytes(changed))
    for _ in range(300):
        changed = bytearray(whole)
        for _ in range(chance.randrange(2, 6)):
            changed[chance.randrange(len(changed))] = chance.randrange(256)
        payloads.append(bytes(changed))
    errors = 0
    with FakeWorker(in_turn(payloads)) as fake, connect(fake.url) as db:
        for _ in payloads:
            try:
                found = raw("select x").on(db).fetch_all(timeout=20).result()
                repr([tuple(row) for row in found])
                found.to_arrow().validate(full=True)
            except (MoltError, UnicodeDecodeError):
                errors += 1
    assert errors > len(payloads) / 4


LARGE_CLAIMS = {
    "rows": MAGIC + struct.pack("<I", 0) + struct.pack("<q", 2**62),
    "negative rows": MAGIC + struct.pack("<I", 0) + struct.pack("<q", -1),
    "fields": MAGIC + struct.pack("<I", 2**32 - 1),
    "no magic": b"ARROW1\0\0" * 4,
    "nothing": b"",
}


@pytest.mark.parametrize("kind", LARGE_CLAIMS)
def test_what_is_claimed_is_not_believed(kind: str) -> None:
    if kind == "rows":
        # So many rows of no columns are right, and take no memory.
        def answer(request: Request) -> bytes:
            return reply(request, LARGE_CLAIMS[kind], seq=0, more=False)

        with FakeWorker(answer) as fake, connect(fake.url) as db, suppress(MoltError):
            raw("select").on(db).fetch_all(timeout=20).result()
        return
    if kind == "nothing":
        with pytest.raises(MoltError):
            fetch_bytes(b"")
        return
    with pytest.raises(ProtocolError):
        fetch_bytes(LARGE_CLAIMS[kind])


def test_tables_and_plans_that_are_none_are_errors() -> None:
    with FakeWorker(lambda r: reply(r, pack({"x": 1}), "msgpack")) as fake, connect(fake.url) as db:
        with pytest.raises(ProtocolError):
            db.table_names()
        with pytest.raises(ProtocolError):
            raw("select 1").on(db).explain(timeout=10).result()
        with pytest.raises(ProtocolError):
            table("t").query().on(db).fetch_all(timeout=10).result()
