"""The network between pool and server delays, cuts, stalls and loses; service comes back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import molt_sql
from chaos.tools import (
    AT_ONCE_S,
    Watcher,
    assert_serves,
    awaited,
    echo,
    eventually,
    large,
    lasts,
    pids,
    right,
    run,
    start,
    until,
    until_async,
    value,
)
from molt_sql import Database, DatabaseError, MoltError, raw
from servers.fault_proxy import BlackHole, CutAfter, Delay, Fault, FaultProxy, Pass, Slice, Stall

CONNECTIONS = 3
Through = Callable[..., Database]
NOTICED_AFTER_S = 0.15


@pytest.fixture
def db(through: Through) -> Database:
    return through(max_connections=CONNECTIONS, connect_timeout=2)


@pytest.fixture
def one(through: Through) -> Database:
    """Its one connection is the proxy's first."""
    return through(max_connections=1, connect_timeout=2)


@pytest.fixture
def counted(db: Database) -> Database:
    """With an empty table t(n, t)."""
    db.execute(raw("drop table if exists t")).result()
    db.execute(raw("create table t (n int, t text)")).result()
    return db


def rows(count: int) -> Iterator[tuple[int, str]]:
    return ((n, "z" * 100) for n in range(count))


# -- Slow, but whole -------------------------------------------------------------------------------


@pytest.mark.parametrize("direction", ["to_server", "to_client", None])
def test_a_delay_changes_no_answer(db: Database, pg_proxy: FaultProxy, direction: Any) -> None:
    pg_proxy.set(Delay(0.03), direction)

    async def main() -> list[Any]:
        return await asyncio.gather(*[awaited(echo(db, n).fetch_one()) for n in range(20)])

    assert all(right(row, n) for n, row in enumerate(run(main)))
    pg_proxy.clear()
    assert_serves(db, CONNECTIONS)


def test_bytes_one_at_a_time_change_no_answer(counted: Database, pg_proxy: FaultProxy) -> None:
    pg_proxy.set(Slice(1))
    for n in range(5):
        assert right(echo(counted, n).fetch_one(timeout=20).result(), n)
    assert counted.insert("t", rows(20)).result() == 20
    assert counted.execute(raw("update t set n = n + 1")).result().rows_affected == 20
    found = raw("select n, t, now(), array[n, null], n::numeric / 7 from t order by n").on(counted)
    answer = found.fetch_all(timeout=20).result()
    assert [row[0] for row in answer] == list(range(1, 21))
    assert {row[1] for row in answer} == {"z" * 100}
    with pytest.raises(DatabaseError, match="division by zero"):
        value(counted, "select 1 / 0")
    with counted.transaction() as tx:
        assert value(tx, "select count(*) from t") == 20
    pg_proxy.clear()
    assert_serves(counted, CONNECTIONS)


@pytest.mark.parametrize("size", [1000, 4096, 65_535])
def test_a_large_result_in_odd_pieces(db: Database, pg_proxy: FaultProxy, size: int) -> None:
    pg_proxy.set(Slice(size), "to_client")
    found = large(db, 30_000).fetch_arrow(timeout=30).result()
    assert found.column("n") == list(range(1, 30_001))
    pg_proxy.clear()
    assert_serves(db, CONNECTIONS)


# -- Silence ---------------------------------------------------------------------------------------


async def silent_in_the_midst(one: Database, proxy: FaultProxy, fault: Any) -> float:
    """How late a deadline is answered, when the server falls silent in the midst of a result."""
    index = len(proxy.connections) - 1
    proxy.set(Delay(0.005), "to_client", which=index)
    before = proxy.forwarded("to_client")
    began = time.monotonic()
    task = start(large(one).fetch_all(timeout=0.5))
    await until_async(lambda: proxy.forwarded("to_client") > before + 200_000)
    await asyncio.to_thread(proxy.set, fault, "to_client", index)
    with pytest.raises(molt_sql.TimeoutError):
        await task
    return time.monotonic() - began - 0.5


