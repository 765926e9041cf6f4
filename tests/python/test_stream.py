"""Streams: rows in batches, with bounded memory, and a connection that always comes back."""

# Long because: every way through a stream is a short test of its own.

import gc
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import anyio
import pyarrow as pa
import pytest

from molt_sql import (
    ClosedError,
    Database,
    DatabaseError,
    InvalidQueryError,
    MoltError,
    Query,
    ResultSet,
    connect,
    raw,
    table,
)

ENDLESS_STEPS = "with recursive c(n) as (select 1 union all select n + 1 from c)"


@pytest.fixture
def one_reader(path: Path) -> Iterator[Database]:
    """A file database that serves one read at a time, with 1 … 1000 in table t(n)."""
    with connect(f"sqlite:///{path}?mode=rwc", max_readers=1) as db:
        raw("create table t (n integer)").on(db).execute().result()
        db.insert("t", [(n,) for n in range(1, 1001)]).result()
        yield db


@pytest.fixture
def numbers(one_reader: Database) -> Query:
    t = table("t")
    return t.order_by(t.n).on(one_reader)


def serves(db: Database) -> bool:
    """Whether the only connection is free, at once."""
    return raw("select 1").on(db).fetch_value(timeout=1).result() == 1


# -- Reading ---------------------------------------------------------------------------------------


def test_a_stream_gives_all_rows_in_batches(numbers: Query) -> None:
    batches = list(numbers.stream(batch_rows=300))
    assert [len(batch) for batch in batches] == [300, 300, 300, 100]
    assert all(isinstance(batch, ResultSet) for batch in batches)
    assert [row.n for batch in batches for row in batch] == list(range(1, 1001))


async def test_a_stream_is_read_asynchronously(numbers: Query, one_reader: Database) -> None:
    got = [row.n async for batch in numbers.stream(batch_rows=300) for row in batch]
    assert got == list(range(1, 1001))
    assert await raw("select 1").on(one_reader).fetch_value(timeout=1) == 1


def test_a_stream_is_read_under_trio(numbers: Query) -> None:
    async def main() -> list[int]:
        async with numbers.stream(batch_rows=300) as stream:
            return [row.n async for batch in stream for row in batch]

    assert anyio.run(main, backend="trio") == list(range(1, 1001))


@pytest.mark.parametrize(("rows", "lengths"), [(1000, [1000]), (1001, [1000]), (999, [999, 1])])
def test_the_last_batch_is_never_an_empty_extra(
    numbers: Query, rows: int, lengths: list[int]
) -> None:
    assert [len(batch) for batch in numbers.stream(batch_rows=rows)] == lengths


def test_a_stream_without_rows_gives_one_batch_with_the_schema(one_reader: Database) -> None:
    t = table("t")
    (batch,) = t.where(t.n < 0).on(one_reader).stream()
    assert len(batch) == 0
    assert batch.schema == [("n", "int64")]
    assert serves(one_reader)


def test_batches_outlive_their_stream(numbers: Query, one_reader: Database) -> None:
    with numbers.stream(batch_rows=600) as stream:
        first = next(stream)
        second = next(stream)
    one_reader.close()
    gc.collect()
    assert first[0] == (1,)
    assert second[-1] == (1000,)
    assert pa.table(first).num_rows == 600


def test_each_batch_goes_to_a_data_library(numbers: Query) -> None:
    tables = [batch.to_arrow() for batch in numbers.stream(batch_rows=300)]
    assert pa.concat_tables(tables).column("n").to_pylist() == list(range(1, 1001))


def test_nothing_runs_before_the_first_batch_is_asked_for(one_reader: Database) -> None:
    stream = raw("select * from no_such_table").on(one_reader).stream()
    with pytest.raises(InvalidQueryError, match="no_such_table"):
        next(stream)


def test_a_stream_that_is_never_read_holds_nothing(numbers: Query, one_reader: Database) -> None:
    stream = numbers.stream()
    assert serves(one_reader)
    stream.close()


@pytest.mark.parametrize("batch_rows", [0, -1])
def test_batches_have_at_least_one_row(numbers: Query, batch_rows: int) -> None:
    with pytest.raises(InvalidQueryError, match="batch_rows must be at least 1"):
        numbers.stream(batch_rows=batch_rows)


def test_a_stream_sees_the_state_when_it_began(numbers: Query, one_reader: Database) -> None:
    with numbers.stream(batch_rows=999) as stream:
        next(stream)
        with pytest.raises(MoltError):
            # A reader in the middle keeps writers from committing (rollback journal).
            raw("delete from t").on(one_reader).execute(timeout=0.1).result()
        assert next(stream) == [(1000,)]
    assert raw("delete from t").on(one_reader).execute(timeout=5).result().rows_affected == 1000


