"""Many requests at once on one or two connections: what goes wrong with one stays with that one."""

# ruff: noqa: PT012 (what a block raises goes through the end of its transaction)

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

import molt_sql
from chaos.tools import (
    AT_ONCE_S,
    Watcher,
    assert_serves,
    awaited,
    echo,
    large,
    opened,
    right,
    run,
    sleep,
    start,
    until,
    until_async,
    value,
)
from molt_sql import Database, DatabaseError, MoltError, raw
from servers.fault_proxy import DIRECTIONS, CutAfter, Delay, Direction, FaultProxy, Slice, Stall

CROWD = 24
Wrong = Callable[[Database], Awaitable[Any]]


@pytest.fixture(params=[1, 2])
def connections(request: pytest.FixtureRequest) -> int:
    found: int = request.param
    return found


@pytest.fixture
def db(pg_url: str, connections: int) -> Iterator[Database]:
    with opened(pg_url, max_connections=connections) as db:
        run(lambda: crowd(db))  # they are all prepared
        yield db


async def asks(db: Database, n: int) -> str:
    try:
        return "right" if right(await echo(db, n).fetch_one(timeout=20), n) else "WRONG"
    except MoltError as error:
        return f"{getattr(error, 'code', '')} {error}"


async def crowd(db: Database, first: int = 0) -> list[str]:
    return await asyncio.gather(*[asks(db, first + n) for n in range(CROWD)])


async def fails(db: Database) -> None:
    with pytest.raises(DatabaseError, match="division by zero"):
        await raw("select 1 / {n}::int", n=0).on(db).fetch_all()


async def fails_late(db: Database) -> None:
    late = raw("select 1 / ({n} - g) from generate_series(1, 5000) g", n=5000).on(db)
    with pytest.raises(DatabaseError, match="division by zero"):
        await late.fetch_all()


async def is_unknown(db: Database) -> None:
    with pytest.raises(molt_sql.InvalidQueryError, match="nowhere"):
        await raw("select * from nowhere").on(db).fetch_all()


async def is_refused(db: Database) -> None:
    with pytest.raises(molt_sql.InvalidQueryError, match="writes"):
        await raw("delete from pg_class").on(db).fetch_all()


async def is_late(db: Database) -> None:
    with pytest.raises(molt_sql.TimeoutError):
        await sleep(db).fetch_all(timeout=0.02)


async def is_hardly_late(db: Database) -> None:
    with contextlib.suppress(molt_sql.TimeoutError):
        assert len(await sleep(db, 0.01).fetch_all(timeout=0.01)) == 1


async def is_cancelled(db: Database) -> None:
    task = start(sleep(db).fetch_all())
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def is_cancelled_at_once(db: Database) -> None:
    task = start(echo(db, 1).fetch_all())
    await asyncio.sleep(0)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        assert right((await task)[0], 1)


async def is_large(db: Database) -> None:
    found = await large(db, 20_000).fetch_arrow()
    assert found.column("n") == list(range(1, 20_001))


async def is_read_by_half(db: Database) -> None:
    async with large(db, 1_000_000).stream(batch_rows=10) as stream:
        async for batch in stream:
            assert len(batch) == 10
            break


async def writes(db: Database) -> None:
    await db.execute(raw("create temp table if not exists mine (n int)"))


async def fails_to_write(db: Database) -> None:
    with pytest.raises(DatabaseError, match="division by zero"):
        await db.execute(raw("do $$ begin perform 1 / 0; end $$"))


async def rolls_back(db: Database) -> None:
    with pytest.raises(LookupError):
        async with db.transaction() as tx:
            assert right(await echo(tx, 5).fetch_one(), 5)
            raise LookupError


async def takes_statements_away(db: Database) -> None:
    await db.execute(raw("do $$ begin execute 'deallocate all'; end $$"))


WRONGS: dict[str, Wrong] = {
    name.__name__: name
    for name in (
        fails,
        fails_late,
        is_unknown,
        is_refused,
        is_late,
        is_hardly_late,
        is_cancelled,
        is_cancelled_at_once,
        is_large,
        is_read_by_half,
        writes,
        fails_to_write,
        rolls_back,
        takes_statements_away,
    )
}


@pytest.mark.parametrize("name", WRONGS)
def test_what_goes_wrong_with_one_leaves_the_others_alone(
    db: Database, watcher: Watcher, connections: int, name: str
) -> None:
    async def main() -> None:
        for n in range(4):
            answers = await asyncio.gather(
                crowd(db, n), WRONGS[name](db), crowd(db, n + 7), WRONGS[name](db), crowd(db, n)
            )
            for found in (answers[0], answers[2], answers[4]):
                assert set(found) == {"right"}, found

    run(main)
    watcher.until_idle()
    assert_serves(db, connections)


