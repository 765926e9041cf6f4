"""Reading on PostgreSQL: every way to fetch, what a statement's text may hold, shapes of results."""

from __future__ import annotations

import asyncio
import dataclasses
import datetime
import decimal
import typing
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import polars as pl
import pyarrow as pa
import pydantic
import pytest

from molt_sql import (
    Database,
    DatabaseError,
    InvalidQueryError,
    MoltError,
    Table,
    UnsupportedError,
    connect,
    fn,
    raw,
    table,
)
from servers.fixtures import PostgresDatabase

Ask = Callable[[Any], Any]

PEOPLE = [
    (1, "Ann", decimal.Decimal("10.50"), datetime.date(1990, 12, 10)),
    (2, "Bob", None, None),
    (3, "Eve", decimal.Decimal("-0.05"), datetime.date(2001, 2, 28)),
]


@pytest.fixture(params=["result", "await"])
def ask(request: pytest.FixtureRequest) -> Ask:
    """Runs a request, by `.result()` or awaited."""
    if request.param == "result":
        return lambda pending: pending.result()

    async def wait(pending: Any) -> Any:
        return await pending

    return lambda pending: asyncio.run(wait(pending))


@pytest.fixture(scope="module")
def stocked(pg_database: PostgresDatabase) -> str:
    """The URL of a database with a table people, which no test changes, and a few more."""
    with connect(pg_database.url()) as db:
        for ddl in (
            "create table people (id int primary key, name text, paid numeric(8,2), born date)",
            "create schema other",
            'create table other."odd.Näme ""x"" " (id bigint, "A b" text)',
            "create view grown as select id, name from people where born < '2000-01-01'",
            "create type mood as enum ('glad', 'sad')",
            "create table feelings (id int generated always as identity, m mood)",
        ):
            raw(ddl).on(db).execute().result()
        db.insert("people", PEOPLE).result()
    return pg_database.url()


@pytest.fixture(scope="module", params=[256, 0], ids=["prepared", "unprepared"])
def pg(request: pytest.FixtureRequest, stocked: str) -> Iterator[Database]:
    """With statements kept by name, and without."""
    with connect(stocked, statement_cache_size=request.param) as db:
        yield db


people = table("people")


# -- Every way to fetch ----------------------------------------------------------------------------


def test_all_rows(pg: Database, ask: Ask) -> None:
    rows = ask(people.order_by(people.id).on(pg).fetch_all())
    assert rows == PEOPLE
    assert rows[0].paid == decimal.Decimal("10.50")
    assert rows.schema == [
        ("id", "int32"),
        ("name", "utf8"),
        ("paid", "decimal128"),
        ("born", "date"),
    ]


def test_one_row_and_none(pg: Database, ask: Ask) -> None:
    assert ask(people.order_by(people.id.desc()).on(pg).fetch_one()).name == "Eve"
    assert ask(people.where(people.id > 9).on(pg).fetch_one()) is None


def test_one_row_of_many_is_all_that_is_sent(pg: Database, ask: Ask) -> None:
    endless = raw("select generate_series(1, 2000000000) as n").on(pg)
    assert ask(endless.fetch_one(timeout=10)) == (1,)
    assert ask(endless.fetch_value(timeout=10)) == 1
    assert ask(raw("select 1").on(pg).fetch_value()) == 1


def test_one_value_and_none(pg: Database, ask: Ask) -> None:
    assert ask(people.select(fn.count()).on(pg).fetch_value()) == 3
    assert ask(people.where(people.id > 9).select(people.id).on(pg).fetch_value()) is None
    assert ask(people.where(people.id == 2).select(people.paid).on(pg).fetch_value()) is None


def test_arrow_has_the_types_of_the_columns(pg: Database, ask: Ask) -> None:
    got = ask(people.order_by(people.id).on(pg).fetch_arrow())
    arrow = pa.table(got)
    arrow.validate(full=True)
    assert [str(field.type) for field in arrow.schema] == [
        "int32",
        "string",
        "decimal128(8, 2)",
        "date32[day]",
    ]
    assert [tuple(row.values()) for row in arrow.to_pylist()] == PEOPLE
    assert pl.DataFrame(got).shape == (3, 4)


