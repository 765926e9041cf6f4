"""molt_worker: the client, its replies, and a pool of several workers."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

import molt_worker
from client.tools import ENDLESS, SocketWorker, is_alive, queued, until_gone, when_written
from molt_worker import (
    BusyError,
    ClosedError,
    DatabaseError,
    InvalidQueryError,
    MoltPool,
    WorkerUnavailableError,
)
from servers.processes import wait_until

NAMES = ("a", "b", "c")


@pytest.fixture
def workers(tmp_path: Path) -> Iterator[list[SocketWorker]]:
    """Three; the database of each knows its name."""
    started = []
    for name in NAMES:
        connection = sqlite3.connect(tmp_path / f"{name}.db")
        connection.executescript(f"create table me as select '{name}' as name")
        connection.close()
        started.append(SocketWorker({"default": f"sqlite:///{tmp_path}/{name}.db?mode=rw"}))
    yield started
    for worker in started:
        worker.close()


@pytest.fixture
def pool(workers: list[SocketWorker]) -> Iterator[MoltPool]:
    with MoltPool([worker.url(None) for worker in workers], timeout=20) as made:
        yield made


WHO = {"sql": "select name from me"}
ONE = {"sql": "select 1"}


def who(pool: MoltPool) -> str:
    return str(pool.call("db_query", WHO).result()["rows"][0][0])


def test_workers_are_asked_in_turn(pool: MoltPool) -> None:
    assert [who(pool) for _ in range(7)] == ["a", "b", "c", "a", "b", "c", "a"]


async def test_many_tasks_are_spread(pool: MoltPool) -> None:
    async def ask() -> str:
        return str((await pool.call("db_query", WHO))["rows"][0][0])

    # As many as the workers have room for: none is busy.
    found = await asyncio.gather(*(ask() for _ in range(180)))
    assert Counter(found) == dict.fromkeys(NAMES, 60)


def test_busy_workers_are_passed_by(tmp_path: Path) -> None:
    endless = {"sql": ENDLESS}
    with ExitStack() as stack:
        url = f"sqlite:///{tmp_path}/x.db?mode=rwc"
        busy, free = (
            stack.enter_context(SocketWorker({"default": url}, "--max-queue=1")) for _ in range(2)
        )
        client = stack.enter_context(molt_worker.connect(busy.url(None)))
        with ThreadPoolExecutor() as threads:
            # Two run and one waits; more are refused.
            held = [
                threads.submit(lambda: client.call("db_query", endless, timeout=3.0).result())
                for _ in range(3)
            ]
            wait_until(lambda: queued(client) == 1)
            with MoltPool([busy.url(None)]) as alone, pytest.raises(BusyError):
                alone.call("db_query", ONE).result()
            with MoltPool([busy.url(None), free.url(None)]) as pool:
                for _ in range(4):
                    assert pool.call("db_query", ONE).result()["rows"] == [[1]]
            assert all(isinstance(call.exception(), molt_worker.TimeoutError) for call in held)


def test_a_worker_that_died_is_passed_over_and_found_again(
    pool: MoltPool, workers: list[SocketWorker]
) -> None:
    assert {who(pool) for _ in range(3)} == set(NAMES)
    workers[1].stop()
    assert [who(pool) for _ in range(12)].count("b") == 0
    workers[1].start()
    seen = set()
    for _ in range(100_000):
        seen.add(who(pool))
        if "b" in seen:
            break
    assert seen == set(NAMES)


async def test_awaited_calls_are_passed_on(pool: MoltPool, workers: list[SocketWorker]) -> None:
    workers[0].stop()
    for _ in range(6):
        found = (await pool.call("db_query", WHO))["rows"][0][0]
        assert found in ("b", "c")


def test_calls_in_flight_are_passed_on(pool: MoltPool, workers: list[SocketWorker]) -> None:
    slow = {
        "sql": "with recursive c(n) as (select 1 union all select n + 1 from c where n < 2000000)"
        " select count(*), (select name from me) from c"
    }
    found: list[Any] = []
    threads = [
        threading.Thread(target=lambda: found.append(pool.call("db_query", slow).result()))
        for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    workers[2].stop()
    for thread in threads:
        thread.join()
    assert [rows["rows"][0][0] for rows in found] == [2_000_000] * 6


def test_no_worker_at_all_is_said(pool: MoltPool, workers: list[SocketWorker]) -> None:
    for worker in workers:
        worker.stop()
    for _ in range(3):
        with pytest.raises(WorkerUnavailableError):
            who(pool)
    workers[2].start()
    assert who(pool) == "c"


def test_a_write_is_sent_to_one_worker_and_never_again(
    pool: MoltPool, workers: list[SocketWorker], tmp_path: Path
) -> None:
    slow = {
        "sql": "insert into me with recursive c(n) as (select 1 union all select n + 1 from c"
        " where n < 50000000) select n from c",
        "allow_write": True,
    }
    killer = threading.Thread(target=lambda: (when_written(tmp_path / "a.db"), workers[0].stop()))
    killer.start()
    with pytest.raises(DatabaseError, match="not known") as caught:
        pool.call("db_exec", slow).result()
    killer.join()
    assert caught.value.code == "08007"
    for name in NAMES:
        connection = sqlite3.connect(tmp_path / f"{name}.db")
        assert connection.execute("select count(*) from me").fetchone() == (1,)
        connection.close()


def test_a_write_that_was_not_sent_goes_to_another(
    pool: MoltPool, workers: list[SocketWorker]
) -> None:
    assert who(pool) == "a"
    workers[1].stop()
    insert = {"sql": "insert into me values ('new')", "allow_write": True}
    assert pool.call("db_exec", insert).result()["rows_affected"] == 1
    count = {"sql": "select count(*) from me"}
    counts = [pool.call("db_query", count).result()["rows"][0][0] for _ in range(2)]
    assert sorted(counts) == [1, 2]


def test_errors_of_a_worker_are_not_asked_elsewhere(pool: MoltPool) -> None:
    with pytest.raises(InvalidQueryError, match="nowhere"):
        pool.call("db_query", {"sql": "select * from nowhere"}).result()
    with pytest.raises(molt_worker.TimeoutError):
        pool.call("db_query", {"sql": ENDLESS}, timeout=0.2).result()
    assert who(pool) == "c"


def test_a_pool_needs_workers() -> None:
    with pytest.raises(InvalidQueryError):
        MoltPool([])


# -- The client -------------------------------------------------------------------------------------


def test_entries_are_called_in_either_way(worker: SocketWorker) -> None:
    with molt_worker.connect(worker.url(None)) as client:
        assert client.call("health").result()["ok"] is True
        hello = client.hello().result()
        assert (hello["protocol"], hello["aliases"]) == (1, {"default": "sqlite"})
        assert client.ping().result().codec == "raw"
        csv = client.call("db_query", {"sql": "select 1 as n", "result_format": "csv"}).result()
        assert csv == b"n\r\n1\r\n"

        async def main() -> Any:
            return await client.call("db_query", {"sql": "select 1 as n"})

        assert asyncio.run(main())["rows"] == [[1]]


def test_a_reply_has_its_codec_payload_and_metrics(worker: SocketWorker) -> None:
    body = json.dumps({"sql": "select 1 as n", "tag": "mine"}).encode()
    with molt_worker.connect(worker.url(None)) as client:
        reply = client.request("db_query", body, "json").result()
        assert reply.codec == "json"
        assert reply.json() == {"columns": ["n"], "rows": [[1]], "row_count": 1}
        assert reply.metrics["db_tag"] == "mine"
        assert reply.metrics["db_row_count"] == 1
        raw_reply = client.ping().result()
        with pytest.raises(InvalidQueryError, match="raw"):
            raw_reply.json()
        with pytest.raises(InvalidQueryError, match="codec"):
            client.request("db_query", body, "xml").result()


def test_an_error_says_what_it_is(worker: SocketWorker) -> None:
    with molt_worker.connect(worker.url(None)) as client:
        with pytest.raises(InvalidQueryError, match="no_such_entry"):
            client.call("no_such_entry").result()
        insert = {"sql": "insert into t values (1, 'again')", "allow_write": True}
        with pytest.raises(DatabaseError) as caught:
            client.call("db_exec", insert).result()
        assert caught.value.code
        with pytest.raises(molt_worker.TimeoutError):
            client.call("db_query", {"sql": ENDLESS}, timeout=0.2).result()


def test_a_client_gives_databases_by_alias(url: str, tmp_path: Path) -> None:
    other = f"sqlite:///{tmp_path}/other.db?mode=rwc"
    with (
        SocketWorker({"default": url, "other": other}) as worker,
        molt_worker.connect(worker.url(None)) as client,
    ):
        assert client.database().table_names() == ["t"]
        assert client.database("other").table_names() == []
        assert client.database("other") is client.database("other")
        with pytest.raises(InvalidQueryError, match="nothere"):
            client.database("nothere")


def test_a_closed_client_says_so(worker: SocketWorker) -> None:
    client = molt_worker.connect(worker.url(None))
    db = client.database()
    client.close()
    with pytest.raises(ClosedError):
        client.call("health").result()
    with pytest.raises(ClosedError):
        db.table_names()
    client.close()


def test_a_client_owns_the_worker_that_it_started(url: str) -> None:
    with molt_worker.connect("molt+stdio:" + url) as client:
        pid = client.pid
        assert pid is not None
        assert is_alive(pid)
        assert client.database().table_names() == ["t"]
        with pytest.raises(InvalidQueryError, match="default"):
            client.database("other")
    until_gone(pid)


def test_a_client_starts_a_worker_with_a_configuration(url: str, tmp_path: Path) -> None:
    config = tmp_path / "worker.toml"
    config.write_text(f'[databases]\ndefault = "{url}"\n')
    with molt_worker.connect(f"molt+stdio:?config={config}") as client:
        assert client.call("db_query", {"sql": "select count(*) as n from t"}).result()["rows"] == [
            [100]
        ]


@pytest.mark.parametrize(
    "wrong", ["sqlite:///x.db", "molt+unix:///x.sock?alias=a", "/run/molt.sock", ""]
)
def test_a_url_of_no_worker_is_refused(wrong: str) -> None:
    with pytest.raises(InvalidQueryError):
        molt_worker.connect(wrong)


def test_the_worker_is_started_by_the_module() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "molt_worker", "--help"],
        capture_output=True,
        text=True,
        timeout=20,
        check=True,
    )
    assert "--stdio" in done.stdout
