"""Streams on PostgreSQL: rows in batches, flat memory, and a connection that comes back."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
import trio
import uvloop

import molt_sql
from molt_sql import ClosedError, Database, DatabaseError, InvalidQueryError, Query, connect, raw
from servers.fixtures import PostgresDatabase

Main = Callable[[], Awaitable[Any]]

BACKENDS: dict[str, Callable[[Main], Any]] = {
    "asyncio": lambda main: asyncio.run(main()),  # type: ignore[arg-type]
    "uvloop": lambda main: uvloop.run(main()),  # type: ignore[arg-type]
    "trio": lambda main: trio.run(main),
}


@pytest.fixture(params=BACKENDS)
def run(request: pytest.FixtureRequest) -> Callable[[Main], Any]:
    return BACKENDS[request.param]


@pytest.fixture(scope="module")
def pg(pg_url: str) -> Iterator[Database]:
    """With one connection: a stream that keeps it is found out by the next query."""
    with connect(pg_url, max_connections=1, max_wait=5) as db:
        yield db


def series(db: Database, rows: int) -> Query:
    return raw("select generate_series(1, {n}::int) as n", n=rows).on(db)


def serves(db: Database) -> bool:
    return raw("select 1").on(db).fetch_value(timeout=5).result() == 1


# -- Reading ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("batch_rows", [1, 7, 1000, 2500, 65_536, 1_000_000])
def test_batches_are_as_long_as_asked_for(pg: Database, batch_rows: int) -> None:
    total = 2500 if batch_rows < 1000 else 200_000
    batches = list(series(pg, total).stream(batch_rows=batch_rows))
    lengths = [len(batch) for batch in batches]
    full, rest = divmod(total, batch_rows)
    assert lengths == [batch_rows] * full + [rest] * bool(rest)
    assert [row.n for batch in batches for row in batch] == list(range(1, total + 1))
    assert serves(pg)


def test_batches_of_which_nothing_was_asked_are_of_a_mebibyte(pg: Database) -> None:
    batches = list(
        raw("select repeat('x', 1000) as x from generate_series(1, 5000)").on(pg).stream()
    )
    *full, rest = (sum(len(row.x) for row in batch) for batch in batches)
    assert len(full) == 4
    assert all(0.9 * 2**20 < size <= 2**20 for size in full)
    assert sum(full) + rest == 5_000_000
    assert serves(pg)


def test_wide_rows_make_shorter_batches(pg: Database) -> None:
    wide = raw("select repeat('x', 1000000) as t from generate_series(1, 60)").on(pg)
    lengths = [len(batch) for batch in wide.stream()]
    assert sum(lengths) == 60
    assert max(lengths) <= 20


def test_a_stream_is_read_asynchronously(run: Callable[[Main], Any], pg: Database) -> None:
    async def main() -> int:
        async with series(pg, 100_000).stream(batch_rows=30_000) as stream:
            lengths = [len(batch) async for batch in stream]
        assert lengths == [30_000, 30_000, 30_000, 10_000]
        return int(await series(pg, 1).fetch_value())

    assert run(main) == 1


def test_a_stream_without_rows_gives_one_batch_with_the_schema(pg: Database) -> None:
    (batch,) = series(pg, 0).stream()
    assert len(batch) == 0
    assert batch.schema == [("n", "int32")]
    assert serves(pg)


@pytest.mark.parametrize("batch_rows", [0, -5])
def test_batches_have_at_least_one_row(pg: Database, batch_rows: int) -> None:
    with pytest.raises(InvalidQueryError, match="at least 1"):
        next(series(pg, 3).stream(batch_rows=batch_rows))


def test_batches_outlive_their_stream_and_database(pg_url: str) -> None:
    with connect(pg_url) as db, series(db, 1000).stream(batch_rows=600) as stream:
        first, second = next(stream), next(stream)
    gc.collect()
    assert first[0] == (1,)
    assert second[-1] == (1000,)


# -- Leaving early ---------------------------------------------------------------------------------


def test_a_stream_that_is_left_early_gives_its_connection_back(pg: Database) -> None:
    with series(pg, 100_000_000).stream(batch_rows=10) as stream:
        for batch in stream:
            assert len(batch) == 10
            break
    start = time.perf_counter()
    assert serves(pg)
    assert time.perf_counter() - start < 2
    with pytest.raises(ClosedError):
        next(stream)


def test_an_asynchronous_one_too(run: Callable[[Main], Any], pg: Database) -> None:
    async def main() -> None:
        for _ in range(5):
            async with series(pg, 100_000_000).stream(batch_rows=10) as stream:
                async for _ in stream:
                    break
            assert await series(pg, 1).fetch_value(timeout=5) == 1

    run(main)


def test_a_stream_that_is_dropped_gives_its_connection_back(pg: Database) -> None:
    stream = series(pg, 100_000_000).stream(batch_rows=10)
    assert len(next(stream)) == 10
    del stream
    gc.collect()
    assert serves(pg)


def test_the_server_stops_what_nobody_reads(
    pg: Database, pg_database: PostgresDatabase, until: Callable[[Callable[[], object]], None]
) -> None:
    stream = series(pg, 2_000_000_000).stream(batch_rows=10)
    next(stream)
    stream.close()
    active = (
        "select count(*) from pg_stat_activity where datname = current_database()"
        " and query like '%generate_series%' and state = 'active' and pid <> pg_backend_pid()"
    )
    until(lambda: pg_database.run_sql(active) == "0")


def test_an_error_after_some_batches_comes_then(pg: Database) -> None:
    sql = "select 1 / (n - 50000) as x from generate_series(1, 100000) n"
    seen = 0
    with pytest.raises(DatabaseError, match="division by zero"):  # noqa: PT012 (the loop raises)
        for batch in raw(sql).on(pg).stream(batch_rows=10_000):
            seen += len(batch)
    assert seen == 40_000
    assert serves(pg)


# -- Time and memory -------------------------------------------------------------------------------


def test_a_deadline_counts_for_the_whole_stream(pg: Database) -> None:
    slow = raw("select n, pg_sleep(0.01) from generate_series(1, 1000) n").on(pg)
    start = time.perf_counter()
    with pytest.raises(molt_sql.TimeoutError):
        list(slow.stream(batch_rows=5, timeout=0.3))
    assert time.perf_counter() - start < 3
    assert serves(pg)


def test_waiting_between_batches_loses_nothing(pg: Database) -> None:
    seen = []
    for batch in series(pg, 300_000).stream(batch_rows=100_000):
        time.sleep(0.1)
        seen.append((len(batch), batch[0].n, batch[-1].n))
    assert seen == [(100_000, 1, 100_000), (100_000, 100_001, 200_000), (100_000, 200_001, 300_000)]


MEMORY = """
import sys
import molt_sql

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096

db = molt_sql.connect(sys.argv[1])
text = "select n, repeat('x', 200) as t from generate_series(1, {rows}::int) n"
list(molt_sql.raw(text, rows=200_000).on(db).stream(batch_rows=20_000))[0]
before = peak = resident()
for batch in molt_sql.raw(text, rows=2_000_000).on(db).stream(batch_rows=20_000):
    peak = max(peak, resident())
print((peak - before) >> 20)
"""


def test_memory_stays_flat_over_a_long_stream(pg_url: str) -> None:
    """500 MB pass through; what is added at the peak is a few batches."""
    done = subprocess.run(
        [sys.executable, "-c", MEMORY, pg_url],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert int(done.stdout) < 48


def test_a_reader_that_does_not_read_holds_the_server_back(pg: Database) -> None:
    """What was sent and not read yet stays within the buffers of the socket."""
    with series(pg, 20_000_000).stream(batch_rows=10) as stream:
        next(stream)
        gc.collect()
        before = _resident()
        time.sleep(0.5)
        assert _resident() - before < 16 << 20


def _resident() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096
