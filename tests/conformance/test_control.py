"""Control messages: ping, hello, health, and the many cases of a cancel."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from conformance.client import Client
from conformance.codec import Wire, encode
from conformance.conftest import Shared, Start
from conformance.data import ENDLESS, read_rows


def test_a_ping_is_answered_empty(client: Client) -> None:
    reply = client.call("__ping__")
    assert (reply.status, reply.codec, reply.payload, reply.entry) == ("Ok", "raw", b"", "__ping__")


def test_health_says_ok(client: Client) -> None:
    reply = client.call("health")
    assert reply.codec in ("json", "msgpack")
    assert reply.value["ok"] is True


@pytest.mark.parametrize("codec", ["msgpack", "json"])
def test_health_answers_in_the_codec_that_asked(client: Client, codec: str) -> None:
    assert client.call("health", b"", codec=codec).codec == codec


@pytest.mark.parametrize("codec", ["msgpack", "json"])
def test_hello_describes_the_worker(client: Client, codec: str) -> None:
    reply = client.call("__hello__", b"", codec=codec)
    assert reply.codec == codec
    hello = reply.value
    assert hello["protocol"] == 1
    assert isinstance(hello["server"], str)
    assert hello["server"]
    assert {"health", "db_query", "db_exec", "db_batch"} <= set(hello["entries"])
    assert hello["aliases"] == {"default": "sqlite"}
    assert all(type(limit) is int and limit >= 0 for limit in hello["limits"].values())


@pytest.mark.parametrize("entry", ["no_such_entry", "__no_such__", "", "Health", "db_query "])
def test_an_unknown_entry_is_named(client: Client, entry: str) -> None:
    reply = client.call(entry, request_id=3)
    assert (reply.status, reply.request_id, reply.entry) == ("InvalidInput", 3, entry)
    assert entry in reply.error
    client.ping()


@pytest.mark.parametrize("codec", ["msgpack", "json"])
def test_a_running_request_is_cancelled(client: Client, codec: str) -> None:
    target = client.send("db_query", {"sql": ENDLESS})
    cancel = client.call("__cancel__", {"request_id": target}, codec=codec)
    assert (cancel.status, cancel.codec, cancel.payload) == ("Ok", "raw", b"")
    assert client.reply_to(target).status == "Cancelled"
    assert client.query("select 1 as n").value["rows"] == [[1]]


@pytest.mark.parametrize("request_id", [0, 2**63, 2**64 - 1])
def test_any_id_can_be_cancelled(client: Client, request_id: int) -> None:
    client.send("db_query", {"sql": ENDLESS}, request_id=request_id)
    assert client.cancel(request_id).status == "Ok"
    assert client.reply_to(request_id).status == "Cancelled"


def test_a_cancel_in_the_same_write_reaches_its_target(client: Client) -> None:
    for round_ in range(20):
        target = 100 + round_
        query = client.encode("db_query", {"sql": ENDLESS}, request_id=target)
        cancel = client.encode("__cancel__", {"request_id": target}, request_id=round_ + 1)
        client.channel.send(query + cancel)
        assert client.reply_to(target).status == "Cancelled"
        assert client.reply_to(round_ + 1).status == "Ok"


def test_a_queued_request_is_cancelled_and_never_reaches_the_database(
    start: Start, own_items: Path, wire: Wire
) -> None:
    env = {"MOLT_DB_SQLITE_PATH": own_items, "MOLT_DB_SQLITE_READWRITE": "1"}
    client = start("--threads", 1, env=env).client(wire)
    # The first write holds the database's one writer, so that the second has to wait.
    endless = f"insert into mixed select * from ({ENDLESS})"
    first = client.send("db_exec", {"sql": endless, "allow_write": True})
    second = client.send(
        "db_exec", {"sql": "insert into mixed values ('never')", "allow_write": True}
    )
    assert client.cancel(second).status == "Ok"
    assert client.reply_to(second).status == "Cancelled"
    assert client.cancel(first).status == "Ok"
    assert client.reply_to(first).status == "Cancelled"
    assert client.execute("insert into mixed values ('after')").status == "Ok"
    rows = read_rows(own_items, "select v from mixed where typeof(v) = 'text'")
    assert rows == [("a",), ("after",)]


def test_a_cancel_of_an_unknown_id_has_no_effect_now_or_later(client: Client) -> None:
    assert client.cancel(77).status == "Ok"
    client.expect_silence()
    reply = client.call("db_query", {"sql": "select 1 as n"}, request_id=77)
    assert reply.status == "Ok"


def test_a_cancel_of_a_finished_request_has_no_effect(client: Client) -> None:
    done = client.send("db_query", {"sql": "select 1 as n"})
    assert client.reply_to(done).status == "Ok"
    assert client.cancel(done).status == "Ok"
    client.expect_silence()
    assert client.call("db_query", {"sql": "select 1 as n"}, request_id=done).status == "Ok"


def test_a_second_cancel_has_no_effect(client: Client) -> None:
    target = client.send("db_query", {"sql": ENDLESS})
    for _ in range(3):
        assert client.cancel(target).status == "Ok"
    assert client.reply_to(target).status == "Cancelled"
    client.expect_silence()


def test_a_cancel_of_another_connections_id_has_no_effect(
    shared_worker: Shared, wire: Wire
) -> None:
    with shared_worker.client(wire) as mine, shared_worker.client(wire) as other:
        mine.send("db_query", {"sql": ENDLESS}, request_id=5)
        mine.ping()
        assert other.cancel(5).status == "Ok"
        other.ping()
        mine.expect_silence()
        mine.cancel(5)
        assert mine.reply_to(5).status == "Cancelled"


def test_a_cancel_of_itself_has_no_effect(client: Client) -> None:
    reply = client.call("__cancel__", {"request_id": 9}, request_id=9)
    assert reply.status == "Ok"
    client.expect_silence()


BAD_CANCELS: list[object] = [
    None,
    {},
    {"id": 1},
    {"request_id": None},
    {"request_id": "1"},
    {"request_id": -1},
    {"request_id": 1.0},
    {"request_id": True},
    {"request_id": [1]},
    [1],
    1,
    b"\xc1",
    b"{",
]


@pytest.mark.parametrize("payload", BAD_CANCELS, ids=repr)
@pytest.mark.parametrize("codec", ["msgpack", "json"])
def test_a_malformed_cancel_is_invalid_under_its_own_id(
    client: Client, payload: object, codec: str
) -> None:
    data = None if payload is None else encode(payload, codec)
    reply = client.call("__cancel__", data, codec=codec, request_id=8)
    assert (reply.status, reply.request_id) == ("InvalidInput", 8)
    client.ping()


def test_a_cancel_may_have_more_fields(client: Client) -> None:
    target = client.send("db_query", {"sql": ENDLESS})
    assert client.call("__cancel__", {"why": [None], "request_id": target}).status == "Ok"
    assert client.reply_to(target).status == "Cancelled"


def test_credit_for_no_stream_is_not_answered(client: Client) -> None:
    target = client.send("db_query", {"sql": ENDLESS})
    for request_id in (target, 12_345):
        client.send("__credit__", {"request_id": request_id, "frames": 3})
    client.expect_silence()
    client.cancel(target)
    assert client.reply_to(target).status == "Cancelled"


def test_cancels_race_with_requests_that_end_and_each_is_answered_once(client: Client) -> None:
    """Whether it was Ok or Cancelled, no cancel may hit the request after its own."""
    for round_ in range(100):
        target = client.send("db_query", {"sql": f"select {round_} as n"})
        cancel = client.send("__cancel__", {"request_id": target})
        after = client.send("db_query", {"sql": f"select {round_} as n"})
        assert client.reply_to(target).status in ("Ok", "Cancelled")
        assert client.reply_to(cancel).status == "Ok"
        assert client.reply_to(after).value["rows"] == [[round_]]
    client.expect_silence()


def test_a_running_query_of_postgresql_is_cancelled_in_the_server(pg: Client) -> None:
    began = time.monotonic()
    target = pg.send("db_query", {"sql": "select pg_sleep(60) as v"})
    watch = (
        "select count(*)::int as n from pg_stat_activity where datname = current_database()"
        " and query like '%pg_sleep(60)%' and state = 'active' and pid <> pg_backend_pid()"
    )
    deadline = began + 10
    while pg.query(watch).value["rows"] != [[1]]:
        assert time.monotonic() < deadline, "it does not run"
    assert pg.cancel(target).status == "Ok"
    assert pg.reply_to(target).status == "Cancelled"
    while pg.query(watch).value["rows"] != [[0]]:
        assert time.monotonic() < deadline, "the server still runs it"
    assert time.monotonic() - began < 10
