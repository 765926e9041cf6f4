"""Streams whose clients let nothing more come, while others wait for the same database."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from conformance.client import Client
from conformance.conftest import Running, Start
from conformance.data import ENDLESS
from conformance.test_stream import BIG, ROW_BYTES, ROWS, collect, give_credit, open_stream
from servers.processes import wait_until

WAIT_S = 0.5
"""How long a stream of these workers may wait while others do."""
PLACES = 2


ROWS_OF_POSTGRES = f"select n, repeat('x', {ROW_BYTES}) as filler from generate_series(1, {ROWS}) n"


def settings(tmp_path: Path) -> Path:
    config = tmp_path / "worker.toml"
    config.write_text(f"threads = {PLACES}\nmax_stream_wait_ms = {int(WAIT_S * 1000)}\n")
    return config


@pytest.fixture
def running(start: Start, items_path: Path, tmp_path: Path) -> Running:
    return start("--config", settings(tmp_path), env={"MOLT_DB_SQLITE_PATH": items_path})


def unread(client: Client, sql: str = BIG, **options: object) -> int:
    """A stream that has sent all it may, and waits for more credit; it has no deadline."""
    request_id = open_stream(client, 1, sql, **options)
    assert client.reply_to(request_id).more is True
    return request_id


def test_unread_streams_give_way_to_others_after_a_while(running: Running) -> None:
    holder, other = running.client(), running.client()
    streams = [unread(holder) for _ in range(PLACES)]
    began = time.monotonic()
    reply = other.query("select count(*) as n from items", envelope={"timeout_ms": 8000})
    assert reply.status == "Ok", reply.error
    assert time.monotonic() - began < WAIT_S + 4
    ended = holder.receive()
    assert (ended.request_id in streams, ended.status, ended.is_last) == (True, "Busy", True)
    assert "wait" in ended.error
    # One place was enough: the other stream goes on.
    (left,) = set(streams) - {ended.request_id}
    holder.expect_silence()
    give_credit(holder, left, 1)
    assert holder.reply_to(left).seq == 1


def test_a_request_behind_unread_streams_keeps_its_own_deadline(running: Running) -> None:
    holder, other = running.client(), running.client()
    for _ in range(PLACES):
        unread(holder)
    began = time.monotonic()
    reply = other.query(ENDLESS, envelope={"timeout_ms": 100})
    assert reply.status == "Timeout"
    assert time.monotonic() - began < 2
    holder.expect_silence()


def test_an_unread_stream_waits_as_long_as_nobody_else_does(running: Running) -> None:
    holder, other = running.client(), running.client()
    request_id = unread(holder)
    until = time.monotonic() + 4 * WAIT_S
    while time.monotonic() < until:
        assert other.query("select count(*) as n from items").status == "Ok"
        time.sleep(0.02)
    holder.expect_silence()
    give_credit(holder, request_id, 1)
    rest = [holder.reply_to(request_id)]
    while rest[-1].more:
        give_credit(holder, request_id, 1)
        rest.append(holder.reply_to(request_id))
    assert (rest[-1].status, rest[-1].metrics["db_row_count"]) == ("Ok", ROWS)


def test_a_stream_that_is_read_does_not_give_way(running: Running) -> None:
    """However long it takes, and though others wait for it all the time."""
    holder, reader, other = running.client(), running.client(), running.client()
    unread_one, request_id = unread(holder), unread(reader)
    others = [other.send("db_query", {"sql": f"select {n} from items"}) for n in range(8)]
    seen = 0
    while True:
        time.sleep(WAIT_S / 5)
        give_credit(reader, request_id, 1)
        if not (reply := reader.reply_to(request_id)).more:
            break
        seen += 1
    assert (reply.status, seen > 10) == ("Ok", True)
    assert {each.status for each in other.replies_to(others)} == {"Ok"}
    assert holder.reply_to(unread_one).status == "Busy"


def test_a_stream_whose_replies_are_not_read_gives_way_too(running: Running) -> None:
    """It has credit, and waits since its client does not read what was sent."""
    holders = [running.client() for _ in range(PLACES)]
    endless = (
        "with recursive c(n) as (select 1 union all select n + 1 from c)"
        " select n, hex(zeroblob(4096)) as filler from c"
    )
    for holder in holders:
        open_stream(holder, 1024, endless)
    other = running.client()
    wait_until(lambda: other.call("health").value["databases"]["default"]["running"] == PLACES)
    reply = other.query("select count(*) as n from items", envelope={"timeout_ms": 8000})
    assert reply.status == "Ok", reply.error


@pytest.mark.parametrize("waits_ms", [20, 5000])
def test_unread_streams_of_postgresql_give_way_too(
    start: Start, pg_url: str, tmp_path: Path, waits_ms: int
) -> None:
    """Whether others wait for a connection until there is one, or try again and again."""
    env = {
        "MOLT_DB_POSTGRES_DSN": pg_url,
        "MOLT_DB_POSTGRES_MAX_CONNS": 1,
        "MOLT_DB_POSTGRES_MAX_WAIT_MS": waits_ms,
        "MOLT_DB_POSTGRES_QUERY_TIMEOUT_MS": 60_000,
    }
    running = start("--config", settings(tmp_path), env=env)
    holder, other = running.client(), running.client()
    request_id = unread(holder, ROWS_OF_POSTGRES)
    wait_until(lambda: other.query("select 1 as n").status == "Ok", 10, "the connection is free")
    assert holder.reply_to(request_id).status == "Busy"


def test_an_unread_stream_ends_at_the_deadline_of_its_alias(start: Start, pg_url: str) -> None:
    env = {"MOLT_DB_POSTGRES_DSN": pg_url, "MOLT_DB_POSTGRES_QUERY_TIMEOUT_MS": 700}
    client = start(env=env).client()
    last = client.reply_to(unread(client, ROWS_OF_POSTGRES), 5)
    assert (last.status, last.is_last) == ("Timeout", True)


def test_a_stream_that_gave_way_can_be_asked_for_again(running: Running) -> None:
    holder, other = running.client(), running.client()
    for _ in range(PLACES):
        unread(holder)
    assert other.query("select count(*) as n from items").status == "Ok"
    ended = holder.receive()
    assert ended.status == "Busy"
    assert len(collect(other, open_stream(other, 4))) > 1
