"""Deadlines count from reading the request: in the queue, in the pool, in the database."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from conformance.client import Client
from conformance.codec import Wire
from conformance.conftest import Start
from conformance.data import ENDLESS
from servers.fault_proxy import FaultProxy, Stall
from servers.fixtures import PostgresDatabase
from servers.processes import SLOWER, wait_until

LATE_S = 2.0 * SLOWER
"""How much later than its deadline a reply may come on a machine that is busy with tests."""


def assert_times_out(client: Client, sql: str, timeout_ms: int, **fields: object) -> None:
    began = time.monotonic()
    reply = client.query(sql, envelope={"timeout_ms": timeout_ms}, **fields)
    took = time.monotonic() - began
    assert reply.status == "Timeout"
    assert timeout_ms / 1000 <= took + 0.002 < timeout_ms / 1000 + LATE_S


@pytest.mark.parametrize("timeout_ms", [1, 100, 500])
def test_a_running_query_of_sqlite_is_stopped(client: Client, timeout_ms: int) -> None:
    assert_times_out(client, ENDLESS, timeout_ms)
    assert client.query("select 1 as n").value["rows"] == [[1]]


@pytest.mark.parametrize("timeout_ms", [1, 100, 500])
def test_a_running_query_of_postgresql_is_stopped(pg: Client, timeout_ms: int) -> None:
    assert_times_out(pg, "select pg_sleep(30) as v", timeout_ms)
    assert pg.query("select 1 as n").value["rows"] == [[1]]


@pytest.fixture
def waiting(start: Start, own_items: Path, wire: Wire) -> tuple[Client, int]:
    """A client whose writes wait, and the id of the write that they wait for."""
    env = {"MOLT_DB_SQLITE_PATH": own_items, "MOLT_DB_SQLITE_READWRITE": "1"}
    client = start("--threads", 1, env=env).client(wire)
    endless = f"insert into mixed select * from ({ENDLESS})"
    ahead = client.send("db_exec", {"sql": endless, "allow_write": True})
    client.ping()
    return client, ahead


LATER = {"sql": "insert into mixed values ('never')", "allow_write": True}


def test_a_request_that_waits_is_answered_at_its_deadline(waiting: tuple[Client, int]) -> None:
    client, ahead = waiting
    for timeout_ms in (100, 300):
        began = time.monotonic()
        assert client.call("db_exec", LATER, timeout_ms=timeout_ms).status == "Timeout"
        took = time.monotonic() - began
        assert timeout_ms / 1000 <= took + 0.002 < timeout_ms / 1000 + LATE_S
    client.cancel(ahead)
    assert client.reply_to(ahead).status == "Cancelled"


def test_deadlines_of_waiting_requests_pass_in_their_own_order(
    waiting: tuple[Client, int],
) -> None:
    client, _ = waiting
    late = client.send("db_exec", LATER, timeout_ms=900)
    soon = client.send("db_exec", LATER, timeout_ms=150)
    replies = [client.receive(), client.receive()]
    assert [(r.request_id, r.status) for r in replies] == [(soon, "Timeout"), (late, "Timeout")]


def test_a_request_that_timed_out_waiting_never_reaches_the_database(
    waiting: tuple[Client, int],
) -> None:
    client, ahead = waiting
    assert client.call("db_exec", LATER, timeout_ms=150).status == "Timeout"
    client.cancel(ahead)
    assert client.reply_to(ahead).status == "Cancelled"
    assert client.execute("insert into mixed values ('after')").status == "Ok"
    rows = client.query("select v from mixed where typeof(v) = 'text'").value["rows"]
    assert rows == [["a"], ["after"]]


def test_without_a_timeout_an_alias_has_its_own(start: Start, pg_url: str) -> None:
    env = {"MOLT_DB_POSTGRES_DSN": pg_url, "MOLT_DB_POSTGRES_QUERY_TIMEOUT_MS": 300}
    client = start(env=env).client()
    began = time.monotonic()
    assert client.query("select pg_sleep(30) as v").status == "Timeout"
    assert 0.29 < time.monotonic() - began < 0.3 + LATE_S


def test_postgresql_has_two_seconds_by_default(start: Start, pg_url: str) -> None:
    client = start(env={"MOLT_DB_POSTGRES_DSN": pg_url}).client()
    began = time.monotonic()
    assert client.query("select pg_sleep(30) as v").status == "Timeout"
    assert 1.9 < time.monotonic() - began < 2.0 + LATE_S


def test_a_server_that_does_not_answer_holds_up_nobody(
    start: Start, pg_database: PostgresDatabase, pg_proxy: FaultProxy
) -> None:
    """More requests than there are connections, so that some have to be opened."""
    dsn = pg_database.url(tls="disable", **pg_proxy.address)
    client = start(env={"MOLT_DB_POSTGRES_DSN": dsn}).client()
    assert client.query("select 1 as n").status == "Ok"
    pg_proxy.set(Stall())
    began = time.monotonic()
    payload = {"sql": "select pg_sleep(0) as v"}
    ids = [client.send("db_query", payload, timeout_ms=400) for _ in range(6)]
    assert {reply.status for reply in client.replies_to(ids)} <= {"Timeout", "Busy"}
    assert time.monotonic() - began < 0.4 + LATE_S
    client.ping()
    pg_proxy.clear()
    wait_until(lambda: client.query("select 1 as n").status == "Ok", 10, "service is back")


def test_a_deadline_that_does_not_pass_changes_nothing(client: Client) -> None:
    for timeout_ms in (5_000, 2**32 - 1):
        reply = client.query("select 1 as n", envelope={"timeout_ms": timeout_ms})
        assert reply.value["rows"] == [[1]]
    client.expect_silence()
