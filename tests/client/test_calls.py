"""Many callers on one connection; what they give up stops in the worker."""

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest

import molt_sql
import molt_worker
from client.tools import ENDLESS, endless, running
from molt_sql import CancelledError, Database, raw, table
from servers.processes import wait_until
from servers.worker import Worker


async def test_replies_go_to_their_callers(remote: Database) -> None:
    async def ask(number: int) -> None:
        row = await table("t").where(table("t").id == number).on(remote).fetch_one()
        assert row is not None
        assert row.id == number

    await asyncio.gather(*(ask(number % 100) for number in range(900)))


def test_threads_and_event_loops_share_one_connection(remote: Database) -> None:
    failures: list[BaseException] = []

    def guarded(work: Any) -> None:
        try:
            work()
        except BaseException as error:
            failures.append(error)

    def block() -> None:
        for number in range(200):
            assert raw("select {n} as n", n=number).on(remote).fetch_value().result() == number

    async def one(number: int) -> None:
        assert await raw("select {n} as n", n=number).on(remote).fetch_value() == number

    async def many() -> None:
        for start in range(0, 400, 20):
            await asyncio.gather(*(one(start + i) for i in range(20)))

    works = [block, block, lambda: asyncio.run(many()), lambda: asyncio.run(many())]
    threads = [threading.Thread(target=guarded, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


async def test_a_cancelled_task_stops_the_statement(path: Path) -> None:
    with molt_worker.connect(f"molt+stdio:sqlite:///{path}") as client:
        task = asyncio.ensure_future(endless(client.database()))
        await asyncio.to_thread(wait_until, lambda: running(client) == 1, 20)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.to_thread(wait_until, lambda: running(client) == 0, 20)


def test_a_deadline_stops_the_statement(path: Path) -> None:
    with molt_worker.connect(f"molt+stdio:sqlite:///{path}") as client:
        with pytest.raises(molt_sql.TimeoutError):
            raw(ENDLESS).on(client.database()).fetch_all(timeout=0.1).result()
        wait_until(lambda: running(client) == 0, 20)


def test_a_result_larger_than_a_frame_comes_in_parts(remote: Database) -> None:
    # 80 MB, more than the 64 MiB that a frame may have.
    text = (
        "with recursive c(i) as (select 1 union all select i + 1 from c where i < {n})"
        " select i, hex(zeroblob(200)) as text from c"
    )
    rows = raw(text, n=200_000).on(remote).fetch_arrow().result()
    assert len(rows) == 200_000
    assert sum(len(batch) for batch in raw(text, n=200_000).on(remote).stream()) == 200_000


def test_a_stream_that_is_left_stops(path: Path) -> None:
    with molt_worker.connect(f"molt+stdio:sqlite:///{path}") as client:
        endless = ENDLESS.replace("count(*)", "*")
        for batch in raw(endless).on(client.database()).stream(1000):
            assert len(batch) == 1000
            break
        wait_until(lambda: running(client) == 0, 20)


def test_the_queue_of_a_shared_worker_may_be_full(tmp_path: Path, path: Path) -> None:
    where = tmp_path / "w.sock"
    env = {"MOLT_DB_SQLITE_PATH": path}
    with Worker("--socket", where, "--threads", 1, "--max-queue", 0, env=env) as worker:
        worker.connect(where).close()
        client = molt_worker.connect(f"molt+unix://{where}")

        async def two() -> list[Any]:
            first = asyncio.ensure_future(endless(client.database()))
            await asyncio.to_thread(wait_until, lambda: running(client) == 1, 20)
            with pytest.raises(molt_worker.BusyError):
                await endless(client.database())
            first.cancel()
            return await asyncio.gather(first, return_exceptions=True)

        (end,) = asyncio.run(two())
        assert isinstance(end, asyncio.CancelledError | CancelledError)
        client.close()