@pytest.mark.slow
@pytest.mark.parametrize("fault", [Stall(), BlackHole()], ids=["stalls", "is lost"])
def test_a_result_that_stops_coming(through: Through, pg_proxy: FaultProxy, fault: Any) -> None:
    """The deadline is answered in time, and the connection is replaced."""
    late = []
    for _ in range(3):  # the fastest counts: the machine may be busy
        one = through(max_connections=1, max_wait=20)
        before = pids(one, 1)
        late.append(run(lambda db=one: silent_in_the_midst(db, pg_proxy, fault)))  # type: ignore[misc]
        if late[-1] < 0.05:
            break
    assert min(late) < 0.05
    assert right(echo(one, 9).fetch_one(timeout=15).result(), 9)
    assert not pids(one, 1) & before
    assert_serves(one, 1)


@pytest.mark.slow
def test_a_request_that_never_arrives(one: Database, pg_proxy: FaultProxy) -> None:
    pg_proxy.set(BlackHole(), which=0)
    with lasts(0.2, 0.2 + AT_ONCE_S), pytest.raises(molt_sql.TimeoutError):
        echo(one, 1).fetch_one(timeout=0.2).result()
    assert right(echo(one, 9).fetch_one(timeout=15).result(), 9)
    assert_serves(one, 1)


@pytest.mark.slow
def test_a_cancel_connection_that_never_closes(
    one: Database, pg_proxy: FaultProxy, watcher: Watcher
) -> None:
    """It is not known whether the request can still hit something, so its target is given up."""
    before = pids(one, 1)
    pg_proxy.set(Stall(), "to_client", "cancels")
    with lasts(0.1, 0.1 + AT_ONCE_S), pytest.raises(molt_sql.TimeoutError):
        raw("select pg_sleep(30)").on(one).fetch_all(timeout=0.1).result()
    watcher.until_idle()  # it was stopped nevertheless
    assert pg_proxy.cancels == 1
    assert right(echo(one, 9).fetch_one(timeout=15).result(), 9)
    assert not pids(one, 1) & before
    pg_proxy.clear()
    assert_serves(one, 1)


# -- Cut -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.parametrize("size", [0, 1, 30, 5_000, 1_000_003])
def test_a_result_that_is_cut(
    through: Through, pg_proxy: FaultProxy, size: int, reset: bool
) -> None:
    one = through(max_connections=1)
    pg_proxy.set(CutAfter(size, reset), "to_client", which=0)
    with lasts(0, 5), pytest.raises(DatabaseError, match="connection to the server was lost") as e:
        large(one).fetch_all(timeout=20).result()
    assert e.value.code == "08006"
    assert_serves(one, 1)


def test_a_stream_that_is_cut_between_batches(one: Database, pg_proxy: FaultProxy) -> None:
    with large(one).stream(batch_rows=100, timeout=20) as stream:
        assert len(next(stream)) == 100
        pg_proxy.cut()
        with pytest.raises(DatabaseError, match="lost"):
            for _ in stream:
                pass
    assert_serves(one, 1)


def test_idle_connections_that_are_cut_are_replaced_unseen(
    db: Database, pg_proxy: FaultProxy
) -> None:
    for reset in (False, True):
        pids(db, CONNECTIONS)
        until(lambda: pg_proxy.open == CONNECTIONS)
        pg_proxy.cut(reset=reset)
        time.sleep(NOTICED_AFTER_S)
        assert right(echo(db, 4).fetch_one(timeout=10).result(), 4)
        assert_serves(db, CONNECTIONS)


@pytest.mark.parametrize("size", [0, 20_000, 700_000])
def test_a_copy_that_is_cut_leaves_nothing(
    counted: Database, pg_proxy: FaultProxy, watcher: Watcher, size: int
) -> None:
    pids(counted, 1)
    value(counted, "select 1")  # waits until the connection has been put in order
    pg_proxy.set(CutAfter(size), "to_server")
    with lasts(0, 10), pytest.raises(DatabaseError) as caught:
        counted.insert("t", rows(20_000), timeout=30).result()
    assert caught.value.code in ("08006", "08007")
    pg_proxy.clear()
    watcher.until_idle()
    assert watcher.value("select count(*) from t") == 0
    assert counted.insert("t", rows(20_000)).result() == 20_000
    assert_serves(counted, CONNECTIONS)