# -- Ending ----------------------------------------------------------------------------------------


def test_an_exhausted_stream_stays_exhausted(numbers: Query, one_reader: Database) -> None:
    stream = numbers.stream()
    assert len(list(stream)) == 1
    assert serves(one_reader)
    for _ in range(2):
        with pytest.raises(StopIteration):
            next(stream)
    assert list(stream) == []


async def test_an_exhausted_async_stream_stays_exhausted(numbers: Query) -> None:
    stream = numbers.stream()
    assert len([batch async for batch in stream]) == 1
    for _ in range(2):
        with pytest.raises(StopAsyncIteration):
            await anext(stream)


def test_leaving_the_with_block_early_gives_the_connection_back(
    numbers: Query, one_reader: Database
) -> None:
    for _ in range(5):
        with numbers.stream(batch_rows=10) as stream:
            assert next(stream)[0] == (1,)
        assert serves(one_reader)


async def test_leaving_the_async_with_block_early_gives_the_connection_back(
    numbers: Query, one_reader: Database
) -> None:
    for _ in range(5):
        async with numbers.stream(batch_rows=10) as stream:
            async for batch in stream:
                assert batch[0] == (1,)
                break
        assert await raw("select 1").on(one_reader).fetch_value(timeout=1) == 1


def test_an_error_in_the_loop_gives_the_connection_back(
    numbers: Query, one_reader: Database
) -> None:

    def fail_in_the_loop() -> None:
        with numbers.stream(batch_rows=10) as stream:
            for _ in stream:
                raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_in_the_loop()
    assert serves(one_reader)


def test_a_dropped_stream_gives_the_connection_back(numbers: Query, one_reader: Database) -> None:
    stream = numbers.stream(batch_rows=10)
    next(stream)
    del stream
    gc.collect()
    assert serves(one_reader)


def test_a_closed_stream_says_so(numbers: Query, one_reader: Database) -> None:
    stream = numbers.stream(batch_rows=10)
    next(stream)
    stream.close()
    stream.close()
    with pytest.raises(ClosedError, match="stream is closed"):
        next(stream)
    assert serves(one_reader)


def test_a_closed_database_ends_a_stream_or_lets_it_finish(
    numbers: Query, one_reader: Database
) -> None:
    stream = numbers.stream(batch_rows=999)
    next(stream)
    one_reader.close()
    with pytest.raises(ClosedError):
        next(stream)


async def test_a_cancelled_read_gives_the_connection_back(one_reader: Database) -> None:
    endless = raw(f"{ENDLESS_STEPS} select n from c where n < 0").on(one_reader)
    with anyio.move_on_after(0.1) as scope:
        async for _ in endless.stream():
            pass
    assert scope.cancelled_caught
    assert await raw("select 1").on(one_reader).fetch_value(timeout=1) == 1


# -- Errors ----------------------------------------------------------------------------------------


def test_an_error_in_the_middle_comes_after_the_rows_before_it(one_reader: Database) -> None:
    # json() fails on its 8th row only.
    broken = raw("select n, json(case n when 8 then 'broken' else '1' end) as j from t").on(
        one_reader
    )
    seen: list[int] = []
    stream = broken.stream(batch_rows=3)
    with pytest.raises(MoltError, match="JSON"):
        seen.extend(row.n for batch in stream for row in batch)
    assert seen == [1, 2, 3, 4, 5, 6]
    assert serves(one_reader)
    with pytest.raises(ClosedError):
        next(stream)


async def test_an_error_in_the_middle_comes_out_of_await_too(one_reader: Database) -> None:
    broken = raw("select n, json(case n when 8 then 'broken' else '1' end) as j from t").on(
        one_reader
    )
    seen: list[int] = []

    async def read() -> None:
        async for batch in broken.stream(batch_rows=3):
            seen.extend(batch.column("n"))

    with pytest.raises(MoltError, match="JSON"):
        await read()
    assert seen == [1, 2, 3, 4, 5, 6]
    assert await raw("select 1").on(one_reader).fetch_value(timeout=1) == 1


