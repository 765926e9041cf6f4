"""A server that sends garbage: an error that says so, no hang, no memory for lengths that lie."""

# ruff: noqa: PT017 (whether there is an error is not known before)

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

import pytest

import molt_sql
from chaos.fake_server import ANSWER, Breakage, FakeServer, columns, error, message, text
from chaos.tools import AT_ONCE_S, eventually, lasts, resident_bytes
from molt_sql import Database, DatabaseError, MoltError, connect, raw

TIMEOUT_S = 0.3
GROWS_BY_BYTES_MAX = 48 << 20
SELECT = "select n, t from somewhere"
# What a client may know of a server that breaks the protocol, or hangs up.
BROKEN = ("08P01", "08006", "08007")


@pytest.fixture
def fake() -> Iterator[FakeServer]:
    with FakeServer() as server:
        yield server


@pytest.fixture
def db(fake: FakeServer) -> Iterator[Database]:
    """With so many connections that nobody waits for those on which the server fell silent."""
    with connect(fake.url, max_connections=50, max_wait=10, connect_timeout=3) as db:
        yield db


def ask(db: Database) -> Any:
    return raw(SELECT).on(db).fetch_all(timeout=TIMEOUT_S).result()


def write(db: Database) -> Any:
    return db.execute(raw("update somewhere set n = 1"), timeout=TIMEOUT_S).result()


def fail(db: Database) -> Any:
    return raw("select 'fails'").on(db).fetch_all(timeout=TIMEOUT_S).result()


def answers(db: Database) -> bool:
    return [tuple(row) for row in ask(db)] == [ANSWER]


@contextmanager
def little_memory() -> Iterator[None]:
    before = resident_bytes()
    yield
    assert resident_bytes() - before < GROWS_BY_BYTES_MAX


def test_the_fake_server_is_no_worse_than_a_server(db: Database) -> None:
    assert answers(db)
    assert write(db).rows_affected == 1
    with pytest.raises(DatabaseError, match="division by zero"):
        fail(db)
    with db.transaction() as tx:
        assert tx.execute(raw("insert into somewhere values (1)")).result().rows_affected == 1
    assert answers(db)


# -- Broken in any way, at any reply ---------------------------------------------------------------


def with_length(length: int) -> Breakage:
    return lambda honest: honest[:1] + struct.pack("!I", length) + honest[5:]


