"""The golden cases and TPC-H through a worker: the same rows, types, names, Arrow and errors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from client.tools import Way, Ways, arrow_of, open_ways, outcome
from golden.test_golden import NAMES, Case, case, database_path, pg_dataset
from molt_sql import Query, Raw, raw, table
from python.test_tpch import QUERIES, duck, pg_tpch
from python.test_tpch import sqlite as sqlite_tpch

__all__ = ["case", "database_path", "duck", "pg_dataset", "pg_tpch", "sqlite_tpch"]  # fixtures


@pytest.fixture(scope="module")
def on_sqlite(database_path: Path) -> Iterator[Ways]:
    with open_ways(f"sqlite:///{database_path}") as ways:
        yield ways


@pytest.fixture(scope="module")
def on_postgres(pg_dataset: str) -> Iterator[Ways]:
    with open_ways(pg_dataset) as ways:
        yield ways


def assert_same(ways: Ways, way: Way, query: Query | Raw) -> None:
    through = ways.through(way)
    expected = outcome(query.on(ways.direct).fetch_all().result)
    assert outcome(query.on(through).fetch_all().result) == expected
    expected = outcome(query.on(ways.direct).fetch_one().result)
    assert outcome(query.on(through).fetch_one().result) == expected
    expected = outcome(lambda: arrow_of(query.on(ways.direct).fetch_arrow().result()))
    assert outcome(lambda: arrow_of(query.on(through).fetch_arrow().result())) == expected


def test_case_on_sqlite(on_sqlite: Ways, way: Way, case: Case) -> None:
    assert_same(on_sqlite, way, case.query())


def test_case_on_postgres(on_postgres: Ways, way: Way, case: Case) -> None:
    assert_same(on_postgres, way, case.query())


def test_most_cases_give_rows(on_sqlite: Ways, case: Case) -> None:
    """So that both ways do not merely fail alike."""
    if case.sections["sqlite"].startswith("unsupported: "):
        assert outcome(case.query().on(on_sqlite.stdio).fetch_all().result)[0] == "UnsupportedError"
    else:
        names = case.sections["rows"].splitlines()[0]
        assert ", ".join(case.query().on(on_sqlite.stdio).fetch_all().result().columns) == names


MISTAKES: dict[str, Callable[[], Query | Raw]] = {
    "an unknown table": lambda: table("nowhere").query(),
    "an unknown column": lambda: table("users").where(table("users").nmae == "x"),
    "of no type": lambda: table("users").where(table("users").c["age"] == "x"),
    "a syntax error": lambda: raw("select from where"),
    "a write": lambda: raw("delete from users"),
    "two statements": lambda: raw("select 1; select 2"),
    "a missing function": lambda: raw("select no_such_function(1)"),
    "a division by zero": lambda: raw("select 1 / (select 0)"),
    "nothing": lambda: raw(" "),
    "too many parameters": lambda: raw("select 1 -- {a}", a=1),
}


@pytest.mark.parametrize("mistake", MISTAKES)
@pytest.mark.parametrize("engine", ["sqlite", "postgres"])
def test_a_mistake_is_the_same_error(
    engine: str, way: Way, mistake: str, request: pytest.FixtureRequest
) -> None:
    ways: Ways = request.getfixturevalue(f"on_{engine}")
    assert_same(ways, way, MISTAKES[mistake]())


@pytest.fixture(scope="module")
def tpch_on_sqlite(sqlite_tpch: object, request: pytest.FixtureRequest) -> Iterator[Ways]:
    url: str = request.getfixturevalue("sqlite_tpch").url
    with open_ways(url.partition("?")[0]) as ways:
        yield ways


@pytest.fixture(scope="module")
def tpch_on_postgres(pg_tpch: str) -> Iterator[Ways]:
    with open_ways(pg_tpch) as ways:
        yield ways


@pytest.mark.parametrize("number", QUERIES)
def test_tpch_on_sqlite(tpch_on_sqlite: Ways, way: Way, number: int) -> None:
    assert_same(tpch_on_sqlite, way, QUERIES[number]())


@pytest.mark.parametrize("number", QUERIES)
def test_tpch_on_postgres(tpch_on_postgres: Ways, way: Way, number: int) -> None:
    assert_same(tpch_on_postgres, way, QUERIES[number]())


def test_the_names_of_the_cases_are_here() -> None:
    assert NAMES.keys() >= {"User", "Order", "Item"}
