"""How a worker ends: end of input, signals, and clients that go away."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from conformance.client import Client
from conformance.codec import Wire
from conformance.conftest import Running, Start, Transport
from conformance.data import ENDLESS, rows_of_text
from servers.processes import wait_until

ENDS_WITHIN_S = 2.0

pytestmark = pytest.mark.usefixtures("program")


@pytest.fixture
def on_stdio(start: Start, items_path: Path) -> Running:
    return start("--threads", 1, transport="stdio", env={"MOLT_DB_SQLITE_PATH": items_path})


def test_the_end_of_input_ends_the_worker(on_stdio: Running) -> None:
    client = on_stdio.client()
    client.ping()
    client.channel.end_input()
    assert on_stdio.worker.wait() == 0
    client.expect_closed()


def test_requests_that_were_read_are_answered_after_the_end_of_input(
    on_stdio: Running, wire: Wire
) -> None:
    client = on_stdio.client(wire)
    ids = [client.send("db_query", {"sql": f"select {n} as n"}) for n in range(50)]
    ids.append(client.send("__ping__"))
    client.channel.end_input()
    replies = client.replies_to(ids)
    assert [reply.value["rows"] for reply in replies[:-1]] == [[[n]] for n in range(50)]
    client.expect_closed()
    assert on_stdio.worker.wait() == 0


def test_work_without_end_is_cancelled_at_the_end_of_input(on_stdio: Running) -> None:
    client = on_stdio.client()
    ids = [client.send("db_query", {"sql": ENDLESS}) for _ in range(5)]
    client.channel.end_input()
    assert {reply.status for reply in client.replies_to(ids)} == {"Cancelled"}
    client.expect_closed()
    assert on_stdio.worker.wait() == 0


def test_an_end_within_a_frame_ends_the_worker(on_stdio: Running) -> None:
    client = on_stdio.client()
    client.ping()
    client.channel.send(client.encode("__ping__", request_id=9)[:7])
    client.channel.end_input()
    client.expect_closed()
    assert on_stdio.worker.wait() == 0


def test_a_stream_that_waits_for_credit_does_not_keep_the_worker(on_stdio: Running) -> None:
    client = on_stdio.client()
    payload = {"sql": rows_of_text(2560, 8192), "max_rows": 9999, "result_format": "jsonl"}
    request_id = client.send("db_query", payload, stream={"window": 1})
    assert client.reply_to(request_id).more is True
    client.channel.end_input()
    assert client.reply_to(request_id).is_last
    assert on_stdio.worker.wait() == 0


def test_a_reader_of_stdout_that_goes_away_ends_the_worker(on_stdio: Running) -> None:
    client = on_stdio.client()
    client.send("db_query", {"sql": "select hex(zeroblob(5000000)) as v"})
    client.close()
    on_stdio.worker.wait()


@pytest.mark.parametrize("which", [signal.SIGTERM, signal.SIGINT], ids=lambda s: s.name)
@pytest.mark.parametrize("busy", [False, True], ids=["idle", "busy"])
def test_a_signal_ends_the_worker_within_two_seconds(
    start: Start, items_path: Path, transport: Transport, which: signal.Signals, busy: bool
) -> None:
    running = start(transport=transport, env={"MOLT_DB_SQLITE_PATH": items_path})
    client = running.client()
    client.ping()
    if busy:
        for _ in range(20):
            client.send("db_query", {"sql": ENDLESS})
        client.ping()
    began = time.monotonic()
    running.worker.signal(which)
    code = running.worker.wait()
    assert time.monotonic() - began < ENDS_WITHIN_S
    assert code in (0, -which, 128 + which)


def test_a_signal_ends_a_worker_that_waits_for_postgresql(start: Start, pg_url: str) -> None:
    env = {"MOLT_DB_POSTGRES_DSN": pg_url, "MOLT_DB_POSTGRES_QUERY_TIMEOUT_MS": 60_000}
    running = start(env=env)
    client = running.client()
    client.send("db_query", {"sql": "select pg_sleep(60) as v"})
    client.ping()
    began = time.monotonic()
    running.worker.signal(signal.SIGTERM)
    running.worker.wait()
    assert time.monotonic() - began < ENDS_WITHIN_S


def test_a_signal_closes_connections(start: Start) -> None:
    running = start()
    clients = [running.client() for _ in range(3)]
    for client in clients:
        client.ping()
    running.worker.signal(signal.SIGTERM)
    for client in clients:
        client.expect_closed()


def test_nothing_of_a_request_is_in_the_log(start: Start, items_path: Path) -> None:
    running = start(env={"MOLT_DB_SQLITE_PATH": items_path})
    client = running.client()
    client.query("select ? as v", "s3cret-value")
    client.query("select ? as v, no_such_column", "s3cret-value")
    client.send_body(b'{"request_id": "s3cret-value"}')
    client.receive()
    running.worker.signal(signal.SIGTERM)
    running.worker.wait()
    assert "s3cret-value" not in running.worker.stderr


def test_a_worker_that_served_much_holds_no_more_than_before(
    start: Start, items_path: Path
) -> None:
    running = start(env={"MOLT_DB_SQLITE_PATH": items_path})
    client = running.client()

    def open_files() -> int:
        return len(os.listdir(f"/proc/{running.worker.pid}/fd"))

    def serve() -> None:
        ids: list[int] = []
        for n in range(200):
            ids.append(client.send("db_query", {"sql": f"select {n} as n"}, timeout_ms=5000))
            client.cancel(n + 1_000_000)
        client.replies_to(ids)
        for _ in range(20):
            other = running.client()
            other.ping()
            other.close()

    serve()
    files = open_files()
    serve()
    wait_until(lambda: open_files() <= files + 5, 10, "connections are closed")


def test_the_backend_is_freed_when_its_client_goes_away(start: Start, pg_url: str) -> None:
    env: dict[str, Any] = {"MOLT_DB_POSTGRES_DSN": pg_url}
    env["MOLT_DB_POSTGRES_QUERY_TIMEOUT_MS"] = 60_000
    running = start(env=env)
    gone, client = running.client(), running.client()
    watch = (
        "select count(*)::int as n from pg_stat_activity where query like '%pg_sleep(57)%'"
        " and state = 'active' and pid <> pg_backend_pid()"
    )

    def sleeping() -> int:
        return count_of(client, watch)

    gone.send("db_query", {"sql": "select pg_sleep(57) as v"})
    wait_until(lambda: sleeping() == 1, 10, "it runs")
    gone.close()
    wait_until(lambda: sleeping() == 0, 3, "the server has stopped")


def count_of(client: Client, sql: str) -> int:
    ((count,),) = client.query(sql).value["rows"]
    assert isinstance(count, int)
    return count