def test_a_page_that_breaks_in_the_middle_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "broken.db"
    with connect(f"sqlite:///{path}?mode=rwc") as db:
        raw("create table t (n integer, pad text)").on(db).execute().result()
        db.insert("t", [(n, "x" * 1000) for n in range(2000)]).result()
    size = path.stat().st_size
    with open(path, "r+b") as file:
        file.seek(size // 2)
        file.write(os.urandom(size // 4))
    with connect(f"sqlite:///{path}") as db:
        seen: list[int] = []
        with pytest.raises(DatabaseError, match="damaged") as caught:
            seen.extend(map(len, table("t").query().on(db).stream(batch_rows=100)))
        assert caught.value.code.startswith("SQLITE_CORRUPT")
        assert sum(seen) < 2000


# -- Two readers -----------------------------------------------------------------------------------


async def test_two_tasks_reading_one_stream_are_refused(one_reader: Database) -> None:
    slow = raw(f"{ENDLESS_STEPS} select n from c where n % 200000 = 0 limit 20").on(one_reader)
    async with slow.stream(batch_rows=1) as stream:
        first = [row.n async for batch in _take(stream, 1) for row in batch]
        outcomes: list[Any] = []

        async def read() -> None:
            try:
                outcomes.append((await anext(stream))[0].n)
            except InvalidQueryError as error:
                outcomes.append(str(error))

        async with anyio.create_task_group() as group:
            group.start_soon(read)
            group.start_soon(read)
        assert first == [200_000]
        assert outcomes[0] == (
            "the stream is read by two callers at once; give each its own stream"
        )
        assert outcomes[1] == 400_000
        # Whoever was refused has not taken the stream away from the other.
        assert (await anext(stream))[0].n == 600_000


async def _take(stream: Any, count: int) -> Any:
    for _ in range(count):
        yield await anext(stream)


async def test_two_tasks_beginning_one_stream_are_refused(one_reader: Database) -> None:
    slow = raw(f"{ENDLESS_STEPS} select n from c where n % 200000 = 0 limit 3").on(one_reader)
    outcomes: list[Any] = []
    async with slow.stream(batch_rows=1) as stream:

        async def read() -> None:
            try:
                outcomes.append((await anext(stream))[0].n)
            except InvalidQueryError:
                outcomes.append("refused")

        async with anyio.create_task_group() as group:
            group.start_soon(read)
            group.start_soon(read)
        assert outcomes == ["refused", 200_000]
        assert [batch[0].n async for batch in stream] == [400_000, 600_000]
    assert await raw("select 1").on(one_reader).fetch_value(timeout=1) == 1


def test_threads_reading_one_stream_never_share_a_batch(numbers: Query) -> None:
    stream = numbers.stream(batch_rows=1)
    got: list[int] = []
    refused: list[BaseException] = []
    strange: list[BaseException] = []

    def read() -> None:
        while True:
            try:
                got.append(next(stream)[0].n)
            except StopIteration:
                return
            except InvalidQueryError as error:
                refused.append(error)
            except BaseException as error:
                strange.append(error)
                return

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert strange == []
    assert sorted(got) == list(range(1, 1001))
    assert all("two callers at once" in str(error) for error in refused)


async def test_streams_side_by_side_read_the_same_rows(file_db: Database) -> None:
    raw("create table t (n integer)").on(file_db).execute().result()
    file_db.insert("t", [(n,) for n in range(1000)]).result()
    totals: list[int] = []

    async def add_up() -> None:
        total = 0
        async for batch in table("t").query().on(file_db).stream(batch_rows=10):
            total += sum(batch.column("n"))
        totals.append(total)

    async with anyio.create_task_group() as group:
        for _ in range(4):
            group.start_soon(add_up)
    assert totals == [499_500] * 4


# -- Memory ----------------------------------------------------------------------------------------


def resident_mib() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


@pytest.mark.parametrize(
    ("batch_rows", "rows_max"), [(1000, 1000), (1_000_000, 9000), (None, 1200)]
)
def test_a_long_stream_needs_bounded_memory(
    db: Database, batch_rows: int | None, rows_max: int
) -> None:
    """300 MB of text in all; a batch ends at 8 MiB whatever its rows, or at 1 MiB."""
    limit = "with recursive c(n) as (select 1 union all select n + 1 from c where n < 300000)"
    query = raw(f"{limit} select n, printf('%01000d', n) as pad from c").on(db)
    before = resident_mib()
    rows, most = 0, 0.0
    for batch in query.stream(batch_rows=batch_rows):
        rows += len(batch)
        assert len(batch) <= rows_max
        most = max(most, resident_mib())
    assert rows == 300_000
    assert most - before < 64


def test_an_endless_query_is_read_as_far_as_wanted(
    db: Database, until: Callable[[Callable[[], object]], None]
) -> None:
    with raw(f"{ENDLESS_STEPS} select n from c").on(db).stream(batch_rows=100) as stream:
        start = time.perf_counter()
        assert next(stream)[0].n == 1
        assert next(stream)[0].n == 101
        assert time.perf_counter() - start < 2
    threads = threading.active_count()
    until(lambda: threading.active_count() <= threads)
