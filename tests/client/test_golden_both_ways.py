"""The golden cases through a worker: the same rows, types, names, Arrow and errors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from client.tools import Way, Ways, assert_same_query, open_ways, outcome
from golden.test_golden import Case, case, database_path, pg_dataset
from molt_sql import Query, Raw, raw, table

__all__ = ["case", "database_path", "pg_dataset"]  # fixtures


@pytest.fixture(scope="module")
def on_sqlite(database_path: Path) -> Iterator[Ways]:
    with open_ways(f"sqlite:///{database_path}") as ways:
        yield ways


@pytest.fixture(scope="module")
def on_postgres(pg_dataset: str) -> Iterator[Ways]:
    with open_ways(pg_dataset) as ways:
        yield ways


def test_case_on_sqlite(on_sqlite: Ways, way: Way, case: Case) -> None:
    assert_same_query(on_sqlite, way, case.query())


def test_case_on_postgres(on_postgres: Ways, way: Way, case: Case) -> None:
    assert_same_query(on_postgres, way, case.query())


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
    assert_same_query(ways, way, MISTAKES[mistake]())