# -- Nobody there ----------------------------------------------------------------------------------


def test_new_connections_that_are_refused(db: Database, pg_proxy: FaultProxy) -> None:
    pg_proxy.refuse()
    assert right(echo(db, 1).fetch_one().result(), 1)  # over the one that is open
    with db.transaction() as tx:
        # It waits for the one that is in use, and says why it did not get another.
        with lasts(0, 0.2 + AT_ONCE_S), pytest.raises(MoltError, match="refused"):
            echo(db, 2).fetch_one(timeout=0.2).result()
        assert right(echo(tx, 3).fetch_one().result(), 3)
    pg_proxy.cut()
    time.sleep(NOTICED_AFTER_S)

    async def main() -> list[Any]:
        asked = [awaited(echo(db, n).fetch_one(timeout=10)) for n in range(10)]
        return await asyncio.gather(*asked, return_exceptions=True)

    for error in run(main):
        assert isinstance(error, DatabaseError), error
        assert error.code == "08001"
    pg_proxy.accept()
    assert_serves(db, CONNECTIONS)


@pytest.mark.parametrize("fault", [BlackHole(), Stall()], ids=["lost", "stalled"])
def test_a_deadline_while_connecting(db: Database, pg_proxy: FaultProxy, fault: Any) -> None:
    with db.transaction():
        pg_proxy.set(fault, None, which=len(pg_proxy.connections))
        with lasts(0.2, 0.2 + AT_ONCE_S), pytest.raises(molt_sql.TimeoutError):
            echo(db, 1).fetch_one(timeout=0.2).result()
    assert_serves(db, CONNECTIONS)


def test_an_answer_for_nobody_is_given_to_the_next(db: Database, pg_proxy: FaultProxy) -> None:
    """A connection that is opened for one who has given up meanwhile serves others."""
    with db.transaction():
        pg_proxy.set(Stall(), "to_client", which=len(pg_proxy.connections))
        with pytest.raises(molt_sql.TimeoutError):
            echo(db, 1).fetch_one(timeout=0.1).result()
        pg_proxy.clear()
        assert right(echo(db, 2).fetch_one(timeout=10).result(), 2)
        # Nobody waits for the one that stalled: whoever comes has an attempt of its own at most.
        assert len(pg_proxy.connections) <= CONNECTIONS
    assert_serves(db, CONNECTIONS)


def test_a_long_time_without_a_network(db: Database, pg_proxy: FaultProxy) -> None:
    """Everything is lost again and again, while tasks go on asking: no answer is wrong or late."""
    over = False
    good = 0
    faults: list[Fault] = [CutAfter(100), Slice(7), CutAfter(3, reset=True), Delay(0.02)]

    async def asker(number: int) -> None:
        nonlocal good
        n = number
        while not over:
            n += 10
            began = time.monotonic()
            try:
                assert right(await echo(db, n).fetch_one(timeout=1), n)
                good += 1
            except (DatabaseError, molt_sql.TimeoutError):
                await asyncio.sleep(0.01)
            assert time.monotonic() - began < 1 + AT_ONCE_S

    async def main() -> None:
        nonlocal over
        tasks = [asyncio.ensure_future(asker(number)) for number in range(8)]
        for round_ in range(8):
            await asyncio.sleep(0.1)
            await asyncio.to_thread(pg_proxy.set, faults[round_ % 4])
            await asyncio.sleep(0.1)
            await asyncio.to_thread(pg_proxy.set, Pass())
        over = True
        await asyncio.gather(*tasks)

    run(main)
    assert good > 0
    pg_proxy.clear()
    eventually(lambda: pids(db, CONNECTIONS))
    assert_serves(db, CONNECTIONS)
