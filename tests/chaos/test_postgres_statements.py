"""What connections have prepared goes stale: DDL, DEALLOCATE, few or none kept, a pooler between."""

# Long because: each way in which something prepared goes stale is a short test of its own.

# ruff: noqa: PT012 (what a block raises goes through the end of its transaction)
# ruff: noqa: PT017 (whether there is an error is not known before)

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from typing import Any

import pytest

import molt_sql
from chaos.tools import (
    Watcher,
    assert_serves,
    awaited,
    echo,
    eventually,
    opened,
    pids,
    right,
    run,
    sleep,
    until,
    value,
)
from molt_sql import Database, DatabaseError, InvalidQueryError, MoltError, raw
from servers.fixtures import PostgresDatabase
from servers.pgbouncer import PgBouncer
from servers.postgres import PostgresAddress

CONNECTIONS = 3
NUMBERS = count(1)
PREPARED = "select count(*) from pg_prepared_statements"
# What begins and ends a read is prepared too.
CONTROL_STATEMENTS = 2
# One more in use than are kept, and one that is closed with the next request.
ASIDE = 2


@pytest.fixture
def t(watcher: Watcher) -> Iterator[str]:
    """The name of a table (n int, s text) with the row (1, 'one')."""
    name = f"t{next(NUMBERS)}"
    watcher.run(f"create table {name} (n int, s text); alter table {name} owner to molt")
    watcher.run(f"insert into {name} values (1, 'one')")
    yield name
    watcher.run(f"drop table if exists {name}")


def on_each(db: Database, ask: Callable[[Any], Any], connections: int = CONNECTIONS) -> list[Any]:
    """Asks on so many connections, in a transaction on each."""
    with ExitStack() as stack:
        held = [stack.enter_context(db.transaction(timeout=15)) for _ in range(connections)]
        return [ask(tx) for tx in held]


def at_once(db: Database, make: Callable[[], Any]) -> list[Any]:
    """Answers or errors of requests that keep all connections busy."""

    async def main() -> list[Any]:
        asked = [awaited(make()) for _ in range(4 * CONNECTIONS)]
        asked += [awaited(sleep(db, 0.005).fetch_all()) for _ in range(2 * CONNECTIONS)]
        answers = await asyncio.gather(*asked, return_exceptions=True)
        return answers[: 4 * CONNECTIONS]

    return run(main)


# -- The tables change -----------------------------------------------------------------------------

