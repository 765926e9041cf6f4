"""Client.stream(): what comes in parts is the whole, memory is bounded, and every end is a clean one."""

# Long because: every way through a stream, and every end of one, is a short test of its own.

from __future__ import annotations

import asyncio
import gc
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, Literal

import anyio
import pyarrow as pa
import pytest
import trio
import uvloop

import molt_worker
from client.tools import ENDLESS, SocketWorker, Way, eventually, in_use, is_alive, kill
from conformance.data import rows_of_text
from molt_sql import (
    CancelledError,
    ClosedError,
    DatabaseError,
    InvalidQueryError,
    TimeoutError,
    WorkerUnavailableError,
)
from molt_worker import Client, Reply, ReplyStream
from servers.forks import SETUP
from servers.processes import wait_until

MIB = 1 << 20
ROWS, ROW_BYTES = 1024, 8192
BIG = rows_of_text(ROWS, ROW_BYTES)  # 8 MiB: about eight parts
SLOW_START = (
    "with recursive c(n) as (select 1 union all select n + 1 from c where n < 8000000)"
    " select max(n) as n from c"
)

Payload = dict[str, Any]


def query(sql: str = BIG, result_format: str = "jsonl") -> Payload:
    return {"sql": sql, "max_rows": 10_000_000, "result_format": result_format}


@pytest.fixture
def client(way: Way, url: str, request: pytest.FixtureRequest) -> Iterator[Client]:
    """Each way; the worker has table t of 0 to 99."""
    address = "molt+stdio:" + url
    if way == "socket":
        address = request.getfixturevalue("worker").url(None)
    with molt_worker.connect(address) as opened:
        yield opened


@pytest.fixture
def own(url: str) -> Iterator[Client]:
    with molt_worker.connect("molt+stdio:" + url) as opened:
        yield opened


def is_free(client: Client) -> bool:
    """Whether no other request has a connection of the database."""
    return in_use(client) == 0


def until_free(client: Client) -> None:
    wait_until(lambda: is_free(client), 10, "the worker has stopped")


def joined(parts: list[Reply]) -> bytes:
    return b"".join(part.payload for part in parts)


async def collect(client: Client, payload: Payload, **options: Any) -> list[Reply]:
    return [part async for part in client.stream("db_query", payload, **options)]


How = Literal["for", "async for"]
both_hows = pytest.mark.parametrize("how", ["for", "async for"])


def read(how: How, stream: ReplyStream, note: Callable[[Reply], object]) -> None:
    """To its end; each part is noted as it comes."""

    async def main() -> None:
        async for part in stream:
            note(part)

    if how == "async for":
        asyncio.run(main())
    else:
        for part in stream:
            note(part)


# -- What comes --------------------------------------------------------------------------------------


@both_hows
@pytest.mark.parametrize(
    "result_format", ["json", "json_rows", "jsonl", "csv", "msgpack", "arrow_ipc"]
)
def test_the_parts_joined_are_the_whole(client: Client, result_format: str, how: How) -> None:
    asked = query(result_format=result_format)
    parts: list[Reply] = []
    read(how, client.stream("db_query", asked), parts.append)
    whole = client.request("db_query", json.dumps(asked).encode(), "json").result()
    assert {part.codec for part in parts} == {whole.codec}
    assert [part.metrics for part in parts[:-1]] == [{}] * (len(parts) - 1)
    assert parts[-1].metrics["db_row_count"] == ROWS
    if result_format == "arrow_ipc":
        assert arrow(joined(parts)).equals(arrow(whole.payload))
    else:
        assert joined(parts) == whole.payload
    if result_format != "msgpack":  # which the worker makes whole
        assert len(parts) > 4


def arrow(payload: bytes) -> pa.Table:
    return pa.ipc.open_stream(payload).read_all().combine_chunks()


RUNS: dict[str, Callable[[Callable[[], Coroutine[Any, Any, Any]]], Any]] = {
    "asyncio": lambda main: asyncio.run(main()),
    "uvloop": lambda main: uvloop.run(main()),
    "trio": lambda main: trio.run(main),
}


