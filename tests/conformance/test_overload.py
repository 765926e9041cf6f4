"""Too much at once: Busy immediately, while what runs goes on and control messages are answered."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from conformance.client import Client
from conformance.codec import Wire
from conformance.conftest import Start, Transport
from conformance.data import ENDLESS

MANY = 60
PLACES = 3  # of the narrow worker


@pytest.fixture
def narrow(start: Start, items_path: Path, wire: Wire, transport: Transport) -> Client:
    """Of a worker with one thread and a queue of two."""
    env = {"MOLT_DB_SQLITE_PATH": items_path}
    running = start("--threads", 1, "--max-queue", 2, transport=transport, env=env)
    return running.client(wire)


def fill(client: Client) -> list[int]:
    """Sends more than fits; the ids of those that found room."""
    ids = [client.send("db_query", {"sql": ENDLESS}) for _ in range(MANY)]
    busy: set[int] = set()
    # In any order: two threads look at what comes together.
    while len(busy) < MANY - PLACES:
        reply = client.receive()
        assert reply.status == "Busy"
        busy.add(reply.request_id)
    client.ping()
    return [i for i in ids if i not in busy]


def empty(client: Client, ids: list[int]) -> None:
    for request_id in ids:
        assert client.cancel(request_id).status == "Ok"
    assert {reply.status for reply in client.replies_to(ids)} == {"Cancelled"}


def test_what_finds_no_room_is_busy_at_once(narrow: Client) -> None:
    began = time.monotonic()
    accepted = fill(narrow)
    assert time.monotonic() - began < 5
    assert len(accepted) == PLACES
    empty(narrow, accepted)
    assert narrow.query("select 1 as n").status == "Ok"


def test_control_messages_are_answered_when_the_queue_is_full(narrow: Client) -> None:
    accepted = fill(narrow)
    began = time.monotonic()
    narrow.ping()
    assert narrow.call("health").value["ok"] is True
    assert narrow.call("__hello__", b"", codec="json").status == "Ok"
    assert narrow.cancel(12_345).status == "Ok"
    assert time.monotonic() - began < 2
    empty(narrow, accepted)


def test_a_place_that_becomes_free_is_used(narrow: Client) -> None:
    accepted = fill(narrow)
    empty(narrow, accepted[-1:])
    assert narrow.query("select 1 as n", envelope={"timeout_ms": 100}).status in ("Ok", "Timeout")
    empty(narrow, accepted[:-1])


def test_running_work_goes_on_during_an_overload(
    start: Start, items_path: Path, wire: Wire
) -> None:
    env = {"MOLT_DB_SQLITE_PATH": items_path}
    client = start("--threads", 1, "--max-queue", 1, env=env).client(wire)
    sql = (
        "with recursive c(n) as (select 1 union all select n + 1 from c where n < 2000000)"
        " select count(*) as n from c"
    )
    target = client.send("db_query", {"sql": sql})
    others = [client.send("db_query", {"sql": "select 1 as n"}) for _ in range(MANY)]
    assert client.reply_to(target).value["rows"] == [[2_000_000]]
    assert {reply.status for reply in client.replies_to(others)} <= {"Ok", "Busy"}


def test_every_request_is_answered_exactly_once_in_an_overload(narrow: Client) -> None:
    ids = [narrow.send("db_query", {"sql": f"select {n} as n"}) for n in range(500)]
    for n, reply in enumerate(narrow.replies_to(ids)):
        assert reply.status in ("Ok", "Busy")
        if reply.status == "Ok":
            assert reply.value["rows"] == [[n]]
    narrow.expect_silence()


def test_a_client_has_1024_requests_in_flight_at_most(
    start: Start, items_path: Path, wire: Wire
) -> None:
    env = {"MOLT_DB_SQLITE_PATH": items_path}
    running = start("--threads", 1, "--max-queue", 5000, env=env)
    client, other = running.client(wire), running.client(wire)
    ids = [client.send("db_query", {"sql": ENDLESS}) for _ in range(1024)]
    client.expect_silence()
    one_more = client.query("select 1 as n")
    assert one_more.status == "Busy"
    client.ping()
    target = other.send("db_query", {"sql": ENDLESS})
    other.expect_silence()
    other.cancel(target)
    assert other.reply_to(target).status == "Cancelled"
    empty(client, ids[:1])
    again = client.send("db_query", {"sql": ENDLESS})
    client.expect_silence()
    empty(client, [*ids[1:], again])


def test_waiting_for_a_connection_of_postgresql_ends_in_busy(start: Start, pg_url: str) -> None:
    env = {
        "MOLT_DB_POSTGRES_DSN": pg_url,
        "MOLT_DB_POSTGRES_MAX_CONNS": 1,
        "MOLT_DB_POSTGRES_MAX_WAIT_MS": 200,
        "MOLT_DB_POSTGRES_QUERY_TIMEOUT_MS": 20_000,
    }
    client = start(env=env).client()
    assert client.query("select 1 as n").status == "Ok"
    holding = client.send("db_query", {"sql": "select pg_sleep(20) as v"})
    client.ping()
    began = time.monotonic()
    assert client.query("select pg_sleep(0.01) as v").status == "Busy"
    assert time.monotonic() - began < 3
    client.cancel(holding)
    assert client.reply_to(holding).status == "Cancelled"
    # The connection comes back when the server has stopped, which is soon.
    deadline = time.monotonic() + 10
    while client.query("select 2 as n").status != "Ok":
        assert time.monotonic() < deadline, "the connection does not come back"