@dataclasses.dataclass
class AsDataclass:
    id: int
    name: str | None
    born: datetime.date | None = None


class AsStruct(msgspec.Struct):
    id: int
    name: str | None
    born: datetime.date | None = None


class AsModel(pydantic.BaseModel):
    id: int
    name: str | None
    born: datetime.date | None = None


class AsTypedDict(typing.TypedDict):
    id: int
    name: str | None
    born: datetime.date | None


@pytest.mark.parametrize("kind", [AsDataclass, AsStruct, AsModel, AsTypedDict])
def test_rows_of_ones_own_type(pg: Database, ask: Ask, kind: Any) -> None:
    q = people.order_by(people.id).select(people.id, people.name, people.born).on(pg)
    expected = [kind(id=row[0], name=row[1], born=row[3]) for row in PEOPLE]
    assert ask(q.fetch_all(into=kind)) == expected
    assert ask(q.fetch_one(into=kind)) == expected[0]


@pytest.mark.parametrize("kind", [AsDataclass, AsStruct, AsModel])
def test_columns_that_do_not_fit_the_type_are_named(pg: Database, ask: Ask, kind: Any) -> None:
    with pytest.raises(InvalidQueryError, match="id"):
        ask(people.select(people.name).on(pg).fetch_all(into=kind))


def test_explain_shows_the_plan_and_analyze_runs_it(pg: Database, ask: Ask) -> None:
    q = people.where(people.name == "Bob").on(pg)
    plan = ask(q.explain())
    assert "Seq Scan on people" in plan
    assert "actual time" not in plan
    analyzed = ask(q.explain(analyze=True))
    assert "Seq Scan on people" in analyzed
    assert "actual time" in analyzed
    assert ask(people.select(fn.count()).on(pg).fetch_value()) == 3


def test_explain_of_values_that_are_bound(pg: Database, ask: Ask) -> None:
    assert "Result" in ask(raw("select {n} + 1, {t}", n=1, t="x").on(pg).explain())


def test_explain_of_a_statement_that_writes_changes_nothing(pg: Database, ask: Ask) -> None:
    deletes = raw("delete from people where id = {id}", id=1).on(pg)
    assert "Delete on people" in ask(deletes.explain())
    with pytest.raises(InvalidQueryError, match=r"writes|read-only"):
        ask(deletes.explain(analyze=True))
    assert ask(people.select(fn.count()).on(pg).fetch_value()) == 3


# -- What the database knows -----------------------------------------------------------------------


def test_a_reflected_table_has_the_columns_of_the_catalog(pg: Database) -> None:
    reflected = Table.reflect(pg, "people")
    assert list(reflected.__molt_columns__) == ["id", "name", "paid", "born"]
    assert reflected.order_by(reflected.id).on(pg).fetch_one().result() == PEOPLE[0]
    with pytest.raises(InvalidQueryError, match=r'no column "nmae".*"name"'):
        reflected.select(reflected.nmae)


def test_views_and_tables_of_other_schemas_are_reflected(pg: Database) -> None:
    assert list(Table.reflect(pg, "grown").__molt_columns__) == ["id", "name"]
    assert list(Table.reflect(pg, "pg_catalog.pg_class").__molt_columns__)[:2] == ["oid", "relname"]


def test_a_table_that_is_not_there_is_named_with_the_nearest(pg: Database, ask: Ask) -> None:
    with pytest.raises(InvalidQueryError, match=r'"peopel".*people'):
        Table.reflect(pg, "peopel")
    with pytest.raises(InvalidQueryError, match="peopel"):
        ask(table("peopel").query().on(pg).fetch_all())
    with pytest.raises(InvalidQueryError, match=r'"nmae".*"name"'):
        ask(people.select(people.nmae).on(pg).fetch_all())


def test_table_names_are_those_one_can_write_without_a_schema(pg: Database) -> None:
    assert pg.table_names() == ["feelings", "grown", "people"]