@pytest.mark.parametrize("loop", RUNS)
def test_every_loop_reads_and_cancels(client: Client, loop: str) -> None:
    async def main() -> None:
        async with client.stream("db_query", query(), window=1) as stream:
            assert joined([part async for part in stream]).count(b"\n") == ROWS
        with anyio.move_on_after(0.2) as scope:
            await collect(client, query(ENDLESS))
        assert scope.cancelled_caught

    RUNS[loop](main)
    until_free(client)


@pytest.mark.parametrize("window", [1, 2, 1024])
def test_any_window_brings_all(client: Client, window: int) -> None:
    parts = list(client.stream("db_query", query(), window=window))
    assert joined(parts).count(b"\n") == ROWS


@pytest.mark.parametrize("window", [0, -1, 1025])
def test_a_window_that_cannot_be_is_refused(client: Client, window: int) -> None:
    with pytest.raises(InvalidQueryError, match="window must be from 1 to 1024"):
        client.stream("db_query", query(), window=window)


def test_an_entry_without_parts_gives_its_one_reply(client: Client) -> None:
    (reply,) = client.stream("health")
    assert reply.json()["ok"] is True
    (reply,) = client.stream(
        "db_exec", {"sql": "insert into t values (1000, 'x')", "allow_write": True}
    )
    assert reply.json()["rows_affected"] == 1


def test_a_payload_may_be_encoded_already(client: Client) -> None:
    packed = b"\x81\xa3sql\xabselect 1 n;"  # {"sql": "select 1 n;"}
    (reply,) = client.stream("db_query", packed, "msgpack")
    assert reply.json()["rows"] == [[1]]


def test_a_named_query_is_streamed(url: str, tmp_path: Path) -> None:
    export = {"name": "big", "codec_in": "json", "codec_out": "json", "sql": BIG, "max_rows": 9999}
    manifest = tmp_path / "exports.json"
    manifest.write_text(json.dumps({"abi_version": 1, "exports": [export]}))
    with (
        SocketWorker({"default": url}, "--exports", manifest) as worker,
        molt_worker.connect(worker.url(None)) as client,
    ):
        parts = list(client.stream("big", {"params": {}}))
        assert len(parts) > 4
        assert json.loads(joined(parts))["row_count"] == ROWS


async def test_many_streams_and_other_requests_share_a_connection(client: Client) -> None:
    async def rows_read(rows: int) -> int:
        parts = await collect(client, query(rows_of_text(rows, ROW_BYTES)), window=1)
        return joined(parts).count(b"\n")

    sizes = [200 + 50 * n for n in range(10)]
    found = await asyncio.gather(
        *map(rows_read, sizes), *(client.call("health") for _ in range(20))
    )
    assert found[: len(sizes)] == sizes


# -- Memory ------------------------------------------------------------------------------------------


def rss_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


HUGE = rows_of_text(25 * ROWS, ROW_BYTES)  # 200 MiB, beyond what one frame can hold


@both_hows
def test_a_huge_result_takes_little_memory(worker: SocketWorker, how: How) -> None:
    assert worker.process is not None
    process = worker.process
    most = [0, 0]
    received = 0

    def note(part: Reply) -> None:
        nonlocal received
        received += len(part.payload)
        most[0] = max(most[0], rss_bytes())
        most[1] = max(most[1], process.rss_bytes())

    with molt_worker.connect(worker.url(None)) as client:
        list(client.stream("db_query", query()))
        before = [rss_bytes(), process.rss_bytes()]
        read(how, client.stream("db_query", query(HUGE)), note)
    assert received > 200 * MIB
    assert most[0] - before[0] < 24 * MIB
    assert most[1] - before[1] < 24 * MIB


