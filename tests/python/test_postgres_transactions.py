"""Transactions on PostgreSQL: committed as a whole or not at all, savepoints, isolation."""

# ruff: noqa: PT012, SIM117 (what a block raises goes through the end of its transaction)

from __future__ import annotations

import asyncio
import gc
import time
import warnings
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import anyio
import pytest
import trio
import uvloop

import molt_sql
from molt_sql import ClosedError, Database, DatabaseError, InvalidQueryError, connect, raw, table
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


@pytest.fixture
def url(pg_database: PostgresDatabase, pg_schema: str) -> str:
    return pg_database.url(options=f"-c search_path={pg_schema}")


@pytest.fixture
def pg(url: str) -> Iterator[Database]:
    """Two connections, and the row 1 in table t(n)."""
    with connect(url, max_connections=2, max_wait=10) as db:
        db.execute(raw("create table t (n int primary key)")).result()
        db.execute(raw("insert into t values (1)")).result()
        yield db


t = table("t")


def numbers(db: Any) -> list[int]:
    return [row.n for row in t.order_by(t.n).on(db).fetch_all().result()]


def add(n: int) -> Any:
    return raw("insert into t values ({n})", n=n)


def serves(db: Database) -> bool:
    """Whether both connections are free again, and clean."""
    with db.transaction() as one, db.transaction() as two:
        in_use = [raw("select 1").on(tx).fetch_value().result() for tx in (one, two)]
    return in_use == [1, 1]


# -- As a whole or not at all ----------------------------------------------------------------------


def test_a_block_that_ends_is_committed_and_sees_its_own_writes(pg: Database) -> None:
    with pg.transaction() as tx:
        assert tx.execute(add(2)).result().rows_affected == 1
        assert numbers(tx) == [1, 2]
        assert numbers(pg) == [1]
    assert numbers(pg) == [1, 2]
    assert serves(pg)


def test_a_block_that_raises_is_rolled_back(pg: Database) -> None:
    with pytest.raises(LookupError, match="mine"), pg.transaction() as tx:
        tx.execute(add(2)).result()
        raise LookupError("mine")
    assert numbers(pg) == [1]
    assert serves(pg)


def test_transactions_are_awaited(run: Callable[[Main], Any], pg: Database) -> None:
    async def main() -> None:
        async with pg.transaction() as tx:
            await tx.execute(add(2))
            assert await t.where(t.n == 2).on(tx).fetch_value() == 2
            assert await t.where(t.n == 2).on(pg).fetch_value() is None
        with pytest.raises(LookupError):
            async with pg.transaction() as tx:
                await tx.execute(add(3))
                raise LookupError
        async with pg.transaction() as tx:
            await tx.execute(add(4))
            with pytest.raises(LookupError):
                async with tx.transaction():
                    await tx.execute(add(5))
                    raise LookupError

    run(main)
    assert numbers(pg) == [1, 2, 4]
    assert serves(pg)


def test_a_cancelled_block_is_rolled_back(run: Callable[[Main], Any], pg: Database) -> None:
    async def main() -> None:
        with anyio.move_on_after(0.2) as scope:
            async with pg.transaction() as tx:
                await tx.execute(add(2))
                await raw("select pg_sleep(30)").on(tx).fetch_all()
        assert scope.cancelled_caught
        assert await t.order_by(t.n).on(pg).fetch_all() == [(1,)]

    run(main)
    assert serves(pg)


@pytest.mark.parametrize("commits", [True, False])
def test_every_kind_of_request_runs_in_a_transaction(pg: Database, commits: bool) -> None:
    try:
        with pg.transaction() as tx:
            assert raw("insert into t values (2) returning n").on(tx).fetch_value().result() == 2
            update = raw("update t set n = n + 10 where n = 2 returning n as m").on(tx)
            assert update.fetch_all().result().to_dicts() == [{"m": 12}]
            assert t.where(t.n > 9).on(tx).fetch_arrow().result().column("n") == [12]
            batches = list(t.order_by(t.n).on(tx).stream(batch_rows=1))
            assert [row.n for batch in batches for row in batch] == [1, 12]
            assert "Scan" in t.query().on(tx).explain().result()
            assert t.query().on(tx).fetch_one().result() == (1,)
            if not commits:
                raise LookupError
    except LookupError:
        pass
    assert numbers(pg) == ([1, 12] if commits else [1])