CHANGES = {
    "a wider type": ("alter table {t} alter n type bigint", (1, "one")),
    "another type": ("alter table {t} alter n type text", ("1", "one")),
    "one more column": ("alter table {t} add m float8 default 2.5", (1, "one", 2.5)),
    "a column less": ("alter table {t} drop s", (1,)),
    "another name": ("alter table {t} rename s to other", (1, "one")),
    "another length": ("alter table {t} alter s type varchar(3)", (1, "one")),
    "another table": (
        "begin; drop table {t}; create table {t} (s bool, n date); alter table {t} owner to molt;"
        " insert into {t} values (true, null); commit",
        (True, None),
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_table_that_changes_under_a_prepared_read(
    pg: Database, watcher: Watcher, t: str, change: str
) -> None:
    read = raw(f"select * from {t} where pg_sleep(0.005) is not null").on(pg)
    on_each(pg, lambda tx: read.on(tx).fetch_all().result())
    ddl, expected = CHANGES[change]
    watcher.run(ddl.format(t=t))
    for answer in at_once(pg, read.fetch_all):
        assert not isinstance(answer, BaseException), answer
        assert list(answer) == [expected]
        fresh = raw(f"select * from {t}").on(pg).fetch_all().result()
        assert answer.schema == fresh.schema
    streamed = [row for batch in read.stream() for row in batch]
    assert streamed == [expected]
    assert_serves(pg, CONNECTIONS)


def test_a_column_that_is_gone_is_an_error_until_it_is_back(
    pg: Database, watcher: Watcher, t: str
) -> None:
    read = raw(f"select s from {t} where pg_sleep(0.005) is not null").on(pg)
    on_each(pg, lambda tx: read.on(tx).fetch_all().result())
    watcher.run(f"alter table {t} drop s")
    for answer in at_once(pg, read.fetch_all):
        assert isinstance(answer, InvalidQueryError), answer
        assert answer.args[0].startswith('column "s" does not exist')
    watcher.run(f"alter table {t} add s date default '2026-01-02'")
    for answer in at_once(pg, read.fetch_value):
        assert str(answer) == "2026-01-02"
    assert_serves(pg, CONNECTIONS)


@pytest.mark.parametrize("kind", ["real", "bigint", "text", "numeric"])
@pytest.mark.parametrize("size", [0, 256])
def test_a_parameter_of_another_type_is_never_misread(
    pg_url: str, watcher: Watcher, t: str, kind: str, size: int
) -> None:
    """One connection knows what the server took it for before, another asks anew."""
    write = raw(f"insert into {t} (n) values ({{n}})", n=7)
    many = f"insert into {t} (n) values ({{n}})"
    with opened(pg_url, statement_cache_size=size) as db:
        read = raw(f"select n::text from {t} where n = {{n}}", n=7).on(db)
        on_each(db, lambda tx: (tx.execute(write).result(), read.on(tx).fetch_all().result()), 1)
        watcher.run(f"delete from {t}; alter table {t} alter n type {kind}")
        for result in at_once(db, lambda: db.execute(write)):
            assert not isinstance(result, BaseException), result
        assert db.execute_many(many, [{"n": 7}] * 2).result().rows_affected == 2
        for answer in at_once(db, read.fetch_all):
            if kind == "text":  # there is no text = integer
                assert isinstance(answer, InvalidQueryError), answer
                assert "operator does not exist" in str(answer)
                continue
            assert not isinstance(answer, BaseException), answer
            assert list(answer) == [("7",)] * (4 * CONNECTIONS + 2)
        assert value(db, f"select array_agg(distinct n::text) from {t}") == ["7"]
        assert_serves(db, CONNECTIONS)


def test_a_parameter_whose_type_changes(pg: Database, watcher: Watcher, t: str) -> None:
    """What the server inferred for it when the statement was prepared fits no more."""
    read = raw(f"select s from {t} where s = {{v}}", v="2026-01-02").on(pg)
    write = raw(f"insert into {t} (s) values ({{v}})", v="2026-01-02")
    on_each(pg, lambda tx: (read.on(tx).fetch_all().result(), tx.execute(write).result()))
    watcher.run(f"truncate {t}; alter table {t} alter s type date using s::date")
    for answer in at_once(pg, lambda: pg.execute(write)):
        assert not isinstance(answer, BaseException), answer
    for answer in at_once(pg, read.fetch_all):
        assert not isinstance(answer, BaseException), answer
        assert len(answer) == 4 * CONNECTIONS
    assert_serves(pg, CONNECTIONS)


def test_writes_of_all_kinds_follow_a_change(pg: Database, watcher: Watcher, t: str) -> None:
    update = raw(f"update {t} set n = n + 1 returning *")
    many = f"insert into {t} (n) values ({{n}})"

    def write_all(where: Any) -> None:
        assert where.execute(update).result().rows_affected == 1
        assert where.execute_many(many, [{"n": 1}, {"n": 2}]).result().rows_affected == 2
        assert where.insert(t, [(3,)], columns=["n"]).result() == 1

    on_each(pg, write_all, 1)
    for ddl in ("alter n type bigint", "add more text default 'm'", "alter n type numeric(20, 2)"):
        watcher.run(f"delete from {t}; insert into {t} values (1); alter table {t} {ddl}")
        write_all(pg)
        assert value(pg, f"select sum(n)::int from {t}") == 2 + 1 + 2 + 3
    assert_serves(pg, CONNECTIONS)


def test_a_prepared_read_in_a_transaction_after_a_change(
    pg: Database, watcher: Watcher, t: str
) -> None:
    """The server has failed the transaction then: that is said, and no wrong row is given."""
    read = raw(f"select * from {t}").on(pg)
    on_each(pg, lambda tx: read.on(tx).fetch_all().result())
    watcher.run(f"alter table {t} alter n type text")
    for _ in range(2 * CONNECTIONS):
        try:
            with pg.transaction() as tx:
                assert list(read.on(tx).fetch_all().result()) == [("1", "one")]
        except MoltError as error:
            assert "cached plan must not change result type" in str(error)
        assert list(read.fetch_all().result()) == [("1", "one")]
    assert_serves(pg, CONNECTIONS)


# -- Statements are taken away ---------------------------------------------------------------------


def take_all() -> Any:
    """A text of its own each time: it takes itself away too."""
    return raw(f"do $$ begin execute 'deallocate all'; end $$ -- {next(NUMBERS)}")


@pytest.mark.parametrize("sql", ["discard all", "deallocate all", "prepare p as select 1"])
def test_session_commands_are_refused(pg: Database, sql: str) -> None:
    with pytest.raises(InvalidQueryError, match="not allowed"):
        pg.execute(raw(sql)).result()
    with pytest.raises(InvalidQueryError, match="not allowed"):
        pg.execute(raw(f"  -- or so\n {sql};")).result()
    assert_serves(pg, CONNECTIONS)


def test_statements_that_a_function_took_away_are_prepared_again(pg: Database, t: str) -> None:
    read = raw(f"select * from {t}").on(pg)
    write = raw(f"update {t} set n = n + 1")
    for n in range(1, 4):
        on_each(pg, lambda tx: tx.execute(take_all()).result())
        assert list(read.fetch_all().result()) == [(n, "one")]
        pg.execute(take_all()).result()
        assert pg.execute(write).result().rows_affected == 1
        pg.execute(take_all()).result()
        many = pg.execute_many(f"update {t} set s = {{s}}", [{"s": "a"}, {"s": "one"}])
        assert many.result().rows_affected == 2
        pg.execute(take_all()).result()
        assert [len(batch) for batch in read.stream()] == [1]
    assert_serves(pg, CONNECTIONS)


def test_statements_taken_away_in_a_transaction(pg: Database, t: str) -> None:
    """A statement that fails in a transaction is not repeated; the next transaction is well."""
    read = raw(f"select * from {t}").on(pg)
    for _ in range(3):
        assert list(read.fetch_all().result()) == [(1, "one")]
        try:
            with pg.transaction() as tx:
                tx.execute(take_all()).result()
                assert list(read.on(tx).fetch_all().result()) == [(1, "one")]
        except MoltError as error:
            assert "prepared statement" in str(error)
    assert_serves(pg, CONNECTIONS)


# -- Few statements are kept, or none --------------------------------------------------------------


def numbered(db: Any, n: int) -> Any:
    """A statement with a text of its own."""
    return raw(f"select {{x}}::int + {n} as n", x=1000).on(db)


def test_many_statements_through_a_small_cache(pg_url: str) -> None:
    with opened(pg_url, statement_cache_size=3) as db:

        async def main() -> None:
            for _ in range(4):
                numbers = [n % 40 for n in range(120)]
                asked = [awaited(numbered(db, n).fetch_value()) for n in numbers]
                assert await asyncio.gather(*asked) == [1000 + n for n in numbers]

        run(main)
        with db.transaction() as tx:
            assert [numbered(tx, n).fetch_value().result() for n in range(10)] == [
                1000 + n for n in range(10)
            ]
        # Those that have to go are closed with the next request.
        kept = on_each(db, lambda tx: max(value(tx, PREPARED) for _ in range(3)))
        assert max(kept) <= 3 + ASIDE + CONTROL_STATEMENTS
        assert_serves(db, CONNECTIONS)


def test_statements_that_fail_leave_nothing_prepared(
    pg: Database, watcher: Watcher, t: str
) -> None:
    watcher.run(f"create unique index on {t} (n)")
    again = raw(f"insert into {t} values (1, 'again')")

    async def late() -> None:
        with pytest.raises(molt_sql.TimeoutError):
            await raw("select pg_sleep(30), {n}::int", n=1).on(pg).fetch_all(timeout=0.002)

    for _ in range(30):
        with pytest.raises(DatabaseError, match="duplicate key"):
            pg.execute(again).result()
        with pytest.raises(DatabaseError, match="division by zero"):
            value(pg, "select 1 / 0")
        run(late)
    statements = "select name || ': ' || statement from pg_prepared_statements order by name"
    for kept in on_each(pg, lambda tx: raw(statements).on(tx).fetch_all().result()):
        assert len(kept) < 15, [row[0] for row in kept]
    assert_serves(pg, CONNECTIONS)


@pytest.mark.parametrize("size", [0, 1])
def test_every_kind_of_request_without_a_cache(
    pg_url: str, watcher: Watcher, t: str, size: int
) -> None:
    with opened(pg_url, statement_cache_size=size) as db:
        serves_everything(db, t)
        kept = on_each(db, lambda tx: value(tx, PREPARED))
        assert max(kept) <= (0 if size == 0 else size + ASIDE + CONTROL_STATEMENTS)
        assert_serves(db, CONNECTIONS)


def serves_everything(db: Database, t: str) -> None:
    for n in (5, 6):
        assert right(echo(db, n).fetch_one().result(), n)
        with pytest.raises(DatabaseError, match="division by zero"):
            value(db, "select 1 / 0")
        with pytest.raises(InvalidQueryError, match="nowhere"):
            value(db, "select * from nowhere")
        with pytest.raises(InvalidQueryError, match="writes"):
            value(db, f"delete from {t}")
    assert db.execute(raw(f"delete from {t}")).result().rows_affected == 1
    assert db.insert(t, [(n, "x") for n in range(100)]).result() == 100
    many = db.execute_many(f"update {t} set s = {{s}} where n = {{n}}", [{"s": "y", "n": 1}] * 3)
    assert many.result().rows_affected == 3
    read = raw(f"select n from {t} order by n").on(db)
    assert [row.n for batch in read.stream(batch_rows=7) for row in batch] == list(range(100))
    with pytest.raises(LookupError), db.transaction() as tx:
        assert tx.execute(raw(f"delete from {t} where n < 50")).result().rows_affected == 50
        assert value(tx, f"select count(*) from {t}") == 50
        raise LookupError
    with db.transaction() as tx, tx.transaction() as inner:
        assert inner.insert(t, [(100, None)]).result() == 1
    assert value(db, f"select count(*) from {t}") == 101
    with pytest.raises(molt_sql.TimeoutError):
        sleep(db).fetch_all(timeout=0.05).result()


# -- PgBouncer gives every transaction another session ---------------------------------------------


@pytest.fixture
def bouncer(postgres: PostgresAddress) -> Iterator[PgBouncer]:
    """One that may be stopped."""
    with PgBouncer(postgres) as bouncer:
        yield bouncer


@pytest.fixture
def pooled(bouncer: PgBouncer, pg_database: PostgresDatabase) -> Iterator[Database]:
    """More connections than PgBouncer has sessions."""
    url = bouncer.url(dbname=pg_database.name)
    with opened(url, max_connections=8, statement_cache_size=0) as db:
        yield db


def test_every_kind_of_request_through_a_pooler(pooled: Database, t: str) -> None:
    serves_everything(pooled, t)
    assert_serves_pooled(pooled)


def assert_serves_pooled(db: Database) -> None:
    async def main() -> list[Any]:
        asked = [awaited(echo(db, n).fetch_one(timeout=15)) for n in range(100)]
        return await asyncio.gather(*asked)

    assert all(right(row, n) for n, row in enumerate(run(main)))


def test_sessions_change_under_many_clients_of_a_pooler(pooled: Database, t: str) -> None:
    async def client(n: int) -> None:
        for i in range(5):
            assert right(await echo(pooled, n + i).fetch_one(), n + i)
            await pooled.execute(raw(f"insert into {t} values ({{n}}, 'm')", n=n))
            async with pooled.transaction() as tx:
                mine = f"select count(*) from {t} where n = {{n}} and s = 'm'"
                assert await raw(mine, n=n).on(tx).fetch_value() == i + 1
                assert right(await echo(tx, n + i).fetch_one(), n + i)
            await pooled.insert(t, [(-n, "other")])

    async def main() -> None:
        await asyncio.gather(*[client(1000 + n) for n in range(16)])

    run(main)
    assert value(pooled, f"select count(*) from {t}") == 1 + 16 * 5 * 2


def test_deadlines_through_a_pooler_hit_no_neighbour(
    pooled: Database, watcher: Watcher, t: str
) -> None:
    async def given_up(n: int) -> None:
        for i in range(5):
            with pytest.raises(molt_sql.TimeoutError):
                await sleep(pooled).fetch_all(timeout=0.01 * (1 + (n + i) % 5))

    async def innocent(n: int) -> None:
        for i in range(25):
            assert right(await echo(pooled, n + i).fetch_one(), n + i)

    async def main() -> None:
        tasks = [given_up(n) for n in range(3)] + [innocent(100 * n) for n in range(3)]
        await asyncio.gather(*tasks)

    run(main)
    watcher.until_idle()
    assert_serves_pooled(pooled)


def test_a_pooler_that_is_restarted(bouncer: PgBouncer, pooled: Database, watcher: Watcher) -> None:
    bouncer.stop()
    for _ in range(3):
        with pytest.raises(DatabaseError) as caught:
            value(pooled, "select 1")
        assert caught.value.code in ("08001", "08006", "57P01", "08P01")
    bouncer.start()
    eventually(lambda: value(pooled, "select 1"), 5)
    assert_serves_pooled(pooled)
    until(lambda: len(watcher.sessions()) <= 4)
    assert pids(pooled, 4) == set(watcher.sessions())