def test_a_reader_who_pauses_is_waited_for(worker: SocketWorker) -> None:
    assert worker.process is not None
    with molt_worker.connect(worker.url(None)) as client:
        list(client.stream("db_query", query()))
        before = [rss_bytes(), worker.process.rss_bytes()]
        with client.stream("db_query", query(HUGE), window=2) as stream:
            next(stream)
            for _ in range(20):  # which reads whatever comes on the connection
                client.ping().result()
                time.sleep(0.02)
            assert rss_bytes() - before[0] < 16 * MIB
            assert worker.process.rss_bytes() - before[1] < 16 * MIB
        until_free(client)


# -- Ends before the last part -----------------------------------------------------------------------


def test_closing_early_frees_the_connection(client: Client) -> None:
    with client.stream("db_query", query(HUGE)) as stream:
        next(stream)
        assert not is_free(client)
    until_free(client)
    with pytest.raises(ClosedError):
        next(stream)
    stream.close()


async def test_closing_early_frees_the_connection_of_an_awaited_stream(client: Client) -> None:
    async with client.stream("db_query", query(HUGE)) as stream:
        async for _ in stream:
            break
    await asyncio.to_thread(until_free, client)


def test_a_stream_that_is_forgotten_frees_the_connection(client: Client) -> None:
    for _ in client.stream("db_query", query(HUGE)):
        break
    gc.collect()
    until_free(client)


def test_a_stream_that_was_never_read_asks_nothing(client: Client) -> None:
    client.stream("db_query", query("no sql"))
    with client.stream("db_query", query("no sql")):
        pass


# Ten parts, then no end.
HALTS = (
    "with recursive c(n) as (select 1 union all select n + 1 from c)"
    f" select n, hex(zeroblob({ROW_BYTES // 2})) as filler from c where n <= {ROWS}"
)


def test_closing_ends_a_thread_that_waits_for_a_part(client: Client) -> None:
    stream = client.stream("db_query", query(HALTS))
    parts: list[Reply] = []
    ended: list[str] = []

    def wait() -> None:
        try:
            parts.extend(stream)
        except CancelledError as error:
            ended.append(str(error))

    thread = threading.Thread(target=wait)
    thread.start()
    time.sleep(1)
    assert thread.is_alive()
    stream.close()
    thread.join(10)
    assert len(ended) == 1
    until_free(client)


async def test_cancelling_a_task_stops_the_worker(client: Client) -> None:
    has_begun = asyncio.Event()

    async def main() -> None:
        async for _ in client.stream("db_query", query(HUGE), window=1):
            has_begun.set()
            await asyncio.sleep(0.01)

    task = asyncio.create_task(main())
    await has_begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    del task
    await asyncio.to_thread(until_free, client)


def test_a_stream_is_read_by_one_caller_at_a_time(client: Client) -> None:
    stream = client.stream("db_query", query(ENDLESS), timeout=3)

    def wait() -> None:
        with pytest.raises(TimeoutError):
            list(stream)

    thread = threading.Thread(target=wait)
    thread.start()
    wait_until(lambda: not is_free(client), 10)
    with pytest.raises(InvalidQueryError, match="two callers"):
        next(stream)
    thread.join(10)


def test_a_client_that_is_closed_ends_its_streams(client: Client) -> None:
    stream = client.stream("db_query", query(HUGE))
    next(stream)
    client.close()
    with pytest.raises(ClosedError):
        list(stream)