def test_all_that_can_go_wrong_at_once(db: Database, watcher: Watcher, connections: int) -> None:
    async def main() -> None:
        for n in range(3):
            parts = [crowd(db, n)] + [wrong(db) for wrong in WRONGS.values()] + [crowd(db, n + 7)]
            answers = await asyncio.gather(*parts)
            assert set(answers[0]) == set(answers[-1]) == {"right"}, (answers[0], answers[-1])

    run(main)
    watcher.until_idle()
    assert_serves(db, connections)


def test_impatient_ones_are_answered_in_time_behind_a_slow_one(
    db: Database, connections: int
) -> None:
    async def impatient(n: int) -> float:
        began = time.monotonic()
        with contextlib.suppress(molt_sql.TimeoutError):
            assert right(await echo(db, n).fetch_one(timeout=0.1), n)
        return time.monotonic() - began

    async def main() -> None:
        slow = [start(sleep(db, 0.6).fetch_all()) for _ in range(connections)]
        await asyncio.sleep(0.05)
        took = await asyncio.gather(*[impatient(n) for n in range(CROWD)])
        assert max(took) < 0.1 + AT_ONCE_S
        assert [len(rows) for rows in await asyncio.gather(*slow)] == [1] * connections
        assert set(await crowd(db)) == {"right"}

    run(main)
    assert_serves(db, connections)


def test_a_backend_that_is_terminated_under_a_crowd(
    db: Database, watcher: Watcher, connections: int
) -> None:
    async def main() -> None:
        for _ in range(5):
            slow = [start(sleep(db).fetch_all()) for _ in range(connections)]
            await until_async(lambda: len(watcher.busy()) == connections)
            others = start(crowd(db))
            await asyncio.sleep(0.01)
            for pid in watcher.busy():
                watcher.value("select pg_terminate_backend(%s)", pid)
            for error in await asyncio.gather(*slow, return_exceptions=True):
                assert isinstance(error, DatabaseError), error
                assert error.code in ("57P01", "08006")
            for found in await others:
                assert found == "right" or found.startswith(("57P01", "08006")), found
            assert set(await crowd(db)) == {"right"}

    run(main)
    assert_serves(db, connections)


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_a_cut_anywhere_under_a_crowd(
    through: Callable[..., Database],
    pg_proxy: FaultProxy,
    watcher: Watcher,
    direction: Direction,
) -> None:
    one = through(max_connections=1)
    run(lambda: crowd(one))
    before = pg_proxy.connections[-1].bytes[direction]
    run(lambda: crowd(one))
    size = pg_proxy.connections[-1].bytes[direction] - before
    for cut in range(0, size, max(1, size // 25)):
        value(one, "select 1")
        fault = CutAfter(cut, reset=cut % 2 == 1)
        pg_proxy.set(fault, direction, len(pg_proxy.connections) - 1)
        for found in run(lambda: crowd(one)):
            assert found == "right" or found.startswith("08006"), found
        assert set(run(lambda: crowd(one))) == {"right"}
    until(lambda: len(watcher.sessions()) == 1, what="no session is left of the lost ones")
    assert_serves(one, 1)


@pytest.mark.parametrize("fault", [Delay(0.01), Slice(1), Slice(61, 0.0005)])
def test_a_crowd_is_served_slowly_but_rightly(
    through: Callable[..., Database], pg_proxy: FaultProxy, fault: Any
) -> None:
    db = through(max_connections=2)
    pg_proxy.set(fault)
    for n in range(3):
        assert set(run(lambda n=n: crowd(db, n))) == {"right"}  # type: ignore[misc]
    pg_proxy.clear()
    assert_serves(db, 2)


def test_a_server_that_falls_silent_under_a_crowd(
    through: Callable[..., Database], pg_proxy: FaultProxy
) -> None:
    """All deadlines are kept; when the server speaks again, nobody gets another one's rows."""
    db = through(max_connections=2)
    run(lambda: crowd(db))

    async def impatient(n: int) -> None:
        began = time.monotonic()
        with pytest.raises(molt_sql.TimeoutError):
            await echo(db, n).fetch_one(timeout=0.2)
        assert time.monotonic() - began < 0.2 + AT_ONCE_S

    async def main() -> None:
        for _ in range(3):
            await asyncio.to_thread(pg_proxy.set, Stall(), "to_client")
            await asyncio.gather(*[impatient(n) for n in range(CROWD)])
            await asyncio.to_thread(pg_proxy.clear)
            assert set(await asyncio.wait_for(awaited(crowd(db)), 15)) == {"right"}

    run(main)
    assert_serves(db, 2)