def test_a_failed_statement_fails_the_transaction_but_not_the_connection(pg: Database) -> None:
    with pytest.raises(DatabaseError, match=r"rolled back|aborted") as caught:
        with pg.transaction() as tx:
            tx.execute(add(2)).result()
            with pytest.raises(DatabaseError, match="t_pkey"):
                tx.execute(add(1)).result()
            with pytest.raises(DatabaseError, match="aborted"):
                numbers(tx)
    assert caught.value.code == "25P02"
    assert numbers(pg) == [1]
    assert serves(pg)


def test_a_timed_out_statement_fails_the_transaction(pg: Database) -> None:
    start = time.perf_counter()
    with pytest.raises(DatabaseError), pg.transaction() as tx:
        tx.execute(add(2)).result()
        with pytest.raises(molt_sql.TimeoutError):
            raw("select pg_sleep(10)").on(tx).fetch_all(timeout=0.1).result()
    assert time.perf_counter() - start < 3
    assert numbers(pg) == [1]
    assert serves(pg)


def test_temporary_tables_and_settings_end_with_the_transaction(pg: Database) -> None:
    with pg.transaction() as tx:
        tx.execute(raw("create temp table mine (n int)")).result()
        tx.execute(raw("set application_name = 'mine'")).result()
        assert table("mine").query().on(tx).fetch_all().result() == []
    for _ in range(4):
        name = raw("select current_setting('application_name')").on(pg)
        assert name.fetch_value().result() == "molt"
        gone = raw("select to_regclass('mine') is null").on(pg)
        assert gone.fetch_value().result()
    assert "mine" not in pg.table_names()


# -- Savepoints ------------------------------------------------------------------------------------


def test_a_savepoint_fails_by_itself(pg: Database) -> None:
    with pg.transaction() as tx:
        tx.execute(add(2)).result()
        with pytest.raises(DatabaseError, match="t_pkey"), tx.transaction():
            tx.execute(add(3)).result()
            tx.execute(add(1)).result()
        with tx.transaction() as inner:
            inner.execute(add(4)).result()
        assert numbers(tx) == [1, 2, 4]
    assert numbers(pg) == [1, 2, 4]


def test_savepoints_nest(pg: Database) -> None:
    with pg.transaction() as tx, tx.transaction():
        tx.execute(add(2)).result()
        with pytest.raises(LookupError), tx.transaction():
            tx.execute(add(3)).result()
            with tx.transaction():
                tx.execute(add(4)).result()
            raise LookupError
        with tx.transaction():
            tx.execute(add(5)).result()
    assert numbers(pg) == [1, 2, 5]


def test_a_savepoint_is_used_once(pg: Database) -> None:
    with pg.transaction() as tx:
        savepoint = tx.transaction()
        with savepoint:
            pass
        with pytest.raises(InvalidQueryError, match="make another one"), savepoint:
            pass


# -- Isolation and read-only -----------------------------------------------------------------------


@pytest.mark.parametrize("level", ["read committed", "repeatable read", "serializable"])
def test_the_isolation_level_is_the_servers(pg: Database, level: str) -> None:
    with pg.transaction(isolation=level) as tx:
        shown = raw("select current_setting('transaction_isolation')").on(tx)
        assert shown.fetch_value().result() == level
        before = numbers(tx)
        pg.execute(add(2)).result()
        assert numbers(tx) == ([1, 2] if level == "read committed" else before)


def test_a_level_that_is_not_there_is_refused(pg: Database) -> None:
    with pytest.raises(InvalidQueryError, match="serializable"), pg.transaction(isolation="chaos"):
        pass