# -- The text of statements ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("select '$1', $$ $2 {{}} $$, {x}::int", ("$1", " $2 {} ", 7)),
        ("select $tag$it's $1$tag$, {x}::int", ("it's $1", 7)),
        ("-- $1 {{x}} '\nselect {x}::int /* $2 ' /* nested */ */", (7,)),
        ('/* {{ */ select {x}::int as "a $1 \' b"', (7,)),
        ("select E'\\'$1', U&'\\0041', {x}::int", ("'$1", "A", 7)),
        ("select 'žluťoučký 🐎 \u4e2d', {x}::int", ("žluťoučký 🐎 中", 7)),
        ("select {x}::int;", (7,)),
        ("select {x}::int, 5 % 3, '%s', '?'", (7, 2, "%s", "?")),
        ("values ({x}::int)", (7,)),
        ("table people limit 0 * {x}", None),
        ("with t as (select {x}::int as n) select n from t", (7,)),
    ],
)
def test_statement_text_arrives_as_it_was_written(
    pg: Database, ask: Ask, sql: str, expected: tuple[Any, ...] | None
) -> None:
    assert ask(raw(sql, x=7).on(pg).fetch_one()) == expected


@pytest.mark.parametrize("text", ["$1", "'; drop table people --", "ž 🐎", "", "a\\b", "{x}", "\n"])
def test_bound_text_comes_back_as_it_went(pg: Database, ask: Ask, text: str) -> None:
    assert ask(raw("select {t}::text", t=text).on(pg).fetch_value()) == text
    assert ask(raw("select {t}", t=text).on(pg).fetch_value()) == text


def test_two_statements_in_one_text_are_refused(pg: Database, ask: Ask) -> None:
    with pytest.raises(InvalidQueryError):
        ask(raw("select 1; select 2").on(pg).fetch_all())


@pytest.mark.parametrize("sql", ["", " ", "-- nothing", ";"])
def test_a_text_without_a_statement_is_refused(pg: Database, ask: Ask, sql: str) -> None:
    with pytest.raises(InvalidQueryError):
        ask(raw(sql).on(pg).fetch_all())
    assert ask(raw("select 1").on(pg).fetch_value()) == 1


def test_an_error_says_where_in_the_text(pg: Database, ask: Ask) -> None:
    with pytest.raises(InvalidQueryError, match=r"line 2, column 8"):
        ask(raw("select 1,\n  'ž', nothing_here").on(pg).fetch_all())


def test_a_zero_byte_in_text_is_refused_clearly(pg: Database, ask: Ask) -> None:
    with pytest.raises(MoltError, match=r"(?i)zero byte|0x00|NUL") as caught:
        ask(raw("select {t}::text", t="a\0secret").on(pg).fetch_all())
    assert "secret" not in str(caught.value)
    with pytest.raises(InvalidQueryError, match=r"(?i)zero byte|0x00|NUL"):
        ask(raw("select 'a\0b'").on(pg).fetch_all())
    assert ask(raw("select {b}::bytea", b=b"a\0b").on(pg).fetch_value()) == b"a\0b"


# -- Shapes of results -----------------------------------------------------------------------------


def test_columns_of_one_name_stay_apart(pg: Database, ask: Ask) -> None:
    rows = ask(raw("select 1 as a, 'x' as a, 2 as b").on(pg).fetch_all())
    assert rows.columns == ["a", "a", "b"]
    assert rows == [(1, "x", 2)]
    assert ask(raw("select 1, 2").on(pg).fetch_all()).columns == ["?column?", "?column?"]


@pytest.mark.parametrize("count", [0, 1, 3])
def test_rows_without_columns_are_counted(pg: Database, ask: Ask, count: int) -> None:
    rows = ask(raw("select from generate_series(1, {n}::int)", n=count).on(pg).fetch_all())
    assert rows.columns == []
    assert list(rows) == [()] * count


def test_no_rows_still_tell_names_and_types(pg: Database, ask: Ask) -> None:
    rows = ask(people.where(people.id < 0).on(pg).fetch_all())
    assert len(rows) == 0
    assert rows.columns == ["id", "name", "paid", "born"]
    assert pa.table(rows).num_rows == 0