def test_a_forked_child_is_told_that_the_stream_is_its_parents(url: str) -> None:
    program = f"""{SETUP}
import molt_worker
from molt_sql import ClosedError

with molt_worker.connect("molt+stdio:{url}") as client:
    stream = client.stream("db_query", {query()!r})
    next(stream)

    def child():
        try:
            next(stream)
        except ClosedError as error:
            assert "parent" in str(error), error
        assert client.call("health").result()["ok"]

    assert in_child(child) == 0
    assert sum(part.payload.count(b"\\n") for part in stream) > 500
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


# -- Deadlines and errors ----------------------------------------------------------------------------


def test_the_deadline_holds_while_the_reader_is_slow(client: Client) -> None:
    stream = client.stream("db_query", query(HUGE), window=1, timeout=0.5)
    next(stream)
    # The worker does not wait for the reader to come back.
    until_free(client)
    time.sleep(0.5)
    with pytest.raises(TimeoutError):
        list(stream)
    with pytest.raises(ClosedError):
        next(stream)


async def test_the_deadline_holds_while_a_part_is_awaited(client: Client) -> None:
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        await collect(client, query(ENDLESS), timeout=0.3)
    assert 0.2 < time.monotonic() - began < 5
    await asyncio.to_thread(until_free, client)


def test_the_clients_own_timeout_is_that_of_its_streams(worker: SocketWorker) -> None:
    with molt_worker.connect(worker.url(None), timeout=0.4) as client:
        stream = client.stream("db_query", query(HUGE), window=1)
        next(stream)
        time.sleep(0.6)
        with pytest.raises(TimeoutError):
            list(stream)


@pytest.mark.parametrize(
    ("payload", "error"),
    [
        (query("select * from no_such_table"), InvalidQueryError),
        (query(result_format="xml"), InvalidQueryError),
        ({"sql": "select json('broken') as j"}, InvalidQueryError),
    ],
)
def test_a_request_that_is_wrong_is_said_at_the_first_part(
    client: Client, payload: Payload, error: type[Exception]
) -> None:
    with pytest.raises(error):
        next(client.stream("db_query", payload))
    until_free(client)


BROKEN = (
    "with recursive c(n) as (select 1 union all select n + 1 from c)"
    f" select hex(zeroblob({ROW_BYTES // 2})) as filler,"
    f" json(case n when {ROWS} then 'broken' else '1' end) as j from c"
)


@both_hows
def test_an_error_in_the_midst_comes_after_what_was_before_it(client: Client, how: How) -> None:
    parts: list[Reply] = []
    with pytest.raises(InvalidQueryError, match="malformed JSON"):
        read(how, client.stream("db_query", query(BROKEN)), parts.append)
    assert len(parts) > 2
    assert all(part.metrics == {} for part in parts)
    until_free(client)


# -- A worker that goes away -------------------------------------------------------------------------


@both_hows
def test_a_worker_that_is_killed_in_the_midst_is_unavailable(
    worker: SocketWorker, how: How
) -> None:
    with molt_worker.connect(worker.url(None)) as client:
        stream = client.stream("db_query", query(HUGE), window=2)
        pid = worker.pid
        with pytest.raises(WorkerUnavailableError):
            read(how, stream, lambda _: kill(pid))


def test_an_own_worker_that_is_killed_in_the_midst_is_started_for_the_next(own: Client) -> None:
    pid = own.pid
    assert pid is not None
    with pytest.raises(WorkerUnavailableError, match="signal 9"):
        read("for", own.stream("db_query", query(HUGE), window=2), lambda _: kill(pid))
    assert eventually(lambda: joined(list(own.stream("db_query", query())))).count(b"\n") == ROWS


def kill_the_first_that_works(own: Client) -> threading.Thread:
    """While it has given nothing yet."""
    pid = own.pid
    assert pid is not None

    def soon() -> None:
        time.sleep(0.2)
        kill(pid)
        wait_until(lambda: not is_alive(pid), 10)

    thread = threading.Thread(target=soon)
    thread.start()
    return thread


def test_what_has_given_nothing_is_asked_once_more(own: Client) -> None:
    first = own.pid
    thread = kill_the_first_that_works(own)
    parts = list(own.stream("db_query", query(SLOW_START)))
    thread.join()
    assert joined(parts) == b'{"n":8000000}\n'
    assert own.pid != first


def test_what_must_not_be_asked_twice_is_not(own: Client) -> None:
    thread = kill_the_first_that_works(own)
    with pytest.raises(DatabaseError) as caught:
        list(own.stream("db_query", query(SLOW_START), retries=False))
    assert caught.value.code == "08007"
    thread.join()