def test_a_serialization_failure_can_be_told_and_tried_again(pg: Database) -> None:
    sql = "insert into t select max(n) + 10 from t"
    with pytest.raises(DatabaseError, match="serialize") as caught:
        with (
            pg.transaction(isolation="serializable") as one,
            pg.transaction(isolation="serializable") as two,
        ):
            one.execute(raw("delete from t where n > (select count(*) from t)")).result()
            two.execute(raw("delete from t where n > (select count(*) + 1 from t)")).result()
            one.execute(raw(sql)).result()
            two.execute(raw("insert into t select max(n) + 20 from t")).result()
    assert caught.value.code == "40001"
    with pg.transaction(isolation="serializable") as again:
        again.execute(raw(sql)).result()
    assert len(numbers(pg)) == 3
    assert serves(pg)


def test_a_readonly_transaction_reads_one_state_and_writes_nothing(pg: Database) -> None:
    with pg.transaction(isolation="repeatable read", readonly=True) as tx:
        assert numbers(tx) == [1]
        pg.execute(add(2)).result()
        assert numbers(tx) == [1]
    for attempt in (
        lambda tx: tx.execute(add(3)),
        lambda tx: raw("insert into t values (3) returning n").on(tx).fetch_all(),
    ):
        with pytest.raises((InvalidQueryError, DatabaseError)), pg.transaction(readonly=True) as tx:
            with pytest.raises(InvalidQueryError, match=r"read-only|writes"):
                attempt(tx).result()
            raise DatabaseError("as it should")
    assert numbers(pg) == [1, 2]


# -- Its end ---------------------------------------------------------------------------------------


def test_a_transaction_that_has_ended_or_not_begun_refuses(pg: Database) -> None:
    tx = pg.transaction()
    with pytest.raises(InvalidQueryError, match="not begun"):
        t.query().on(tx).fetch_all().result()
    with tx:
        pass
    with pytest.raises(InvalidQueryError, match="has ended"):
        t.query().on(tx).fetch_all().result()
    with pytest.raises(InvalidQueryError, match=r"begun|ended"), tx:
        pass


def test_two_requests_at_once_are_refused(pg: Database) -> None:
    async def main() -> None:
        async with pg.transaction() as tx:
            slow = raw("select pg_sleep(0.2), 7 as n").on(tx)

            async def wait() -> Any:
                return await slow.fetch_one()

            task = asyncio.ensure_future(wait())
            await asyncio.sleep(0.05)
            with pytest.raises(InvalidQueryError, match="running another statement"):
                await t.query().on(tx).fetch_all()
            assert (await task).n == 7
            assert await t.query().on(tx).fetch_all() == [(1,)]

    asyncio.run(main())


def test_an_open_stream_is_a_statement_that_runs(pg: Database) -> None:
    with pg.transaction() as tx:
        with raw("select generate_series(1, 100000) as n").on(tx).stream(batch_rows=10) as stream:
            assert len(next(stream)) == 10
            with pytest.raises(InvalidQueryError, match="stream"):
                numbers(tx)
        rows = [row for batch in t.query().on(tx).stream() for row in batch]
        assert rows == [(1,)]


def test_a_transaction_that_is_dropped_is_rolled_back(pg: Database) -> None:
    tx = pg.transaction()
    tx.__enter__()
    tx.execute(add(2)).result()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        del tx
        gc.collect()
    assert serves(pg)
    assert numbers(pg) == [1]


def test_closing_the_database_in_a_transaction(pg: Database) -> None:
    with pg.transaction() as tx:
        tx.execute(add(2)).result()
        pg.close()
        with pytest.raises(ClosedError):
            pg.transaction().__enter__()
        # What runs comes to its end.
        assert numbers(tx) == [1, 2]
    with pytest.raises(ClosedError):
        numbers(pg)


def test_beginning_waits_for_a_connection_as_long_as_it_may(pg: Database) -> None:
    with pg.transaction(), pg.transaction():
        with pytest.raises(molt_sql.TimeoutError, match="free connection"):
            pg.transaction(timeout=0.1).__enter__()
    assert serves(pg)