def test_a_column_of_nulls_and_text_of_no_type(pg: Database, ask: Ask) -> None:
    rows = ask(raw("select null as n, 'x' as t, ''::text as e").on(pg).fetch_all())
    assert rows == [(None, "x", "")]
    pa.table(rows).validate(full=True)


def test_as_many_columns_as_a_result_can_have(pg: Database, ask: Ask) -> None:
    sql = "select " + ", ".join(f"{n} as c{n}" for n in range(1600))
    row = ask(raw(sql).on(pg).fetch_one())
    assert row == tuple(range(1600))
    assert row.c1599 == 1599
    with pytest.raises(MoltError, match="1664"):
        ask(raw("select " + ", ".join(["1"] * 1700)).on(pg).fetch_all())


def test_thirty_thousand_values_are_bound(pg: Database, ask: Ask) -> None:
    wanted = [*range(30_000)]
    assert ask(people.where(people.id.in_(wanted)).select(fn.count()).on(pg).fetch_value()) == 3


def test_more_values_than_the_protocol_takes_are_refused(pg: Database, ask: Ask) -> None:
    with pytest.raises(UnsupportedError, match="65535"):
        ask(people.where(people.id.in_([*range(70_000)])).on(pg).fetch_all())
    assert ask(raw("select 1").on(pg).fetch_value()) == 1


def test_cells_of_megabytes(pg: Database, ask: Ask) -> None:
    sql = "select repeat('ž', 2500000) as t, n from generate_series(1, 3) n"
    rows = ask(raw(sql).on(pg).fetch_all())
    assert [(len(row.t), row.n) for row in rows] == [(2_500_000, 1), (2_500_000, 2), (2_500_000, 3)]
    assert rows[2].t == "ž" * 2_500_000
    there_and_back = "x🐎" * 1_000_000
    assert ask(raw("select {t}::text", t=there_and_back).on(pg).fetch_value()) == there_and_back


def test_results_of_every_length_about_the_receive_buffer(pg: Database) -> None:
    q = "select repeat('x', {n}) from generate_series(1, 3)"
    for length in [*range(8150, 8200, 7), *range(16340, 16400, 7), 65_536, 131_072, 262_145]:
        rows = raw(q, n=length).on(pg).fetch_all().result()
        assert [len(row[0]) for row in rows] == [length] * 3


def test_an_error_in_the_midst_of_rows_leaves_the_connection_good(pg: Database, ask: Ask) -> None:
    sql = "select 1 / (n - 50000) from generate_series(1, 100000) n"
    with pytest.raises(DatabaseError, match="division by zero") as caught:
        ask(raw(sql).on(pg).fetch_all())
    assert caught.value.code == "22012"
    assert ask(raw("select 1").on(pg).fetch_value()) == 1


def test_enums_and_odd_names_are_read(pg: Database, ask: Ask) -> None:
    assert ask(raw("select 'sad'::mood as m").on(pg).fetch_value()) == "sad"
    odd = 'other."odd.Näme ""x"" "'
    assert ask(raw(f"select count(*) from {odd}").on(pg).fetch_value()) == 0
    assert ask(raw('select 1 as "A ""q"" ž"').on(pg).fetch_all()).columns == ['A "q" ž']


# -- Who reads -------------------------------------------------------------------------------------


def test_a_superuser_does_not_read_unless_it_is_allowed(
    pg_database: PostgresDatabase, ask: Ask
) -> None:
    url = pg_database.url("postgres")
    with connect(url) as db:
        for pending in (
            raw("select 1").on(db).fetch_all(),
            raw("select 1").on(db).fetch_value(),
            raw("select 1").on(db).explain(),
        ):
            with pytest.raises(InvalidQueryError, match=r"superuser.*allow_superuser=True"):
                ask(pending)
        with pytest.raises(InvalidQueryError, match="superuser"):
            list(raw("select 1").on(db).stream())
        with (
            pytest.raises(InvalidQueryError, match="superuser"),
            db.transaction(readonly=True) as tx,
        ):
            raw("select 1").on(tx).fetch_all().result()
    with connect(url, allow_superuser=True) as db:
        assert ask(raw("select current_user::text").on(db).fetch_value()) == "postgres"