BREAKAGES: dict[str, Breakage] = {
    "nothing": lambda _: b"",
    "hung up": lambda _: None,
    "half a header, then silence": lambda honest: honest[:3],
    "half": lambda honest: honest[: max(5, len(honest) // 2)] if len(honest) > 5 else b"\0",
    "garbage": lambda _: bytes(range(256)) * 4,
    "zeros": lambda _: b"\0" * 1000,
    "text": lambda _: b"HTTP/1.1 400 Bad Request\r\n\r\n" * 9,
    "length 0": with_length(0),
    "length 3": with_length(3),
    "length 0x7fffffff": with_length(0x7FFFFFFF),
    "length 0xffffffff": with_length(0xFFFFFFFF),
    "length 900 MB": with_length(900_000_000),
    "a byte too short": lambda honest: with_length(max(4, len(honest) - 2))(honest),
    "a byte too long": lambda honest: with_length(len(honest))(honest + b"\0"),
    "empty": lambda honest: message(honest[:1].decode()),
    "another type": lambda honest: b"R" + honest[1:],
    "an unknown type": lambda honest: b"\xff" + honest[1:],
    "nobody asked": lambda honest: message("2") + honest,
    "COPY begins": lambda honest: message("W", struct.pack("!bh", 0, 0)) + honest,
    "ones": lambda honest: honest[:5] + b"\xff" * (len(honest) - 5),
}
REPLIES: dict[str, tuple[str, Callable[[Database], Any]]] = {
    "ParseComplete": ("1", ask),
    "BindComplete": ("2", ask),
    "ParameterDescription": ("t", ask),
    "RowDescription": ("T", ask),
    "DataRow": ("D", ask),
    "CommandComplete": ("C", ask),
    "ReadyForQuery": ("Z", ask),
    "ErrorResponse": ("E", fail),
    "NoData": ("n", write),
    "CommandComplete of a write": ("C", write),
    "ReadyForQuery of a write": ("Z", write),
}


# A write takes long to give up, and is the same when it is known.
CASES = [(reply, False) for reply in REPLIES]
CASES += [(reply, True) for reply, (_, request) in REPLIES.items() if request is not write]


@pytest.mark.parametrize(("reply", "warm"), CASES)
def test_a_reply_that_is_broken(fake: FakeServer, db: Database, reply: str, warm: bool) -> None:
    kind, request = REPLIES[reply]
    for name, how in BREAKAGES.items():
        if warm:
            assert answers(db), name
            assert write(db).rows_affected == 1, name
        fake.breaks(kind, how)
        with little_memory(), lasts(0, TIMEOUT_S + 2 + AT_ONCE_S):
            try:
                result = request(db)
            except molt_sql.TimeoutError:
                pass  # of what is too short, the rest is waited for
            except MoltError as caught:
                code = getattr(caught, "code", "")
                is_honest = reply == "ErrorResponse" and "division by zero" in str(caught)
                assert code in BROKEN or is_honest or reply == "ErrorResponse", (name, caught)
                assert str(caught), name
            else:
                # Harmless in this place, or not looked at: then the answer is right nevertheless.
                right = request is ask and [tuple(row) for row in result] == [ANSWER]
                assert right or (request is write and result.rows_affected <= 1), (name, result)
        fake.mends()
        assert eventually(lambda: answers(db), 8), name


ROWS_THAT_LIE = {
    "more cells than there are": struct.pack("!h", 2) + struct.pack("!i", 4) + struct.pack("!i", 7),
    "fewer cells": struct.pack("!hii", 1, 4, 7),
    "more columns": struct.pack("!hiiiii", 3, 4, 7, -1, -1, -1),
    "a negative count": struct.pack("!hii", -1, 4, 7),
    "a cell beyond the end": struct.pack("!hiii", 2, 4, 7, 1000) + b"seven",
    "a cell of 2 GB": struct.pack("!hiii", 2, 4, 7, 0x7FFFFFFF) + b"seven",
    "a cell of length -2": struct.pack("!hiii", 2, 4, 7, -2) + b"seven",
    "an int of 3 bytes": struct.pack("!hi", 2, 3) + b"\0\0\7" + struct.pack("!i", 5) + b"seven",
    "an int of 8 bytes": struct.pack("!hiqi", 2, 8, 7, 5) + b"seven",
    "an int of no bytes": struct.pack("!hii", 2, 0, 5) + b"seven",
    "no UTF-8": struct.pack("!hiii", 2, 4, 7, 5) + b"\xff\xfe\xfd\x80\x81",
    "more after it": struct.pack("!hiii", 2, 4, 7, 5) + b"seven!",
}


@pytest.mark.parametrize("name", ROWS_THAT_LIE)
def test_a_row_that_lies(fake: FakeServer, db: Database, name: str) -> None:
    assert answers(db)
    fake.breaks("D", lambda _: message("D", ROWS_THAT_LIE[name]))
    with little_memory(), lasts(0, AT_ONCE_S), pytest.raises((MoltError, UnicodeDecodeError)):
        [tuple(row) for row in ask(db)]
    fake.mends()
    assert eventually(lambda: answers(db))


DESCRIPTIONS_THAT_LIE = {
    "32,767 columns": message("T", struct.pack("!h", 32767) + columns(1)[7:]),
    "-1 columns": message("T", struct.pack("!h", -1) + columns(1)[7:]),
    "no end of a name": message("T", struct.pack("!h", 1) + b"n" * 100),
    "another column": message("T", columns(1)[5:].replace(b"t\0", b"x\0")),
    "another type": message("T", columns(1)[5:].replace(struct.pack("!I", 25), b"\0\0\0\x11")),
    "another format": columns(0),
    "text of parameters": message("t", b"\x7f\xff" + b"\0" * 8),
}


@pytest.mark.parametrize("name", DESCRIPTIONS_THAT_LIE)
def test_a_description_that_lies(fake: FakeServer, db: Database, name: str) -> None:
    fake.breaks("T", lambda _: DESCRIPTIONS_THAT_LIE[name])
    with little_memory(), lasts(0, TIMEOUT_S + AT_ONCE_S):
        try:
            rows = [tuple(row) for row in ask(db)]
        except MoltError as caught:
            assert str(caught)
        else:
            # Names and types of both answers agree: only then is there a row.
            assert rows in ([ANSWER], [(7, b"seven")]), rows
    fake.mends()
    # What it said of that statement is believed for as long as it is prepared.
    other = raw("select n, t from elsewhere").on(db)
    assert eventually(lambda: other.fetch_all(timeout=TIMEOUT_S).result()[0] == ANSWER)


def test_a_row_that_is_promised_to_be_huge_takes_no_memory_in_advance(
    fake: FakeServer, db: Database
) -> None:
    assert answers(db)
    for length in (1 << 30, 500_000_000, 64 << 20):
        fake.breaks("D", with_length(length))
        for _ in range(3):
            with little_memory(), pytest.raises(MoltError):
                ask(db)
        fake.mends()
        assert eventually(lambda: answers(db))


def test_notices_and_news_without_end_do_not_pile_up(fake: FakeServer, db: Database) -> None:
    assert answers(db)
    notice = b"N" + error("01000", "x" * 1000)[1:]
    news = message("A", struct.pack("!I", 1) + text("channel") + text("y" * 1000))
    setting = message("S", text("application_name") + text("z" * 1000))
    fake.breaks("2", lambda honest: (notice + news + setting) * 1000 + honest)
    with little_memory():
        for _ in range(30):
            found = raw(SELECT).on(db).fetch_all(timeout=20).result()
            assert [tuple(row) for row in found] == [ANSWER]
    fake.mends()
    assert answers(db)


def broken_error(body: bytes, _: bytes) -> bytes:
    return message("E", body)


CATALOGS: dict[str, Callable[[Database], Any]] = {
    "what is prepared": write,
    "columns": lambda db: db.insert("somewhere", [(1, "x")], timeout=TIMEOUT_S).result(),
    "tables": lambda db: db.table_names(),
    "names": lambda db: molt_sql.table("somewhere").query().on(db).fetch_all().result(),
    "parts": lambda db: (
        molt_sql.table("somewhere").query().on(db).fetch_arrow(parallel=2, timeout=1).result()
    ),
}


@pytest.mark.parametrize("name", CATALOGS)
def test_an_answer_of_another_shape_to_a_question_of_the_clients_own(
    fake: FakeServer, db: Database, name: str
) -> None:
    """Nobody but the client looks at it; it is not what was asked for."""
    assert answers(db)
    fake.has_catalogs = False
    with little_memory(), suppress(MoltError):
        CATALOGS[name](db)
    assert eventually(lambda: answers(db), 8)
    fake.has_catalogs = True
    assert eventually(lambda: answers(db), 8)


def test_an_error_without_its_fields_is_an_error(fake: FakeServer, db: Database) -> None:
    for body in (b"\0", b"", b"SERROR\0\0", b"C22012\0M\0\0", b"M" + b"m" * 100_000 + b"\0\0"):
        fake.breaks("E", partial(broken_error, body))
        with little_memory(), pytest.raises(MoltError):
            fail(db)
    fake.mends()
    assert eventually(lambda: answers(db))


# -- While connecting ------------------------------------------------------------------------------

STARTS: dict[str, tuple[str, Breakage]] = {
    "nothing": ("startup", lambda _: None),
    "silence": ("R", lambda _: b""),
    "garbage": ("R", lambda _: bytes(range(1, 256)) * 4),
    "text": ("R", lambda _: b"SSH-2.0-OpenSSH_9.2\r\n"),
    "zeros": ("R", lambda _: b"\0" * 1000),
    "half a message": ("R", lambda honest: honest[:6]),
    "a length that lies": ("R", with_length(0x7FFFFFFF)),
    "a negative length": ("R", with_length(0xFFFFFFF0)),
    "a login that does not exist": ("R", lambda _: message("R", struct.pack("!I", 77))),
    "SASL of an unknown kind": ("R", lambda _: message("R", struct.pack("!I", 10) + b"NO\0\0")),
    "an error without an end": ("R", lambda _: b"E\0\0\0\x50SFATAL\0C28000\0M"),
    "a parameter without an end": ("S", lambda _: message("S", b"x" * 100)),
    "an empty parameter": ("S", lambda _: message("S")),
    "half a key": ("K", lambda _: message("K", b"\0\0")),
    "half the last word": ("first Z", lambda honest: honest[:4]),
    "a row": ("first Z", lambda honest: message("D", struct.pack("!h", 0)) + honest[:2]),
    "no answer about TLS": ("ssl", lambda _: b""),
    "nonsense about TLS": ("ssl", lambda _: b"X"),
    "TLS that is none": ("ssl", lambda _: b"S" + b"\x16\x03\x01" + b"nonsense" * 20),
}


@pytest.mark.parametrize("name", STARTS)
def test_a_broken_start(fake: FakeServer, name: str) -> None:
    reply, how = STARTS[name]
    url = fake.url.replace("disable", "require") if reply == "ssl" else fake.url
    fake.breaks(reply, how)
    with little_memory(), lasts(0, 1 + AT_ONCE_S), pytest.raises(MoltError, match="connect") as e:
        connect(url, connect_timeout=1)
    assert isinstance(e.value, DatabaseError | molt_sql.TimeoutError)
    fake.mends()
    with connect(fake.url) as db:
        assert answers(db)


@pytest.mark.parametrize("name", [name for name in STARTS if "TLS" not in name])
def test_a_pool_outlives_broken_starts(fake: FakeServer, name: str) -> None:
    with connect(fake.url, max_connections=2, connect_timeout=0.3) as db:
        fake.breaks(*STARTS[name])
        with db.transaction() as tx:
            with lasts(0, 1 + AT_ONCE_S), pytest.raises(MoltError):
                raw(SELECT).on(db).fetch_all(timeout=1).result()
            fake.mends()
            assert [tuple(row) for row in raw(SELECT).on(tx).fetch_all().result()] == [ANSWER]
            assert eventually(lambda: answers(db))
        assert answers(db)


def test_a_server_without_tls_where_tls_is_required(fake: FakeServer) -> None:
    for mode in ("require", "verify-ca", "verify-full"):
        with pytest.raises(DatabaseError, match=r"SSL|root certificate"):
            connect(fake.url.replace("disable", mode))
    assert fake.sessions == 0


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("57P03", "the database system is starting up"),
        ("53300", "sorry, too many clients already"),
        ("28P01", 'password authentication failed for user "molt"'),
    ],
)
def test_a_refusal_is_told_in_the_servers_words(fake: FakeServer, code: str, words: str) -> None:
    fake.breaks("R", lambda _: error(code, words, "FATAL"))
    for _ in range(2):
        with lasts(0, AT_ONCE_S), pytest.raises(MoltError, match=words) as caught:
            connect(fake.url)
        if isinstance(caught.value, DatabaseError):
            assert caught.value.code in (code, "08001")
    fake.mends()
    with connect(fake.url) as db:
        assert answers(db)
