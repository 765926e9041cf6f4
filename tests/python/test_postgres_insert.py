"""Bulk inserts on PostgreSQL: rows from anywhere, by COPY, all or nothing."""

from __future__ import annotations

import asyncio
import datetime
import decimal
import enum
import ipaddress
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import molt_sql
from molt_sql import (
    Database,
    DatabaseError,
    InvalidQueryError,
    Json,
    MoltError,
    Range,
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


def test_tuples_follow_the_table_or_the_named_columns(people: Database, ask: Ask) -> None:
    assert ask(people.insert("people", [(1, "Ann", 30), (2, "Bob", None)])) == 2
    assert ask(people.insert("people", [("Eve", 3)], columns=["name", "id"])) == 1
    assert everyone(people) == [(1, "Ann", 30), (2, "Bob", None), (3, "Eve", 18)]


def test_dicts_generators_and_results_are_inserted(people: Database, ask: Ask) -> None:
    assert ask(people.insert("people", [{"age": 1, "id": 1, "name": "a"}])) == 1
    assert ask(people.insert("people", ((n, "x", n) for n in range(2, 30_000)))) == 29_998
    raw("create table copies (id int, name text, age int)").on(people).execute().result()
    rows = table("people").query().on(people).fetch_all().result()
    assert ask(people.insert("copies", rows)) == 29_999
    same = "select count(*) from copies natural join people"
    assert value(people, same) == 29_999


def test_no_rows_are_inserted_as_well(people: Database, ask: Ask) -> None:
    assert ask(people.insert("people", [], columns=["id", "name"])) == 0
    assert ask(people.insert("people", pa.table({"id": pa.array([], pa.int32())}))) == 0


FRAME = {"id": [1, 2, 3], "name": ["Ann", "Bob", "Eve"], "age": [30, None, 7]}


@pytest.mark.parametrize(
    "data",
    [
        pa.table(FRAME),
        pa.table(FRAME).to_reader(max_chunksize=1),
        pl.DataFrame(FRAME),
        pd.DataFrame(FRAME).astype({"age": "Int64"}),
    ],
    ids=["pyarrow.Table", "pyarrow.RecordBatchReader", "polars", "pandas"],
)
def test_arrow_data_brings_its_columns(people: Database, data: Any) -> None:
    assert people.insert("people", data).result() == 3
    assert everyone(people) == [(1, "Ann", 30), (2, "Bob", None), (3, "Eve", 7)]


def test_arrow_types_arrive_as_what_they_mean(pg: Database) -> None:
    moment = datetime.datetime(1969, 12, 31, 23, 59, 59, 500)
    columns: dict[str, tuple[str, Any]] = {
        "i8": ("int2", pa.array([-1, None], pa.int8())),
        "u32": ("int8", pa.array([2**32 - 1, None], pa.uint32())),
        "wide": ("numeric", pa.array([1, None], pa.int64())),
        "f32": ("float8", pa.array([0.5, None], pa.float32())),
        "large": ("text", pa.array(["text", None], pa.large_string())),
        "b": ("bool", pa.array([True, None])),
        "bin": ("bytea", pa.array([b"\0\xff", None], pa.large_binary())),
        "day": ("date", pa.array([datetime.date(1, 1, 1), None])),
        "moment": ("timestamp", pa.array([moment, None], pa.timestamp("us"))),
        "zoned": ("timestamptz", pa.array([moment, None], pa.timestamp("ms", "Europe/Prague"))),
        "at": ("time", pa.array([datetime.time(1, 2, 3), None], pa.time64("us"))),
        "price": ("numeric(12,2)", pa.array([decimal.Decimal("-0.05"), None])),
        "nil": ("text", pa.nulls(2)),
    }
    ddl = ", ".join(f"{name} {kind}" for name, (kind, _) in columns.items())
    pg.execute(raw(f"create table t ({ddl})")).result()
    data = pa.table({name: cells for name, (_, cells) in columns.items()})
    assert pg.insert("t", data).result() == 2
    got = table("t").query().on(pg).fetch_all().result()
    expected = [[row[name] for name in columns] for row in data.to_pylist()]
    expected[0][list(columns).index("zoned")] = moment.replace(microsecond=0, tzinfo=UTC)
    assert [list(row) for row in got] == expected


ROUND_TRIPS = {
    "numbers": "1::int2 as a, 2::int4 as b, 0.5::float4 as c, 1.50::numeric(9,2) as d",
    "unconstrained numeric": "1.500::numeric as a",
    "times": "date '2026-01-02' as a, time '01:02' as b, now() as c, localtimestamp as d",
    "uuid": "gen_random_uuid() as a",
    "json": """'{"a": [1, null]}'::jsonb as a, '[1]'::json as b""",
    "interval": "interval '2 days 03:04:05.6' as a",
    "inet": "inet '10.0.0.1' as a, cidr '10.0.0.0/8' as b",
    "arrays": "array[1, null] as a, array['x', null] as b, '{}'::numeric(5,2)[] as c",
    "ranges": "int4range(1, 5) as a",
}


# What Arrow has no type for, or what is not taken from it.
ROWS_ONLY = {"unconstrained numeric", "interval", "inet", "arrays", "ranges"}


def _copied(pg: Database, kind: str) -> Any:
    """A result of one row of the table t, and an empty table copies of its columns."""
    columns = ROUND_TRIPS[kind].replace("{", "{{").replace("}", "}}")
    pg.execute(raw(f"create table t as select {columns}")).result()
    pg.execute(raw("create table copies (like t)")).result()
    return table("t").query().on(pg).fetch_arrow().result()


def _same(pg: Database) -> bool:
    return value(pg, "select count(*) from t, copies where t::text = copies::text") == 1


@pytest.mark.parametrize("kind", ROUND_TRIPS)
def test_rows_that_were_read_can_be_inserted(pg: Database, kind: str) -> None:
    rows = _copied(pg, kind)
    assert pg.insert("copies", list(rows)).result() == 1
    assert _same(pg)


@pytest.mark.parametrize("kind", sorted(ROUND_TRIPS.keys() - ROWS_ONLY))
def test_arrow_data_that_was_read_can_be_inserted(pg: Database, kind: str) -> None:
    rows = _copied(pg, kind)
    assert pg.insert("copies", rows).result() == 1
    assert _same(pg)
    pg.execute(raw("truncate copies")).result()
    assert pg.insert("copies", pa.table(rows)).result() == 1
    assert _same(pg)


@pytest.mark.parametrize("kind", sorted(ROWS_ONLY))
def test_arrow_data_that_cannot_be_inserted_is_refused_by_column(pg: Database, kind: str) -> None:
    rows = _copied(pg, kind)
    with pytest.raises(MoltError, match='column "a"'):
        pg.insert("copies", rows).result()
    assert value(pg, "select count(*) from copies") == 0


def test_quoted_names_and_other_schemas(
    pg: Database, pg_database: PostgresDatabase, pg_schema: str, ask: Ask
) -> None:
    other = f"{pg_schema}_other"
    raw(f"create schema {other}").on(pg).execute().result()
    try:
        for ddl in (
            f'create table {other}.plain ("select" int, "A ""b"" ž" text)',
            'create table "Odd ""T"" ž" ("select" int, "A ""b"" ž" text)',
        ):
            raw(ddl).on(pg).execute().result()
        row = {"select": 1, 'A "b" ž': "x"}
        assert ask(pg.insert(f"{other}.plain", [row])) == 1
        assert ask(pg.insert(table(f"{other}.plain"), [(2, "y")])) == 1
        assert ask(pg.insert('Odd "T" ž', [row])) == 1
        assert ask(table(f"{other}.plain").query().on(pg).fetch_all()) == [(1, "x"), (2, "y")]
        assert ask(table('Odd "T" ž').query().on(pg).fetch_all()) == [(1, "x")]
        with pytest.raises(InvalidQueryError, match="plain"):
            ask(pg.insert("plain", [row]))
    finally:
        pg_database.run_sql(f"drop schema {other} cascade")


def test_progress_is_told_while_rows_go(people: Database, ask: Ask) -> None:
    seen: list[int] = []
    rows = ((n, "x", 1) for n in range(25_000))
    assert ask(people.insert("people", rows, batch_rows=10_000, on_progress=seen.append)) == 25_000
    assert seen == sorted(seen)
    assert {10_000, 20_000} < set(seen)
    assert seen[-1] == 25_000


def test_a_table_or_column_that_is_not_there(people: Database, ask: Ask) -> None:
    with pytest.raises(InvalidQueryError, match=r'"peopel".*"people"'):
        ask(people.insert("peopel", [(1, "a", 1)]))
    with pytest.raises(InvalidQueryError, match=r'"nam".*"name"'):
        ask(people.insert("people", [{"id": 1, "nam": "x"}]))
    with pytest.raises(InvalidQueryError, match=r"(?i)row|column|value"):
        ask(people.insert("people", [(1, "a", 1, "too many")]))
    assert everyone(people) == []


@pytest.mark.parametrize(
    ("row", "names"),
    [
        ((1001, "x", "old"), "age"),
        ((1001, 5, 5), "name"),
        ((1001, "x", 2**40), "age"),
        ((1001, "x", 1.5), "age"),
        ((None, "x", 1), "id"),
        (("1001", "x", 1), "id"),
    ],
    ids=["text for int", "int for text", "too large", "float for int", "null", "digits for int"],
)
def test_a_value_that_does_not_fit_is_named_with_row_and_column(
    people: Database, ask: Ask, row: tuple[Any, ...], names: str
) -> None:
    rows = [*((n, "x", 1) for n in range(1_000)), row]
    with pytest.raises(MoltError, match=rf'row 1001\b.*"{names}"|"{names}".*row 1001\b'):
        ask(people.insert("people", rows))
    assert everyone(people) == []


def test_what_the_server_refuses_undoes_all_rows(people: Database, ask: Ask) -> None:
    rows = [(n, "x", -1 if n == 29_000 else 1) for n in range(30_000)]
    with pytest.raises(DatabaseError, match=r"people_age_check.*row 29001\b") as caught:
        ask(people.insert("people", rows))
    assert caught.value.code == "23514"
    assert everyone(people) == []
    twice = [(1, "x", 1), (2, "y", 1), (1, "z", 1)]
    with pytest.raises(DatabaseError, match=r"people_pkey.*row 3\b"):
        ask(people.insert("people", twice))
    assert everyone(people) == []


def test_an_error_of_the_callers_own_generator_undoes_all_rows(people: Database, ask: Ask) -> None:
    def rows() -> Iterator[tuple[Any, ...]]:
        for n in range(30_000):
            yield n, "x", 1
        raise LookupError("the file ended")

    with pytest.raises(LookupError, match="the file ended"):
        ask(people.insert("people", rows()))
    assert everyone(people) == []

    def stop(_: int) -> None:
        raise LookupError("seen enough")

    with pytest.raises(LookupError, match="seen enough"):
        ask(people.insert("people", [(1, "x", 1)], on_progress=stop))
    assert everyone(people) == []


def test_an_insert_that_waits_for_a_lock_ends_in_time(
    people: Database, pg_database: PostgresDatabase, pg_schema: str, ask: Ask
) -> None:
    url = pg_database.url(options=f"-c search_path={pg_schema}")
    with connect(url) as other, other.transaction() as tx:
        tx.execute(raw("lock table people in access exclusive mode")).result()
        start = time.perf_counter()
        with pytest.raises(molt_sql.TimeoutError):
            ask(people.insert("people", [(1, "x", 1)], timeout=0.2))
        assert time.perf_counter() - start < 1.5
    # Its only connection serves again.
    assert everyone(people) == []
    assert time.perf_counter() - start < 3


class Colour(enum.Enum):
    RED = "red"


TYPED = {
    "mood": ("mood", "sad"),
    "mood of a Python enum": ("colour", Colour.RED),
    "jsonb of a dict": ("jsonb", {"a": [1, None, "ž"]}),
    "jsonb of a list": ("jsonb", Json([1, {"b": 2.5}])),
    "json": ("json", {"a": 1}),
    "numeric": ("numeric", decimal.Decimal("12345678901234567890.000100")),
    "numeric of an int": ("numeric(12,2)", 5),
    "numeric with a scale": ("numeric(12,2)", decimal.Decimal("-0.05")),
    "timestamptz": ("timestamptz", datetime.datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC)),
    "timestamp": ("timestamp", datetime.datetime(2026, 1, 2, 3, 4, 5, 6)),
    "date": ("date", datetime.date(1, 1, 1)),
    "time": ("time", datetime.time(23, 59, 59, 999_999)),
    "interval": ("interval", datetime.timedelta(days=3, seconds=5, microseconds=7)),
    "uuid": ("uuid", uuid.UUID("12345678-1234-5678-1234-567812345678")),
    "inet": ("inet", ipaddress.ip_address("10.0.0.1")),
    "bytea": ("bytea", b"\0\xff"),
    "array of int": ("int[]", [1, None, 3]),
    "array of text": ("text[]", ["a", 'b,"c', None, ""]),
    "array of numeric": ("numeric(5,2)[]", [decimal.Decimal("1.50")]),
    "array of timestamptz": ("timestamptz[]", [datetime.datetime(2026, 1, 2, tzinfo=UTC)]),
    "array without items": ("int[]", []),
    "range": ("int4range", Range(1, 10)),
    "float4": ("float4", 0.5),
    "int2": ("int2", -32_768),
    "bool": ("bool", True),
    "varchar": ("varchar(5)", "abcde"),
    "domain": ("positive", 5),
}


@pytest.mark.parametrize("name", TYPED)
def test_columns_of_every_kind_take_their_values(pg: Database, name: str) -> None:
    for ddl in (
        "create type mood as enum ('glad', 'sad')",
        "create type colour as enum ('red', 'blue')",
        "create domain positive as int check (value > 0)",
    ):
        pg.execute(raw(ddl)).result()
    kind, cell = TYPED[name]
    pg.execute(raw(f"create table t (n int, v {kind})")).result()
    pg.execute(raw("insert into t values (0, {v})", v=cell)).result()
    assert pg.insert("t", [(1, cell), (2, None)]).result() == 2
    t = table("t")
    got = t.order_by(t.n).on(pg).fetch_all().result().column("v")
    expected = getattr(cell, "value", cell)  # of an enum, of Json
    assert got == [expected, expected, None]
