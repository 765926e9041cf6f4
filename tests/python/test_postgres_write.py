"""Writing on PostgreSQL: one statement, and one statement for many rows."""

from __future__ import annotations

import asyncio
import datetime
import decimal
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import molt_sql
from molt_sql import (
    Database,
    DatabaseError,
    InvalidQueryError,
    MoltError,
    connect,
    raw,
    table,
)
from servers.fixtures import PostgresDatabase

Ask = Callable[[Any], Any]
UTC = datetime.UTC


@pytest.fixture(params=["result", "await"])
def ask(request: pytest.FixtureRequest) -> Ask:
    """Runs a request, by `.result()` or awaited."""
    if request.param == "result":
        return lambda pending: pending.result()

    async def wait(pending: Any) -> Any:
        return await pending

    return lambda pending: asyncio.run(wait(pending))


@pytest.fixture
def pg(pg_database: PostgresDatabase, pg_schema: str) -> Iterator[Database]:
    """An empty schema, and one connection that shows what a failure leaves behind."""
    url = pg_database.url(options=f"-c search_path={pg_schema}")
    with connect(url, max_connections=1, max_wait=10) as db:
        yield db


@pytest.fixture
def people(pg: Database) -> Database:
    """Table people(id, name, age) with an age that is checked."""
    ddl = (
        "create table people (id int primary key, name text not null, age int default 18"
        " check (age >= 0))"
    )
    raw(ddl).on(pg).execute().result()
    return pg


def everyone(db: Database) -> list[tuple[Any, ...]]:
    p = table("people")
    return list(p.order_by(p.id).on(db).fetch_all().result())


def value(db: Database, sql: str, **values: Any) -> Any:
    return raw(sql, **values).on(db).fetch_value().result()


# -- One statement ---------------------------------------------------------------------------------


def test_execute_counts_the_rows(people: Database, ask: Ask) -> None:
    done = ask(people.execute(raw("insert into people values (1, 'Ann', 30), (2, 'Bob', 40)")))
    assert (done.rows_affected, done.last_insert_id) == (2, None)
    update = raw("update people set age = age + {by} where age > {over}", by=1, over=35)
    assert ask(update.on(people).execute()).rows_affected == 1
    assert ask(people.execute(raw("delete from people where id > {id}", id=5))).rows_affected == 0
    assert ask(people.execute(raw("create table more (n int)"))).rows_affected == 0
    assert everyone(people) == [(1, "Ann", 30), (2, "Bob", 41)]


def test_a_statement_that_fails_leaves_nothing_and_the_connection_good(
    people: Database, ask: Ask
) -> None:
    insert = raw("insert into people values (1, 'Ann', 30), ({id}, 'Bob', {age})", id=2, age=-1)
    with pytest.raises(DatabaseError, match="people_age_check") as caught:
        ask(people.execute(insert))
    assert caught.value.code == "23514"
    assert everyone(people) == []


def test_execute_refuses_reads_and_transaction_control(people: Database, ask: Ask) -> None:
    for sql in ("select 1", "begin", "commit", "rollback", "savepoint a"):
        with pytest.raises(InvalidQueryError):
            ask(people.execute(raw(sql)))
    with pytest.raises(InvalidQueryError):
        ask(people.execute(raw("insert into people values (1, 'a', 1); select 1")))
    assert everyone(people) == []


def test_fetching_refuses_what_writes(people: Database, ask: Ask) -> None:
    people.insert("people", [(1, "Ann", 30)]).result()
    for sql in (
        "delete from people",
        "insert into people values (2, 'Bob', 3) returning id",
        "with gone as (delete from people returning id) select * from gone",
        "select * into copies from people",
        "truncate people",
        "create table t (n int)",
    ):
        with pytest.raises(InvalidQueryError, match=r"writes|read|rows"):
            ask(raw(sql).on(people).fetch_all())
    assert everyone(people) == [(1, "Ann", 30)]
    assert people.table_names() == ["people"]


