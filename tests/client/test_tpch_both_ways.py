"""TPC-H through a worker: the same rows, types, names and Arrow."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from client.tools import Way, Ways, assert_same_query, open_ways
from molt_sql import Database
from python.test_tpch import QUERIES, duck, pg_tpch, sqlite

__all__ = ["duck", "pg_tpch", "sqlite"]  # fixtures


@pytest.fixture(scope="module")
def tpch_on_sqlite(sqlite: Database) -> Iterator[Ways]:
    with open_ways(sqlite.url.partition("?")[0]) as ways:
        yield ways


@pytest.fixture(scope="module")
def tpch_on_postgres(pg_tpch: str) -> Iterator[Ways]:
    with open_ways(pg_tpch) as ways:
        yield ways


@pytest.mark.parametrize("number", QUERIES)
def test_tpch_on_sqlite(tpch_on_sqlite: Ways, way: Way, number: int) -> None:
    assert_same_query(tpch_on_sqlite, way, QUERIES[number]())


@pytest.mark.parametrize("number", QUERIES)
def test_tpch_on_postgres(tpch_on_postgres: Ways, way: Way, number: int) -> None:
    assert_same_query(tpch_on_postgres, way, QUERIES[number]())