def test_a_write_that_runs_out_of_time_is_undone(people: Database, ask: Ask) -> None:
    slow = "insert into people select 1, 'Ann', 3 from pg_sleep(20)"
    start = time.perf_counter()
    with pytest.raises(molt_sql.TimeoutError):
        ask(people.execute(raw(slow), timeout=0.1))
    assert time.perf_counter() - start < 1.5
    assert everyone(people) == []


# -- One statement for many rows -------------------------------------------------------------------

INSERT = "insert into people values ({id}, {name}, {age})"


def test_execute_many_runs_once_a_row(people: Database, ask: Ask) -> None:
    rows = [{"id": n, "name": f"n{n}", "age": n if n % 2 else None} for n in range(5_000)]
    assert ask(people.execute_many(INSERT, rows)).rows_affected == 5_000
    assert everyone(people) == [tuple(row.values()) for row in rows]


def test_execute_many_takes_any_iterable_and_none_at_all(people: Database, ask: Ask) -> None:
    rows = ({"id": n, "name": "x", "age": 1} for n in range(3))
    assert ask(people.execute_many(INSERT, rows)).rows_affected == 3
    assert ask(people.execute_many(INSERT, [])).rows_affected == 0
    update = "update people set name = {name} where id >= {id}"
    done = ask(people.execute_many(update, [{"id": 1, "name": "y"}, {"id": 2, "name": "z"}]))
    assert done.rows_affected == 3
    assert [row[1] for row in everyone(people)] == ["x", "y", "z"]


@pytest.mark.parametrize("wrong", [0, 1, 2_500, 4_999])
def test_execute_many_is_all_or_nothing_and_names_the_row(
    people: Database, ask: Ask, wrong: int
) -> None:
    rows = [{"id": n, "name": "x", "age": -1 if n == wrong else 1} for n in range(5_000)]
    with pytest.raises(DatabaseError, match=rf"people_age_check.*row {wrong + 1}\b"):
        ask(people.execute_many(INSERT, rows))
    assert everyone(people) == []


def test_execute_many_with_values_of_mixed_types(people: Database, ask: Ask) -> None:
    raw("create table mixed (n numeric, t text, at timestamptz)").on(people).execute().result()
    at = datetime.datetime(2026, 1, 2, tzinfo=UTC)
    rows = [
        {"n": 1, "t": "a", "at": at},
        {"n": decimal.Decimal("2.50"), "t": None, "at": None},
        {"n": 0.25, "t": "", "at": at},
        {"n": None, "t": "ž", "at": at},
        {"n": 2**60, "t": "b", "at": at},
    ]
    assert ask(people.execute_many("insert into mixed values ({n}, {t}, {at})", rows))
    got = raw("select n, t, at from mixed").on(people).fetch_all().result()
    assert [tuple(row) for row in got] == [
        (decimal.Decimal(1), "a", at),
        (decimal.Decimal("2.50"), None, None),
        (decimal.Decimal("0.25"), "", at),
        (None, "ž", at),
        (decimal.Decimal(2**60), "b", at),
    ]


@pytest.mark.parametrize(
    "rows",
    [
        [{"id": 1, "name": "a", "age": 1}, {"id": "two", "name": "b", "age": 2}],
        [{"id": 1, "name": "a", "age": 1}, {"id": 2, "name": "b", "age": b"\x02"}],
        [{"id": 1, "name": "a", "age": 1}, {"id": 2, "name": "b"}],
        [{"id": 1, "name": "a", "age": 1}, {"id": 2, "name": "b", "age": 2**40}],
        [{"id": 1, "name": "a", "age": 1}, {"id": 2, "name": "b\0", "age": 2}],
    ],
    ids=["text for int", "bytes for int", "missing", "too large", "zero byte"],
)
def test_execute_many_refuses_a_row_that_does_not_fit(
    people: Database, ask: Ask, rows: list[dict[str, Any]]
) -> None:
    with pytest.raises(MoltError, match=r"row 2\b"):
        ask(people.execute_many(INSERT, rows))
    assert everyone(people) == []
    assert ask(people.execute_many(INSERT, rows[:1])).rows_affected == 1
